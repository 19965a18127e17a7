/** One line of the harness: a figure that was compared with the reference, or why nothing was. */
export type Line = Measured | Skipped

export interface Measured {
  readonly status: "ok" | "off"
  /** The folder or file of the fixtures, then the case. */
  readonly case: string
  /** What was compared. */
  readonly what: string
  /** Largest |ours − reference| (relative where `what` says so); for exact comparisons the number of differences. */
  readonly maxDelta: number
  readonly bound: number
}

export interface Skipped {
  readonly status: "skipped"
  readonly case: string
  readonly why: string
}

/** NaN is never within a bound. */
export const measured = (name: string, what: string, maxDelta: number, bound: number): Measured => ({
  status: maxDelta <= bound ? "ok" : "off",
  case: name,
  what,
  maxDelta,
  bound,
})

/** A check that could not be made, which counts as one that is off. */
export const failed = (name: string, why: string): Measured => ({
  status: "off",
  case: name,
  what: why,
  maxDelta: Number.POSITIVE_INFINITY,
  bound: 0,
})

export const skipped = (name: string, why: string): Skipped => ({ status: "skipped", case: name, why })

const figure = (x: number) => (Number.isInteger(x) ? String(x) : x.toExponential(1))

/** For people. */
export const render = (line: Line): string =>
  line.status === "skipped"
    ? `skipped  ${line.case}: ${line.why}`
    : `${line.status.padEnd(7)}  ${line.case}  ${line.what}  max |Δ| ${figure(line.maxDelta)}  bound ${figure(line.bound)}`

/** For programs: one JSON object a line. NaN and infinities are written as strings. */
export const renderJson = (line: Line): string =>
  JSON.stringify(
    line.status === "skipped"
      ? { case: line.case, skipped: line.why }
      : { case: line.case, what: line.what, maxDelta: line.maxDelta, bound: line.bound, ok: line.status === "ok" },
    (_, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value),
  )

/** The lines of one case; what it throws is a line too, so that one broken case does not hide the others. */
export function* guarded(name: string, check: () => Iterable<Line>): Generator<Line> {
  try {
    yield* check()
  } catch (error) {
    yield failed(name, error instanceof Error ? error.message : String(error))
  }
}
