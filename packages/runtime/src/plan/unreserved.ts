/** Stages of one's own that do not say what they hold: nothing is kept for them, which is right only where they ask the model nothing. */
import { amount, type Experiment, type Stage } from "hmx"
import { measures } from "../measuring.ts"
import type { Rehearsed } from "./rehearse.ts"

export interface Unreserved {
  /** Place among the stages, from 0. */
  readonly index: number
  readonly stage: string
  /** What it asks of the model takes so many bytes, by a rehearsal; null where it could not be rehearsed. */
  readonly bytes: number | null
}

/** The stages of HMX can be made anew from other options; one's own cannot. */
const isOwn = (stage: Stage.Any): boolean => stage.remake === undefined && !measures(stage)

/** Whether an experiment has stages of one's own without a word on what they hold. */
export const silent = ({ stages }: Experiment.Any): boolean =>
  stages.some((stage) => isOwn(stage) && stage.reserve === undefined)

/** Those of them that hold something, or may. `rehearsed` is of all stages. */
export const unreserved = (
  { stages }: Experiment.Any,
  rehearsed: ReadonlyArray<Rehearsed>,
): ReadonlyArray<Unreserved> =>
  stages.flatMap((stage, index): ReadonlyArray<Unreserved> => {
    if (!isOwn(stage) || stage.reserve !== undefined) return []
    const parts = rehearsed[index]?.parts ?? null
    if (parts === null) return [{ index, stage: stage.name, bytes: null }]
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
    return bytes === 0 ? [] : [{ index, stage: stage.name, bytes }]
  })

/** The same as a sentence. */
export const unreservedText = ({ bytes, stage }: Unreserved): string =>
  `${stage} reserves nothing, and ${
    bytes === null
      ? "what it asks of the model could not be rehearsed"
      : `what it asks of the model holds ${amount(bytes)}`
  }`
