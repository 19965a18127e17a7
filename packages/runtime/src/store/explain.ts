/**
 * What of an experiment the store has already, what would run, and because of what: the chain of keys, followed through stored
 * outputs as far as they go. Reads no weights and changes nothing.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { Artefact, Evaluate, type Experiment, type ModelInfo } from "hmx"
import type { Locate } from "../dataService.ts"
import { digest } from "../digest.ts"
import { identify } from "../identify.ts"
import { draw } from "../Draw.ts"
import { isEvaluate, measures } from "../measuring.ts"
import * as RunFolder from "../RunFolder.ts"
import type { Questions } from "../Questions.ts"
import { seenStill } from "./Data.ts"
import * as Key from "./Key.ts"
import { digestOf, read } from "./Payload.ts"
import * as Roots from "./Roots.ts"
import * as Store from "./Store.ts"
import * as Used from "./Used.ts"

/** Why a stage's first missing piece is not there. */
export type Why =
  /** It differs so from the piece of that place in the newest run that has one; `run` is its folder. */
  | { readonly _tag: "Changed"; readonly run: string; readonly differences: ReadonlyArray<Key.Difference> }
  /** What it is given will be made anew by that stage. */
  | { readonly _tag: "Follows"; readonly stage: string }
  /** The same experiment's run in that folder has not got so far: it is unfinished, after so many of its steps. */
  | { readonly _tag: "NotReached"; readonly run: string; readonly step: number; readonly steps: number }
  /** No run has made such a piece. */
  | { readonly _tag: "New" }
  /** It was made, and is damaged, was removed, or has read a file that has changed since. */
  | { readonly _tag: "Gone" }
  /** It depends on what nobody can see, so that it is never used again. */
  | { readonly _tag: "Unseen" }

export interface ExplainedStage {
  readonly stage: string
  /** Its place in the pipeline, from 0. */
  readonly index: number
  /** Pieces of all steps: groups of a group stage, updates or evaluations of a step stage. */
  readonly total: number
  /** Those of them that the store has. */
  readonly cached: number
  /** Undefined where all are cached. */
  readonly why: Why | undefined
}

export interface ExplainOptions {
  /** The store's folder. */
  readonly store: string
  readonly questions: Questions
  readonly locate: Locate
  /** Without a digest or an engine: those of the newest run of that model which uses the store. */
  readonly model: { readonly name: string; readonly digest?: string | undefined }
  readonly engine?: ModelInfo["engine"] | undefined
  /** Identity of the judge on a server. Default: there is none. */
  readonly judge?: string | null | undefined
}

/** As much of a stored output as the chain needs. */
interface Made {
  readonly digest: string
  readonly payload: string
}

/** Runs in which an earlier piece of a place is looked for, the newest ones. */
const looked = 20

/** How far the newest run of the same experiment has come, where it is not done. */
const unfinishedRun = Effect.fnUntraced(function* (roots: ReadonlyArray<Roots.Root>, same: string) {
  const fs = yield* FileSystem.FileSystem
  const root = roots.find(({ record }) => record.digest === same)
  if (root === undefined) return undefined
  const { folder: run, record } = root
  if (yield* Effect.orElseSucceed(fs.exists(`${run}/report.json`), () => true)) return undefined
  return { run, step: (yield* RunFolder.lastCursor(run))?.step ?? 0, steps: record.steps }
})

