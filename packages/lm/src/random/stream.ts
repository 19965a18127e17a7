import { naturalLog } from "./naturalLog.ts"
import { philox4x32, seedWords, unitInterval } from "./philox.ts"

/** Set in the key of every stream, so that no stream meets the numbers of `uniform`: seeds leave this bit free. */
const streamDomain = 0x8000_0000

/** FNV-1a over UTF-16 units. */
const hash = (text: string, start: number): number => {
  let h = start
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x0100_0193)
  return h >>> 0
}

/** A sequence of random numbers; the same on every machine for the same seed and label. */
export interface Stream {
  /** Next number in [0, 1), 53 bits. */
  readonly next: () => number
  /** Next whole number in [0, bound). */
  readonly below: (bound: number) => number
  /** `length` numbers in [low, high). */
  readonly uniform: (length: number, low: number, high: number) => Float32Array
  /** `length` numbers of a normal distribution. */
  readonly normal: (length: number, mean: number, deviation: number) => Float32Array
  /** A new array with the same items in random order. */
  readonly shuffle: <A>(items: ReadonlyArray<A>) => Array<A>
}

/** The stream of that name: streams with other seeds or labels are independent of it. For weight initialisation, shuffles, data. */
export const stream = (seed: number, label: string): Stream => {
  const [low, high] = seedWords(seed)
  const key = [low, high | streamDomain] as const
  const label0 = hash(label, 0x811c_9dc5)
  const label1 = hash(label, 0x1234_5679)
  let index = 0

  const next = () => {
    const [a, b] = philox4x32([index >>> 0, Math.floor(index / 0x1_0000_0000), label0, label1], key)
    index++
    return unitInterval(a, b)
  }

  const below = (bound: number) => {
    if (!Number.isSafeInteger(bound) || bound < 1) throw new RangeError(`a bound is a whole number ≥ 1; found ${bound}`)
    return Math.floor(next() * bound)
  }

  /** Marsaglia's polar method: only arithmetic, a square root and our own logarithm, so the bits do not depend on a libm. */
  const normalPair = (): readonly [number, number] => {
    for (;;) {
      const x = 2 * next() - 1
      const y = 2 * next() - 1
      const s = x * x + y * y
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * naturalLog(s)) / s)
        return [x * factor, y * factor]
      }
    }
  }

  return {
    next,
    below,
    uniform: (length, from, to) => Float32Array.from({ length }, () => from + (to - from) * next()),
    normal: (length, mean, deviation) => {
      const out = new Float32Array(length)
      for (let i = 0; i < length; i += 2) {
        const [a, b] = normalPair()
        out[i] = mean + deviation * a
        if (i + 1 < length) out[i + 1] = mean + deviation * b
      }
      return out
    },
    shuffle: (items) =>
      items
        .map((item) => ({ item, at: next() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ item }) => item),
  }
}
