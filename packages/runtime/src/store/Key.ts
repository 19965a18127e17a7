/**
 * What a stage's output depends on, as named fields, and the digest of them under which the store keeps it. How it is computed (batch
 * sizes, the memory budget, the number of groups in work) and what the run is called have no place in it.
 */
import { type Artefact, identity, type ModelInfo, type Stage } from "hmx"
import { createHash } from "node:crypto"
import { digest } from "../digest.ts"

export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** The fields of a key; those that the stage does not read are absent. */
export interface Parts {
  readonly stage: string
  readonly version: number
  /** Digests of the code of its rewards and of its own, by name and version. */
  readonly code: { readonly [of: string]: string }
  /** Canonical; without those that are the stage's tuning. */
  readonly options: Json
  /** Digests of the artefacts that it is given, by tag; of a step stage one a group. */
  readonly inputs: { readonly [tag: string]: string | ReadonlyArray<string> }
  /** Digest of the base weights. */
  readonly model?: string
  readonly engine?: ModelInfo["engine"]
  readonly policy?: Artefact.PolicyRef
  /** Key of the update that left the optimiser's state; empty before the first. */
  readonly optimiser?: string
  readonly seed?: number
  readonly step?: number
  readonly steps?: number
  /** Digest of the held-out prompts. Which files were read, the entry says. */
  readonly heldOut?: string
  /** Identity of the judge on a server; null where there is none. */
  readonly judge?: string | null
}

/** What a run is, as far as a key may read it. */
export interface Setting {
  readonly model: string
  readonly engine: ModelInfo["engine"]
  readonly seed: number
  readonly steps: number
  readonly heldOut: string
  /** Undefined: there is one, and it does not say which. */
  readonly judge: string | null | undefined
}

/** Where in the run: what changes from step to step. */
export interface Place {
  readonly step: number
  readonly policy: Artefact.PolicyRef
  /** Key of the update that left the optimiser's state. */
  readonly optimiser: string
}

/** Whatever a run has; for a stage that does not say what it reads. */
const all: ReadonlyArray<Stage.Reads> = ["policy", "base", "optimiser", "seed", "step", "steps", "data", "judge"]

/** What of a run a stage's output depends on. */
export const reads = (stage: Stage.Any): ReadonlySet<Stage.Reads> => new Set(stage.reads ?? all)

/** What a key takes from the stage itself. Of one stage it is the same in every step, so it is made once. */
const own = (stage: Stage.Any) => {
  const { canonical, tripwires } = identity({ options: stage.options, stage })
  const read: { readonly options: { readonly [name: string]: Json } } = JSON.parse(canonical)
  const tuning = stage.tuning ?? []
  return {
    stage: stage.name,
    version: stage.version,
    code: Object.fromEntries(Object.entries(tripwires).map(([of, text]) => [of, digest(text)])),
    options: Object.fromEntries(Object.entries(read.options).filter(([name]) => !tuning.includes(name))),
  }
}
const made = new WeakMap<Stage.Any, ReturnType<typeof own>>()
/** What a stage is, whatever it is given: its name, version, options and code. */
export const ownOf = (stage: Stage.Any) => {
  const found = made.get(stage) ?? own(stage)
  made.set(stage, found)
  return found
}

/**
 * The fields of the key of a stage's output; undefined where it depends on what nobody can see (a judge that does not say which it is,
 * or the world), so that it is never used again.
 */
export const parts = (stage: Stage.Any, setting: Setting, place: Place, inputs: Parts["inputs"]): Parts | undefined => {
  const read = reads(stage)
  if (read.has("world") || (read.has("judge") && setting.judge === undefined)) return undefined
  const weights = read.has("policy") || read.has("base") || read.has("optimiser")
  return {
    ...ownOf(stage),
    inputs,
    ...(weights ? { model: setting.model, engine: setting.engine } : {}),
    ...(read.has("policy") ? { policy: place.policy } : {}),
    ...(read.has("optimiser") ? { optimiser: place.optimiser } : {}),
    ...(read.has("seed") ? { seed: setting.seed } : {}),
    ...(read.has("step") ? { step: place.step } : {}),
    ...(read.has("steps") ? { steps: setting.steps } : {}),
    ...(read.has("data") ? { heldOut: setting.heldOut } : {}),
    // Undefined was sent back above.
    ...(read.has("judge") ? { judge: setting.judge ?? null } : {}),
  }
}

