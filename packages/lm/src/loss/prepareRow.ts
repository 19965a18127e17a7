import type { FullLossOptions } from "./defaults.ts"
import type { LossRow } from "./LossInputs.ts"

/** A row with the masked tokens left out. */
export interface PreparedRow {
  readonly advantage: number
  /** Length of the row as it came. */
  readonly length: number
  /** Places of the tokens that are in the loss; the arrays below are parallel to it. */
  readonly places: ReadonlyArray<number>
  readonly logprobs: ReadonlyArray<number>
  /** log(new / old) of each token. */
  readonly logRatios: ReadonlyArray<number>
  /** The importance ratio of each token; with sequence-level sampling all of them are the geometric mean over the row. */
  readonly ratios: ReadonlyArray<number>
  /** One ratio for the whole row. */
  readonly sequenceLevel: boolean
  readonly refLogprobs: ReadonlyArray<number> | undefined
  readonly entropies: ReadonlyArray<number> | undefined
}

/** Throws a RangeError where an array has another length, or a reference is missing that the loss reads. */
export const prepareRow = (row: LossRow, options: FullLossOptions, index: number): PreparedRow => {
  const length = row.logprobs.length
  for (const name of ["oldLogprobs", "refLogprobs", "entropies", "mask"] as const) {
    const found = row[name]?.length ?? length
    if (found !== length) throw new RangeError(`row ${index}: ${name} has ${found} tokens, logprobs has ${length}`)
  }
  if (options.beta !== 0 && row.refLogprobs === undefined) {
    throw new RangeError(`row ${index}: beta is ${options.beta}, and there are no refLogprobs`)
  }
  const places: Array<number> = []
  for (let t = 0; t < length; t++) if (row.mask === undefined || row.mask[t] !== 0) places.push(t)
  const pick = (values: ArrayLike<number>) => places.map((t) => values[t] ?? Number.NaN)

  const logprobs = pick(row.logprobs)
  const old = row.oldLogprobs
  const logRatios = old === undefined ? logprobs.map(() => 0) : pick(old).map((x, i) => (logprobs[i] ?? Number.NaN) - x)
  const sequenceLevel = options.importanceSampling === "sequence"
  const mean = logRatios.reduce((sum, x) => sum + x, 0) / Math.max(logRatios.length, 1)
  return {
    advantage: row.advantage,
    length,
    places,
    logprobs,
    logRatios,
    ratios: logRatios.map((x) => Math.exp(sequenceLevel ? mean : x)),
    sequenceLevel,
    refLogprobs: options.beta === 0 || row.refLogprobs === undefined ? undefined : pick(row.refLogprobs),
    entropies: row.entropies === undefined ? undefined : pick(row.entropies),
  }
}
