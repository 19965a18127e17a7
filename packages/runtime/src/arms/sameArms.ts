/** Whether the arms that go on are those that were started: all of them are looked at before any of them runs. */
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import type { Identity } from "../identify.ts"
import * as RunFolder from "../RunFolder.ts"
import { runState } from "../runState.ts"
import { changeOf } from "../same.ts"
import * as ArmsFolder from "./ArmsFolder.ts"

/** An arm as the pipeline's file has it now. */
export interface ArmNow {
  readonly name: string
  readonly identity: Identity
}

type Was = ArmsFolder.Record["arms"][number]

/** What has changed in an arm, in words. One that has begun says itself what it is, and it may have gone on with a change (--force). */
const changed = Effect.fnUntraced(function* (was: Was, { identity }: ArmNow, folder: string) {
  if ((yield* runState(folder)).state !== "not begun") return changeOf(yield* RunFolder.readRecord(folder), identity)
  const { digest, experiment, tripwires = {} } = was
  if (experiment !== undefined) return changeOf({ experiment, tripwires }, identity)
  return digest === identity.digest ? undefined : `an experiment of digest ${identity.digest}, which was ${digest}`
})

/** Arms that are named in a message. */
const named = 6

const listed = (names: ReadonlyArray<string>): string =>
  `${names.slice(0, named).join(" · ")}${names.length > named ? ` and ${names.length - named} more` : ""}`

/** Refuses other arms than those that were started, and arms of which one has changed: they are compared, whichever of them are done. */
export const sameArms = Effect.fnUntraced(function* (
  record: ArmsFolder.Record,
  now: ReadonlyArray<ArmNow>,
  folder: string,
) {
  const where = `${folder}/arms.json`
  const names = now.map(({ name }) => name)
  const [was, is] = [record.arms.map(({ name }) => name).join(" · "), names.join(" · ")]
  if (was !== is) {
    const expected = `those that were started: ${was.slice(0, 300)}`
    return yield* new Errors.BadInput({ where, found: `other arms: ${is.slice(0, 300)}`, expected })
  }
  const arms = new Map<string, Array<string>>()
  for (const [i, arm] of now.entries()) {
    const started = record.arms[i]
    const change =
      started === undefined ? undefined : yield* changed(started, arm, ArmsFolder.armFolder(folder, names, i))
    if (change !== undefined) arms.set(change, [...(arms.get(change) ?? []), arm.name])
  }
  if (arms.size === 0) return undefined
  const found = [...arms].map(([change, of]) => `${listed(of)}: ${change}`)
  return yield* new Errors.BadInput({
    where,
    found: `${found.slice(0, named).join("; ")}${found.length > named ? `; and ${found.length - named} more changes` : ""}`,
    expected: "the arms as they were started, since they are compared (or start a new run)",
  })
})
