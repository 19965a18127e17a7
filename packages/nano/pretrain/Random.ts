/** Counter-based random numbers: the n-th number of (seed, stream) is a hash of the three, so any episode can be made again by its index. */

/** The finaliser of MurmurHash3: a bijection of 32-bit integers in which every input bit moves every output bit. */
const mix = (value: number): number => {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** A 32-bit digest of a text (FNV-1a, then mixed): decides what is held out, the same on every machine. */
export const digest = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix(h)
}

export class Random {
  private readonly key: number
  private readonly second: number
  private counter = 0

  constructor(seed: number, stream: number) {
    this.key = mix(mix(seed ^ 0x9e3779b9) + Math.imul(stream, 0x632be5ab))
    this.second = mix(this.key ^ mix(stream + 0x7f4a7c15))
  }

  /** In [0, 1). */
  uniform(): number {
    const n = this.counter++
    return mix(mix(this.key + Math.imul(n, 0x9e3779b9)) ^ this.second) / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.uniform() < probability
  }

  /** In 0 … n − 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  pick<A>(items: ReadonlyArray<A>): A {
    return this.weighted(items, () => 1)
  }

  weighted<A>(items: ReadonlyArray<A>, weight: (item: A) => number): A {
    let left = this.uniform() * items.reduce((total, item) => total + weight(item), 0)
    for (const item of items) {
      left -= weight(item)
      if (left < 0) return item
    }
    const last = items.at(-1)
    if (last === undefined) throw new RangeError("nothing to pick from")
    return last
  }

  /** A new array in random order (Fisher and Yates). */
  shuffled<A>(items: ReadonlyArray<A>): Array<A> {
    const out: Array<A> = []
    for (const [i, item] of items.entries()) out.splice(this.integer(i + 1), 0, item)
    return out
  }
}
