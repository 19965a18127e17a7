/** `hmx resume [RUN]`. */
import { escape } from "@hmx/report"
import * as Runtime from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { resolve } from "node:path"
import { alreadyDone } from "./alreadyDone.ts"
import { onlyWithWorkers, resumeArms } from "./arms.ts"
import { loadRun } from "./loadRun.ts"
import { Models } from "./Models.ts"
import { newestRun } from "./newestRun.ts"
import { shown } from "./paths.ts"
import { told, train } from "./train.ts"

export interface Options {
  /** Default: the unfinished run under runs/ that began last. */
  readonly run?: string | undefined
  readonly store?: string | undefined
  readonly force: boolean
  readonly maxTime?: string | undefined
  readonly maxTokens?: number | undefined
  /** Database of the workers that run the arms. Default: this process does. */
  readonly workers?: string | undefined
  readonly engineMemory?: number | undefined
  readonly detach?: boolean
  readonly quiet: boolean
  readonly json: boolean
}

export const resume = Effect.fnUntraced(function* (options: Options) {
  const { force } = options
  yield* onlyWithWorkers(options)
  if (options.engineMemory !== undefined && options.workers !== undefined) {
    const expected = "no --workers, whose engines have their own: npx hmx worker --engine-memory"
    return yield* new Errors.BadInput({ where: "--engine-memory", found: "--workers beside it", expected })
  }
  const run = options.run ?? (yield* newestRun)
  yield* Runtime.ArmsFolder.notLost(shown(resolve(run)))
  // With --force a run that is done goes on where its pipeline has more steps now; with workers its table says how it stands.
  if (!force && options.workers === undefined && (yield* alreadyDone(run, options))) return undefined
  if (yield* Runtime.ArmsFolder.is(run)) {
    if (!force) return yield* resumeArms({ ...options, run })
    const expected =
      "no --force, as arms are compared and go on together as they were started; or one of them alone: npx hmx resume RUN/arms/NAME --force"
    return yield* new Errors.BadInput({ where: "--force", found: `${escape(run)}, a run of several arms`, expected })
  }
  if (options.workers !== undefined) {
    const expected = "a run of several arms"
    return yield* new Errors.BadInput({ where: "--workers", found: `${escape(run)}, a run of one`, expected })
  }
  const { engine, folder, locate, pipeline, store } = yield* loadRun(run, options)
  const model = yield* (yield* Models).find(pipeline.experiment.settings.model, locate, engine)
  // Nothing is written to a run that is done, and is what it was.
  const since = Runtime.changedSince(pipeline.experiment, folder, { model, locate })
  const changed = force ? yield* Effect.mapError(since, (error) => told(error, pipeline)) : []
  if (force && changed.length === 0 && (yield* alreadyDone(run, options))) return undefined
  // A record that names a change under which no step was taken would be wrong about all of them.
  const { steps } = pipeline.experiment.settings
  const last = (yield* Runtime.RunFolder.lastCursor(folder))?.step ?? 0
  if (changed.length > 0 && last >= steps) {
    const found = `a change of ${changed.join(", ")}, and no step left: ${last} of ${steps} are done`
    const expected = "more steps in the pipeline, or a new run: npx hmx run"
    return yield* new Errors.BadInput({ where: folder, found, expected })
  }
  return yield* train(
    pipeline,
    options,
    ({ show }) => Runtime.resume(pipeline.experiment, folder, { model, locate, store, force, onEvent: show }),
    folder,
  )
})
