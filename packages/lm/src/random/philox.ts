/**
 * Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
 * A random number is a function of a key and a counter; there is no state to carry, so order and batching cannot matter.
 */

/** Four unsigned 32-bit words. */
export type Words4 = readonly [number, number, number, number]

/** High 32 bits of the product of two unsigned 32-bit words, by halves: every sum below stays under 2³². */
const mulHigh = (a: number, b: number): number => {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const other = aLow * bHigh + (middle & 0xffff)
  return aHigh * bHigh + (middle >>> 16) + (other >>> 16)
}

/** Ten rounds over a 128-bit counter with a 64-bit key; every word is taken modulo 2³². */
export const philox4x32 = (counter: Words4, key: readonly [number, number]): Words4 => {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0 >>> 0)
    const low0 = Math.imul(0xd2511f53, c0)
    const high1 = mulHigh(0xcd9e8d57, c2 >>> 0)
    const low1 = Math.imul(0xcd9e8d57, c2)
    c0 = high1 ^ c1 ^ k0
    c1 = low1
    c2 = high0 ^ c3 ^ k1
    c3 = low0
    k0 = (k0 + 0x9e3779b9) | 0
    k1 = (k1 + 0xbb67ae85) | 0
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0]
}

/** The two 32-bit halves of a seed: any safe integer, negative ones included. */
export const seedWords = (seed: number): readonly [number, number] => {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`a seed is a safe integer; found ${seed}`)
  return [seed >>> 0, Math.floor(seed / 0x1_0000_0000) & 0x3f_ffff]
}

/** 53 random bits of two words, in [0, 1). */
export const unitInterval = (high: number, low: number): number =>
  ((high >>> 5) * 0x400_0000 + (low >>> 6)) / 0x20_0000_0000_0000
