/** Random numbers from a counter and a seed: the same everywhere, in any order. */

/** splitmix32's finaliser (Steele et al. 2014, with Stafford's constants for 32 bits). */
const mix = (x: number): number => {
  let h = x | 0
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
  return (h ^ (h >>> 15)) >>> 0
}

/** Whole numbers of a stream: the i-th one in [0, below), by seed, stream and i alone; `below` up to 2³². */
export const randomInts = (seed: number, stream: number): ((i: number, below: number) => number) => {
  const key = mix(mix(seed + 0x9e3779b9) ^ stream)
  return (i, below) => Math.floor((mix(key + Math.imul(i, 0x85ebca6b)) / 2 ** 32) * below)
}