/** One entry a stage, in the pipeline's order. */
export const explain = Effect.fnUntraced(function* (experiment: Experiment.Any, options: ExplainOptions) {
  const { questions } = options
  const { prompts, seed, steps } = experiment.settings
  const store = yield* Store.find(options.store)
  const roots = store === undefined ? [] : yield* Roots.runs(options.store)
  const last = roots.find(({ record }) => record.model.name === options.model.name)?.record
  const [model, engine] = [options.model.digest ?? last?.model.digest, options.engine ?? last?.engine]

  const counts = experiment.stages.map((stage) => {
    const total = isEvaluate(stage)
      ? Array.from({ length: steps + 1 }, (_, step) => step).filter((step) => Evaluate.due(stage.options, step, steps))
          .length
      : steps * (stage.grain === "group" ? prompts.perStep : 1)
    return { total, cached: 0, why: undefined as Why | undefined }
  })
  const { digest: same } = yield* identify(experiment, questions, options.locate)
  const unfinished = yield* unfinishedRun(roots, same)
  /** What nobody has made yet, and what waits for it, is what an unfinished run of the same will make. */
  const reached = (why: Why): Why => {
    let first: Why | undefined = why
    for (let n = 0; first?._tag === "Follows" && n < counts.length; n++) {
      const { stage } = first
      const index = experiment.stages.findIndex(({ name }) => name === stage)
      first = counts[index]?.why
    }
    const isNew = first === undefined || first._tag === "New"
    return isNew && unfinished !== undefined ? { _tag: "NotReached", ...unfinished } : why
  }
  const said = (): ReadonlyArray<ExplainedStage> =>
    experiment.stages.map(({ name }, index) => {
      const { cached = 0, total = 0, why } = counts[index] ?? {}
      return { stage: name, index, total, cached, why: cached < total ? reached(why ?? { _tag: "New" }) : undefined }
    })
  if (store === undefined || model === undefined || engine === undefined) return said()

  const setting: Key.Setting = {
    model,
    engine,
    seed,
    steps,
    heldOut: digest(JSON.stringify(questions.heldOut)),
    judge: options.judge ?? null,
  }
  const named = roots.filter(({ record }) => record.name === experiment.name)
  const earlier = [...named, ...roots.filter((root) => !named.includes(root))].slice(0, looked)
  const journals = new Map<string, ReadonlyArray<Used.Use>>()
  const usesOf = Effect.fnUntraced(function* (run: string) {
    const found = journals.get(run) ?? (yield* Used.read(run))
    journals.set(run, found)
    return found
  })
  /** Why a piece of known inputs is not there. */
  const whyNot = Effect.fnUntraced(function* (parts: Key.Parts, step: number, prompt: number | null) {
    for (const { folder } of earlier) {
      const use = (yield* usesOf(folder)).find((u) => u.step === step && u.stage === parts.stage && u.prompt === prompt)
      if (use === undefined) continue
      if (use.key === Key.keyOf(parts)) return { _tag: "Gone" } satisfies Why
      const entry = yield* store.read(use.key)
      if (entry === "missing" || entry === "damaged") continue
      return { _tag: "Changed", run: folder, differences: Key.differences(entry.parts, parts) } satisfies Why
    }
    return { _tag: "New" } satisfies Why
  })
  /** The stored output of one place; where there is none, why is noted of the stage's first. */
  const piece = Effect.fnUntraced(function* (
    index: number,
    parts: Key.Parts | undefined,
    step: number,
    prompt: number | null,
  ) {
    const count = counts[index]
    if (parts !== undefined && experiment.stages[index]?.kept === false) {
      if (count !== undefined) count.cached++
      return { digest: Key.keyOf(parts), payload: "" }
    }
    const found = parts === undefined ? "missing" : yield* store.read(Key.keyOf(parts))
    if (typeof found !== "string" && (yield* seenStill(found.seen, options.locate))) {
      if (count !== undefined) count.cached++
      return found
    }
    if (count !== undefined) count.why ??= parts === undefined ? { _tag: "Unseen" } : yield* whyNot(parts, step, prompt)
    return undefined
  })
  const follows = (index: number, from: string): void => {
    const count = counts[index]
    // A stage whose own start is missing follows nobody.
    const own = experiment.stages[index]?.name === from
    if (count !== undefined) count.why ??= own ? { _tag: "New" } : { _tag: "Follows", stage: from }
  }
  const stages = experiment.stages.map((stage, index) => ({ stage, index }))

  /** Digests of a row's artefacts by tag, or the stage that must make them first. */
  type Known = { readonly digest: string } | { readonly from: string }
  const inputsOf = (needs: ReadonlyArray<string>, row: ReadonlyMap<string, Known>) => {
    const inputs: Record<string, string> = {}
    for (const tag of needs) {
      const known = row.get(tag)
      if (known === undefined || "from" in known) return { from: known?.from ?? "", inputs: undefined }
      inputs[tag] = known.digest
    }
    return { from: "", inputs }
  }

  let policy: Artefact.PolicyRef = { base: model, adapter: "", step: 0 }
  let optimiser = ""
  /** The stage of which the policy is not known any more. */
  let lost: string | undefined
  for (const { stage } of stages) {
    if (stage.prepare === undefined) continue
    const entry = yield* store.read(Key.keyOf(Key.prepared(stage, setting)))
    if (typeof entry === "string") lost = stage.name
    else policy = { ...policy, adapter: Schema.decodeUnknownSync(Schema.fromJsonString(Schema.String))(entry.payload) }
  }

  const evaluate = Effect.fnUntraced(function* (step: number) {
    for (const { index, stage } of stages) {
      if (!isEvaluate(stage) || !Evaluate.due(stage.options, step, steps)) continue
      if (lost !== undefined) {
        follows(index, lost)
        continue
      }
      const given = new Artefact.Policy({ ref: policy, updated: step > 0, metrics: {} })
      yield* piece(
        index,
        Key.parts(stage, setting, { step, policy, optimiser }, { policy: digestOf(Artefact.Policy, given) }),
        step,
        null,
      )
    }
  })

  yield* evaluate(0)
  for (let step = 1; step <= steps; step++) {
    if (lost !== undefined) {
      for (const { index, stage } of stages) if (!measures(stage)) follows(index, lost)
      yield* evaluate(step)
      continue
    }
    const place: Key.Place = { step, policy, optimiser }
    const rows: Array<Map<string, Known>> = []
    for (const prompt of draw(questions.train, prompts.perStep, seed, step)) {
      const row = new Map<string, Known>([["prompt", { digest: digestOf(Artefact.Prompt, prompt) }]])
      for (const { index, stage } of stages) {
        if (stage.grain !== "group") continue
        const { from, inputs } = inputsOf(stage.needs, row)
        let made: Made | undefined
        if (inputs === undefined) follows(index, from)
        else made = yield* piece(index, Key.parts(stage, setting, place, inputs), step, prompt.index)
        const known: Known = made === undefined ? { from: inputs === undefined ? from : stage.name } : made
        for (const tag of stage.gives) row.set(tag, known)
      }
      rows.push(row)
    }
    const closed = new Map<string, Known>()
    for (const { index, stage } of stages) {
      if (stage.grain !== "step" || measures(stage)) continue
      const inputs: Record<string, string | ReadonlyArray<string>> = {}
      let from: string | undefined
      for (const tag of stage.needs) {
        const of = closed.has(tag) ? [closed.get(tag)] : rows.map((row) => row.get(tag))
        const unknown = of.find((known) => known === undefined || "from" in known)
        if (unknown !== undefined && "from" in unknown) from ??= unknown.from
        const digests = of.flatMap((known) => (known !== undefined && "digest" in known ? [known.digest] : []))
        inputs[tag] = closed.has(tag) ? (digests[0] ?? "") : digests
      }
      const parts = from === undefined ? Key.parts(stage, setting, place, inputs) : undefined
      const made = from === undefined ? yield* piece(index, parts, step, null) : undefined
      if (from !== undefined) follows(index, from)
      for (const tag of stage.gives) closed.set(tag, made ?? { from: from ?? stage.name })
      if (!stage.gives.includes("policy")) continue
      const updated = made === undefined ? undefined : read(Artefact.Policy, made.payload)
      if (updated instanceof Artefact.Policy && parts !== undefined) {
        policy = updated.ref
        if (updated.skipped === undefined) optimiser = Key.keyOf(parts)
      } else lost = from ?? stage.name
    }
    yield* evaluate(step)
  }
  return said()
})
