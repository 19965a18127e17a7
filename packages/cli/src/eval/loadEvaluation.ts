/** An evaluation as it lies in a folder of `hmx eval` or of a training run, with the records of its items. */
import { byName } from "@hmx/evals"
import type { EvaluatedTask, Evaluation } from "@hmx/report"
import { ItemRecords, RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Artefact, ItemRecord } from "hmx"
import { version } from "../version.ts"
import * as EvalFolder from "./EvalFolder.ts"
import { measured } from "./measured.ts"

/** `step`: of a training run, after so many steps; by default the last that was measured. */
export const loadEvaluation = Effect.fnUntraced(function* (folder: string, step: number | undefined) {
  const { evaluation, measures } = yield* measured(folder, step)
  if (evaluation._tag === "eval") {
    const { results } = evaluation
    const tasks = yield* Effect.forEach(results.tasks, (one) =>
      Effect.map(ItemRecords.read(EvalFolder.records(folder), one.task), (records) =>
        ofTask(one.task, measures, records, {
          version: one.version,
          data: one.data,
          // The harness takes TruthfulQA's primer for a part of the prompt.
          shots: one.shots === null || one.task.startsWith("truthfulqa") ? 0 : 5,
        }),
      ),
    )
    const { adapter, engine, limit, model, sample, seconds, seed, started } = results
    const asked = { adapter, engine, limit, model, sample, seconds, seed, started }
    const found: Evaluation = { ...asked, hmx: version, step: null, tasks }
    return found
  }
  const record = yield* RunFolder.readRecord(folder)
  const of = evaluation.step
  const places = yield* RunFolder.recordFolders(folder, of)
  const names = [...new Set(measures.map(({ task }) => task))]
  const tasks = yield* Effect.forEach(names, (name) =>
    Effect.gen(function* () {
      const records: Array<ItemRecord> = []
      for (const place of places) records.push(...(yield* ItemRecords.read(place, name)))
      const benchmark = Result.getOrElse(byName(name), () => undefined)
      return ofTask(name, measures, records, { version: benchmark?.version ?? null, data: [], shots: null })
    }),
  )
  const found: Evaluation = {
    model: record.model,
    adapter: of === 0 ? null : { path: RunFolder.checkpoint(folder, of), digest: evaluation.adapter },
    engine: record.engine,
    seed: record.seed,
    limit: null,
    sample: null,
    started: null,
    seconds: null,
    step: of,
    hmx: record.versions["hmx"] ?? version,
    tasks,
  }
  return found
})

const ofTask = (
  name: string,
  measures: ReadonlyArray<Artefact.Measure>,
  records: ReadonlyArray<ItemRecord>,
  more: Pick<EvaluatedTask, "version" | "data" | "shots">,
): EvaluatedTask => ({ name, records, measures: measures.filter(({ task }) => task === name), ...more })
