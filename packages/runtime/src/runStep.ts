/** One step of a run: its work, and the answers of DESIGN §7 to what goes wrong in it. */
import * as Effect from "effect/Effect"
import { Artefact, LanguageModel, Step } from "hmx"
import type { Cursor } from "./Cursor.ts"
import { gaveUp } from "./Failures.ts"
import { flow, inOrder, microBatchOf, type Pipeline, type Row } from "./flow.ts"
import * as Metrics from "./Metrics.ts"
import { reasonOf, said } from "./Policies.ts"
import { placeOf } from "./store/Pieces.ts"

/** Times that a step is sampled again because its rollouts came from another policy. */
const samplesAgain = 2
/** Steps in a row that may go without an update for one reason; the next one fails the run. */
const skips: { readonly [tag: string]: number } = { NonFinite: 2, NoSignal: 9 }
const skipsOfOthers = 2
/** What the same update would end in again, so that it need not be tried: what an author skips may be a matter of luck. */
const certain: ReadonlySet<string> = new Set(["NoSignal", "NonFinite"])

/**
 * Runs the step after the cursor on these prompts: the next cursor, and the step's metrics. `restore` puts the adapter back to the
 * cursor's: a failed update may have moved it already (the first of several iterations, or an optimiser step that was not finite).
 */
export const runStep = Effect.fnUntraced(function* <E, R>(
  pipeline: Pipeline,
  cursor: Cursor,
  prompts: ReadonlyArray<Artefact.Prompt>,
  restore: Effect.Effect<void, E, R>,
) {
  const { adapter, step } = yield* Step
  const lm = yield* LanguageModel
  const note = (text: string) => pipeline.emit({ _tag: "Noted", step, text })
  const finished = new Map<number, Row | undefined>()
  const at = placeOf(cursor, step)
  let { inFlight, microBatchGroups } = cursor
  let moved = false
  const putBack = Effect.suspend(() => {
    if (!moved) return Effect.void
    return Effect.andThen(
      restore,
      Effect.sync(() => {
        moved = false
      }),
    )
  })
  const beforeUpdate = Effect.andThen(
    putBack,
    Effect.sync(() => {
      moved = true
    }),
  )
  for (let again = 0; ;) {
    const made = yield* Effect.result(
      flow(pipeline, prompts, { at, inFlight, microBatchGroups, finished, beforeUpdate }),
    )
    const groups = inOrder(finished)
    const tokens = cursor.tokens + Metrics.tokens(groups)
    const metrics = { ...Metrics.ofGroups(groups), num_tokens: tokens }
    const unscored = Metrics.unscored(groups)
    const next = { ...cursor, step, inFlight, microBatchGroups, tokens }
    if (made._tag === "Success") {
      const policy = made.success["policy"]
      if (unscored !== undefined) yield* note(unscored)
      const updated = policy instanceof Artefact.Policy ? policy : undefined
      const optimiser = updated === undefined ? undefined : pipeline.pieces.keyOf(updated)
      return {
        cursor: {
          ...next,
          policy: updated?.ref ?? cursor.policy,
          skipped: {},
          ...(updated === undefined ? {} : { optimiser: optimiser ?? `after ${updated.ref.adapter}` }),
        },
        metrics: { ...updated?.metrics, ...metrics },
      }
    }
    const answered = made.failure
    const { action, error, stage } = answered
    const updating = pipeline.step.find((s) => s.name === stage)
    const batch =
      updating === undefined
        ? Math.min(inFlight, prompts.length)
        : (microBatchGroups ?? microBatchOf(updating) ?? prompts.length)
    const skipped = (cursor.skipped[error._tag] ?? 0) + 1
    if (action === "sample again" && again < samplesAgain) {
      again++
      finished.clear()
      yield* note(`${said(answered)}; sampling again`)
    } else if (action === "halve the batch" && batch > 1) {
      const half = Math.floor(batch / 2)
      if (updating === undefined) inFlight = half
      else microBatchGroups = half
      yield* note(`${said(answered)}; going on with ${half} groups at once`)
    } else if (action === "skip the step" && skipped <= (skips[error._tag] ?? skipsOfOthers)) {
      yield* putBack
      yield* lm.zeroGrad(adapter)
      if (certain.has(error._tag))
        yield* pipeline.pieces.skipped(cursor.policy, { error: error._tag, reason: reasonOf(error) })
      if (unscored !== undefined) yield* note(unscored)
      yield* note(`${said(answered)}; no update in this step (${skipped} in a row)`)
      return { cursor: { ...next, skipped: { [error._tag]: skipped } }, metrics }
    } else {
      if (unscored !== undefined) yield* note(unscored)
      return yield* Effect.fail(gaveUp(answered, step))
    }
    yield* putBack
    yield* lm.zeroGrad(adapter)
  }
})
