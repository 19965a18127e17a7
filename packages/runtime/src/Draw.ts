/** Which prompts a step asks. A pure function of seed and step: it needs no state, so a resumed run draws the same ones. */

/** SplitMix32 (Steele, Lea, Flood 2014, the 32-bit variant): a small generator for shuffles, seeded by its arguments. */
const generator = (...key: ReadonlyArray<number>): (() => number) => {
  let state = 0x9e3779b9
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  for (const part of key) {
    state = (state ^ part) | 0
    next()
    state = next() | 0
  }
  return next
}

/** The indices 0 … n − 1 in the order of an epoch (Fisher–Yates). */
export const shuffled = (n: number, seed: number, epoch: number): ReadonlyArray<number> => {
  const next = generator(seed, epoch)
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = next() % (i + 1)
    const moved = order[i] ?? 0
    order[i] = order[j] ?? 0
    order[j] = moved
  }
  return order
}

/**
 * `perStep` of `items` for the 1-based `step`: without replacement within an epoch, reshuffled for the next. An epoch has
 * ⌊items / perStep⌋ steps; what is left over waits for another epoch's order (as TRL's RepeatSampler drops it).
 */
export const draw = <A>(items: ReadonlyArray<A>, perStep: number, seed: number, step: number): ReadonlyArray<A> => {
  const stepsPerEpoch = Math.floor(items.length / perStep)
  const epoch = Math.floor((step - 1) / stepsPerEpoch)
  const from = ((step - 1) % stepsPerEpoch) * perStep
  return shuffled(items.length, seed, epoch)
    .slice(from, from + perStep)
    .flatMap((i) => items[i] ?? [])
}
