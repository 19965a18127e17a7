import { maxDelta, maxRelativeDelta, maxScaledDelta } from "./compare.ts"
import { type Line, measured } from "./Line.ts"

/** How figures are compared: by |Δ|, by |Δ| / max(1, |reference|), or by |Δ| / |reference|. */
const distances = { absolute: maxDelta, scaled: maxScaledDelta, relative: maxRelativeDelta }

/** One quantity of a training run. */
export interface Quantity {
  readonly what: string
  readonly by: keyof typeof distances
  readonly bound: number
}

/** Figures of a quantity, in one order. */
interface Figures {
  readonly found: Array<number>
  readonly golden: Array<number>
  /** How far f32 rounding may move each; 0 unless said. */
  readonly movement: Array<number>
  /** The size of one step: as far as a figure may be off that rounding decides. */
  step: number
}

/** How many of the weights rounding may decide, as a share of all. */
const share = 0.01

const of = (values: ReadonlyArray<number>, places: ReadonlyArray<number>) => places.map((i) => values[i] ?? Number.NaN)

/** What a training run computed, and what the reference did, by quantity and in one order. */
export class Trajectory {
  readonly #figures = new Map<Quantity, Figures>()

  add(
    quantity: Quantity,
    found: ArrayLike<number>,
    golden: ArrayLike<number>,
    conditioning?: { readonly movement: ArrayLike<number>; readonly step: number },
  ): void {
    if (found.length !== golden.length) {
      throw new RangeError(`${quantity.what}: ${found.length} figures, the reference has ${golden.length}`)
    }
    const figures = this.#figures.get(quantity) ?? { found: [], golden: [], movement: [], step: 0 }
    this.#figures.set(quantity, figures)
    for (let i = 0; i < found.length; i++) {
      figures.found.push(found[i] ?? Number.NaN)
      figures.golden.push(golden[i] ?? Number.NaN)
      figures.movement.push(conditioning?.movement[i] ?? 0)
    }
    figures.step = Math.max(figures.step, conditioning?.step ?? 0)
  }

  /**
   * The comparison, a line a quantity. AdamW divides by √v̂, so where that is near 0 the rounding of a gradient becomes a share of the
   * learning rate, and the reference's own weight is not determined to the bound. Such weights — those that rounding may move
   * beyond it — are left out of the strict figure where they break it, counted, and held to that movement and to the size of a step;
   * all others keep the stated bound.
   */
  *lines(name: string): Generator<Line> {
    for (const [quantity, { found, golden, movement, step }] of this.#figures) {
      const what = quantity.by === "relative" ? `${quantity.what}, relative` : quantity.what
      const distance = distances[quantity.by]
      const loose = movement.flatMap((moved, i) => (moved > quantity.bound ? [i] : []))
      if (loose.length === 0 || distance(found, golden) <= quantity.bound) {
        yield measured(name, what, distance(found, golden), quantity.bound)
        continue
      }
      const kept = movement.flatMap((moved, i) => (moved > quantity.bound ? [] : [i]))
      const count = `${loose.length} of ${found.length}`
      yield measured(
        name,
        `${what}, but ${count} that rounding decides`,
        distance(of(found, kept), of(golden, kept)),
        quantity.bound,
      )
      const shares = loose.map((i) => distance(of(found, [i]), of(golden, [i])) / Math.min(movement[i] ?? 0, step))
      yield measured(name, `${what}, those ${count}, by what rounding may move each`, Math.max(...shares), 1)
      yield measured(name, `${what}, share of those ${count}`, loose.length / found.length, share)
    }
  }
}
