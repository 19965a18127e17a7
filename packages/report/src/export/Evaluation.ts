/** What an export is made from: an evaluation, or what a training run measured after one of its steps. */
import type { Artefact, ItemRecord } from "hmx"

export interface EvaluatedTask {
  readonly name: string
  /** null where it is not known. */
  readonly version: number | null
  /** Solved examples that were shown, as lm-evaluation-harness counts them; null where that is not known. */
  readonly shots: number | null
  /** File names of its data, with sha-256. */
  readonly data: ReadonlyArray<{ readonly name: string; readonly sha256: string }>
  readonly measures: ReadonlyArray<Artefact.Measure>
  /** In the items' order; empty where none were kept. */
  readonly records: ReadonlyArray<ItemRecord>
}

export interface Evaluation {
  readonly model: { readonly name: string; readonly digest: string }
  readonly adapter: { readonly path: string; readonly digest: string } | null
  readonly engine: { readonly name: string; readonly version: string; readonly device: string; readonly dtype: string }
  readonly seed: number
  /** The first so many items of each task were meant, or so many from the whole of it; null of all, or where that is not known. */
  readonly limit: number | null
  readonly sample: number | null
  /** Milliseconds since 1970; null where that is not known. */
  readonly started: number | null
  readonly seconds: number | null
  /** Updates before it, of a training run. */
  readonly step: number | null
  /** Version of HMX. */
  readonly hmx: string
  readonly tasks: ReadonlyArray<EvaluatedTask>
}

/** Items that were asked, and those that were left out for their length. */
export const counts = ({ measures, records }: EvaluatedTask) => {
  const long = records.filter((record) => "tooLong" in record).length
  const all = records.length > 0 ? records.length : Math.max(0, ...measures.map(({ n }) => n))
  return { all, asked: all - long }
}
