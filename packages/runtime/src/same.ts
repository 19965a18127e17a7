/** Whether a run goes on with what it began with: its experiment, its code, its model and its engine; and what of them has changed. */
import * as Effect from "effect/Effect"
import { Errors, type Experiment, type ModelInfo } from "hmx"
import type { Identity } from "./identify.ts"
import type * as RunFolder from "./RunFolder.ts"
import { difference } from "./plan/why.ts"
import { differences, type Difference, told } from "./store/Key.ts"

/** Changes that are named in a message. */
const shown = 5

/** What a run began with. */
type Began = Pick<RunFolder.Record, "experiment" | "tripwires">

/** What has changed since the run began: paths such as `stages[1].options.temperature`, and code by its name and version. */
const changes = (record: Began, now: Identity) => ({
  fields: differences(record.experiment, now.experiment),
  code: Object.entries(now.tripwires).flatMap(([of, source]) =>
    (record.tripwires[of] ?? source) === source ? [] : [of],
  ),
})

const listed = (names: ReadonlyArray<string>, between = ", "): string =>
  `${names.slice(0, shown).join(between)}${names.length > shown ? ` and ${names.length - shown} more` : ""}`
/** Each with what it was and is. */
const spelled = (fields: ReadonlyArray<Difference>): string => listed(told(fields).map(difference), "; ")

/** What has changed since the run began, in words; undefined where nothing has. */
export const changeOf = (record: Began, now: Identity): string | undefined => {
  const { code, fields } = changes(record, now)
  if (fields.length > 0) return `a change of ${spelled(fields)}`
  return code.length > 0 ? `other code under the same version: ${listed(code)}` : undefined
}

/** The changes of which the adapter in the checkpoint knows nothing. */
const inAdapter = (fields: ReadonlyArray<Difference>, { stages }: Experiment.Any): ReadonlyArray<Difference> =>
  fields.filter(({ field }) => {
    const [, index, option] = /^stages\[(\d+)\]\.options\.(\w+)/.exec(field) ?? []
    return stages[Number(index)]?.preparedFrom?.includes(option ?? "") === true
  })

/**
 * Refuses another experiment than the one that the run began with, and other code under the same version. With `force`: returns what
 * has changed, and refuses only what the adapter that is there cannot take over.
 */
export const same = (
  record: RunFolder.Record,
  now: Identity,
  experiment: Experiment.Any,
  folder: string,
  force: boolean,
): Effect.Effect<ReadonlyArray<string>, Errors.BadInput> => {
  const where = `${folder}/experiment.json`
  const refuse = (found: string, expected: string) => Effect.fail(new Errors.BadInput({ where, found, expected }))
  const { code, fields } = changes(record, now)
  if (force) {
    const kept = inAdapter(fields, experiment)
    if (kept.length === 0)
      return Effect.succeed([...fields.map(({ field }) => field), ...code.map((of) => `the code of ${of}`)])
    return refuse(`a change of ${spelled(kept)}`, "the old one, of which the adapter was made, or a new run")
  }
  if (fields.length > 0) {
    const expected = "the experiment that the run began with (--force goes on with the changed one; or start a new run)"
    return refuse(`a change of ${spelled(fields)}`, expected)
  }
  if (code.length === 0) return Effect.succeed([])
  return refuse(`other code under the same version: ${listed(code)}`, "its old code, or a new version and a new run")
}

/** Refuses another model than the one that the run began with, and an engine that computes other figures. */
export const sameModel = (
  record: RunFolder.Record,
  now: Pick<ModelInfo, "digest" | "engine">,
  model: string,
  folder: string,
): Effect.Effect<void, Errors.BadInput> => {
  if (now.digest !== record.model.digest) {
    const found = `a model of digest ${now.digest}`
    return Effect.fail(new Errors.BadInput({ where: model, found, expected: record.model.digest }))
  }
  const [began, found] = [named(record.engine), named(now.engine)]
  if (began === found) return Effect.void
  const expected = `${began}, with which the run began: give the engine's flags of its start, or start a new run`
  return Effect.fail(new Errors.BadInput({ where: `${folder}/experiment.json`, found, expected }))
}

const named = ({ device, dtype, name }: ModelInfo["engine"]): string => `${name} on ${device} in ${dtype}`
