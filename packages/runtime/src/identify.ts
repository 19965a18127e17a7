/** What an experiment is, as one digest, and the digests of its code beside it. */
import * as Effect from "effect/Effect"
import { type Experiment, identity } from "hmx"
import type { Locate } from "./dataService.ts"
import { digest } from "./digest.ts"
import { tasksOf } from "./measuring.ts"
import type { Questions } from "./Questions.ts"
import { digestAt } from "./store/Data.ts"

/** Digests of the files that its tasks name by paths, by these; null of a file that cannot be read, which its task says when it runs. */
const filesOf = Effect.fnUntraced(function* ({ stages }: Experiment.Any, locate: Locate) {
  const names = [...new Set(stages.flatMap(tasksOf).flatMap(({ files = [] }) => files))]
  const found = yield* Effect.forEach(names, (name) =>
    Effect.map(digestAt(locate(name).path), (of) => [name, of === "" ? null : of] as const),
  )
  return names.length === 0 ? undefined : Object.fromEntries(found)
})

/**
 * The canonical identity of an experiment, of the prompts and of the data files that it reads, their digest, and one digest a piece of
 * code by the code's name and version.
 */
export const identify = Effect.fnUntraced(function* (experiment: Experiment.Any, questions: Questions, locate: Locate) {
  const { name, settings, stages } = experiment
  const prompts = digest(JSON.stringify([questions.train, questions.heldOut]))
  const data = yield* filesOf(experiment, locate)
  // What it may use, and how much of it is done at once, does not change what it is.
  const { budget: _, inFlight: __, ...asked } = settings
  const { canonical, tripwires } = identity({ name, settings: asked, stages, prompts, data })
  return {
    digest: digest(canonical),
    experiment: JSON.parse(canonical) as unknown,
    tripwires: Object.fromEntries(Object.entries(tripwires).map(([of, source]) => [of, digest(source)])),
  }
})
export type Identity = Effect.Success<ReturnType<typeof identify>>