/** The fields of the key of what a stage prepares at the start of a run: an adapter, from its options and the seed. */
export const prepared = (stage: Stage.Any, setting: Setting): Parts => ({
  stage: `${stage.name}.prepare`,
  version: stage.version,
  code: {},
  options: Object.fromEntries(
    Object.entries(ownOf(stage).options).filter(([name]) => stage.preparedFrom?.includes(name) ?? true),
  ),
  inputs: {},
  model: setting.model,
  engine: setting.engine,
  seed: setting.seed,
})

/** sha-256, its first 32 hex digits. */
export const hash = (bytes: string | Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex").slice(0, 32)

/** JSON with its keys in order, so that equal values have equal texts. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) =>
    typeof v === "object" && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )

/** Fields that are one object in every key of a stage, or of a run, and their texts, which are most of a key's. */
const lasting: ReadonlySet<string> = new Set<keyof Parts>(["code", "engine", "options"])
const texts = new WeakMap<object, string>()
const textOf = (field: string, value: unknown): string => {
  if (!lasting.has(field) || typeof value !== "object" || value === null) return canonical(value)
  const known = texts.get(value) ?? canonical(value)
  texts.set(value, known)
  return known
}

/** The canonical JSON of the fields. */
const written = (of: Parts): string => {
  const there = Object.entries(of).filter(([, value]) => value !== undefined)
  const sorted = there.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([field, value]) => `${JSON.stringify(field)}:${textOf(field, value)}`).join(",")}}`
}

/** The key under which the store keeps an output: 32 hex digits. */
export const keyOf = (of: Parts): string => hash(written(of))

/** A field in which two keys differ, as a path such as `options.rubric.reverse`; `was` and `now` are undefined where it is absent. */
export interface Difference {
  readonly field: string
  readonly was: Json | undefined
  readonly now: Json | undefined
}

/** Most differences that are told. */
const most = 20

/** A member's path; of a key that would look like several, such as a file's, in brackets. */
const member = (at: string, key: string): string => {
  if (key.includes("/")) return `${at}[${JSON.stringify(key)}]`
  return at === "" ? key : `${at}.${key}`
}

/** The fields in which two values differ, in the order of `now`. */
export const differences = (was: unknown, now: unknown): ReadonlyArray<Difference> => {
  const found: Array<Difference> = []
  const walk = (a: Json | undefined, b: Json | undefined, at: string): void => {
    if (found.length >= most) return
    const alike = typeof a === "object" && typeof b === "object" && Array.isArray(a) === Array.isArray(b)
    if (!alike || a === null || b === null) {
      if (!Object.is(a, b)) found.push({ field: at, was: a, now: b })
      return
    }
    const [left, right] = [new Map<string, Json>(Object.entries(a)), new Map<string, Json>(Object.entries(b))]
    for (const key of new Set([...right.keys(), ...left.keys()])) {
      walk(left.get(key), right.get(key), Array.isArray(b) ? `${at}[${key}]` : member(at, key))
    }
  }
  walk(plain(was), plain(now), "")
  return found
}

/** A path within a stage of an experiment: `stages[1].options.rubric`, or within a run's record `experiment.stages[1].owes`. */
const ofStage = /^((?:\w+\.)?stages\[\d+\])\.(\w+)/
const asked: ReadonlySet<string> = new Set(["name", "version", "options"])

/**
 * The differences as they are told: of a stage its name, its version and its options. What follows from those (what it gives, what a
 * live judge owes) is told only where nothing else of the stage differs.
 */
export const told = (all: ReadonlyArray<Difference>): ReadonlyArray<Difference> => {
  const parts = all.map(({ field }) => {
    const [, stage = "", part = ""] = ofStage.exec(field) ?? []
    return { stage, follows: stage !== "" && !asked.has(part) }
  })
  const said = new Set(parts.flatMap(({ follows, stage }) => (follows ? [] : [stage])))
  return all.filter((_, i) => {
    const part = parts[i]
    return part === undefined || !part.follows || !said.has(part.stage)
  })
}

/** A value as JSON has it. */
const plain = (value: unknown): Json | undefined => (value === undefined ? undefined : JSON.parse(canonical(value)))
