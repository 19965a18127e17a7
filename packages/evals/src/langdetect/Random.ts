/** CPython's `random.Random`: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) and what it draws from it. */
export interface Random {
  /** A whole number in [0, n), as `choice` takes an index: by rejection. 1 ≤ n < 2³². */
  readonly below: (n: number) => number
  /** Normal, mean 0 and standard deviation 1, as `gauss(0, 1)`: Box and Muller's two at a time. */
  readonly gauss: () => number
}

const [size, middle] = [624, 397]

/** `init_genrand`. */
const seeded = (seed: number): Uint32Array => {
  const state = new Uint32Array(size)
  let last = seed >>> 0
  state[0] = last
  for (let i = 1; i < size; i++) {
    last = (Math.imul(1812433253, last ^ (last >>> 30)) + i) >>> 0
    state[i] = last
  }
  return state
}

/** `init_by_array` of one word, which is how CPython takes a seed below 2³². */
const begin = (seed: number): Uint32Array => {
  const state = seeded(19650218)
  const at = (i: number): number => state[i] ?? 0
  let i = 1
  const next = () => {
    i++
    if (i < size) return
    state[0] = at(size - 1)
    i = 1
  }
  for (let k = 0; k < size; k++) {
    state[i] = (at(i) ^ Math.imul(at(i - 1) ^ (at(i - 1) >>> 30), 1664525)) + seed
    next()
  }
  for (let k = 1; k < size; k++) {
    state[i] = (at(i) ^ Math.imul(at(i - 1) ^ (at(i - 1) >>> 30), 1566083941)) - i
    next()
  }
  state[0] = 0x80000000
  return state
}

/** As `Random(seed)`; `seed` is a whole number, 0 ≤ seed < 2³². */
export const random = (seed: number): Random => {
  const state = begin(seed)
  const at = (i: number): number => state[i % size] ?? 0
  let used = size
  const word = (): number => {
    if (used === size) {
      for (let i = 0; i < size; i++) {
        const y = (at(i) & 0x80000000) | (at(i + 1) & 0x7fffffff)
        state[i] = at(i + middle) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
      }
      used = 0
    }
    let y = at(used++)
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
  /** In [0, 1), 53 bits. */
  const uniform = (): number => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53
  let second: number | undefined
  return {
    below: (n) => {
      const shift = Math.clz32(n)
      for (;;) {
        const drawn = word() >>> shift
        if (drawn < n) return drawn
      }
    },
    gauss: () => {
      if (second !== undefined) {
        const kept = second
        second = undefined
        return kept
      }
      const angle = uniform() * 2 * Math.PI
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
      second = Math.sin(angle) * radius
      return Math.cos(angle) * radius
    },
  }
}
