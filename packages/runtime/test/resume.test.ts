import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { type Loadable, plan, resume, run, RunFolder } from "@hmx/runtime"
import { everAfter } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Errors, LanguageModel, type ModelInfo } from "hmx"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { experiment, folder, options, scripted, updates } from "./experiment.ts"

/** A run of three steps whose device is lost in the second; its folder. */
const broken = (keep?: number) =>
  Effect.gen(function* () {
    const path = `${folder()}/run`
    const lost = { sample: everAfter(4, new Errors.DeviceLost({ reason: "killed" })) }
    yield* Effect.flip(run(experiment(), { ...options(path, scripted({ failures: lost })), keep }))
    return path
  })

/** The scripted model, which says other things of itself. */
const claiming = (claims: (info: ModelInfo) => Partial<ModelInfo>): Loadable => {
  const model = scripted()
  const layer = Layer.effect(
    LanguageModel,
    Effect.map(Effect.service(LanguageModel), (lm) => ({ ...lm, info: { ...lm.info, ...claims(lm.info) } })),
  )
  return { ...model, layer: Layer.provide(layer, model.layer) }
}
const resumedBy = (path: string, model: Loadable) => Effect.flip(resume(experiment(), path, options(path, model)))

describe("resume", () => {
  it.effect("refuses another model under the same name", () =>
    Effect.gen(function* () {
      const path = yield* broken()
      const began = (yield* RunFolder.readRecord(path)).model.digest
      expect(
        yield* resumedBy(
          path,
          claiming(() => ({ digest: "0123456789abcdef" })),
        ),
      ).toMatchObject({
        _tag: "BadInput",
        found: "a model of digest 0123456789abcdef",
        expected: began,
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect.each([
    ["name", "torch", "torch on none in f32"],
    ["device", "cuda:0", "script on cuda:0 in f32"],
    ["dtype", "bf16", "script on none in bf16"],
  ] as const)("refuses an engine of another %s, and says which one began", ([key, value, found]) =>
    Effect.gen(function* () {
      const path = yield* broken()
      const error = yield* resumedBy(
        path,
        claiming(({ engine }) => ({ engine: { ...engine, [key]: value } })),
      )
      expect(error).toMatchObject({
        _tag: "BadInput",
        where: `${path}/experiment.json`,
        found,
        expected: expect.stringMatching(/^script on none in f32, with which the run began: give the engine's flags/),
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("refuses other content of a file that a task names by its path, and names the file", () =>
    Effect.gen(function* () {
      const base = folder()
      const [path, data] = [`${base}/run`, `${base}/items.csv`]
      const reading = experiment({ tasks: [{ ...updates, files: ["../items.csv", "../none.csv"] }] })
      const lost = { sample: everAfter(4, new Errors.DeviceLost({ reason: "killed" })) }
      writeFileSync(data, "a")
      yield* Effect.flip(run(reading, options(path, scripted({ failures: lost }))))
      const record = yield* RunFolder.readRecord(path)
      expect(record.experiment).toMatchObject({ data: { "../none.csv": null } })
      writeFileSync(data, "b")
      const o = options(path)
      expect((yield* Effect.flip(resume(reading, path, o))).message).toMatch(
        /found a change of data\["\.\.\/items\.csv"\]: "[0-9a-f]{32}" → "[0-9a-f]{32}"; expected the experiment/,
      )
      const planned = yield* plan(reading, o)
      expect(planned.digest).not.toBe(record.digest)
      writeFileSync(data, "a")
      expect((yield* plan(reading, o)).digest).toBe(record.digest)
      expect((yield* resume(reading, path, o)).digest).toBe(record.digest)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("goes on with another version of the same engine", () =>
    Effect.gen(function* () {
      const path = yield* broken()
      const newer = claiming(({ engine }) => ({ engine: { ...engine, version: "2" } }))
      expect((yield* resume(experiment(), path, options(path, newer))).evaluations).toHaveLength(2)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("refuses a checkpoint whose adapter is not the one that its cursor names", () =>
    Effect.gen(function* () {
      const path = yield* broken()
      const last = RunFolder.checkpoint(path, 1)
      const cursor = readFileSync(`${last}/cursor.json`, "utf8")
      writeFileSync(`${last}/cursor.json`, cursor.replace(/"adapter": "[0-9a-f]+"/, '"adapter": "0123456789abcdef"'))
      expect(yield* resumedBy(path, scripted())).toMatchObject({
        _tag: "BadInput",
        where: last,
        expected: "the adapter 0123456789abcdef that its cursor.json names",
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("keeps as many checkpoints as the run was told to", () =>
    Effect.gen(function* () {
      const path = yield* broken(1)
      expect(readdirSync(`${path}/checkpoints`)).toEqual(["step-1"])
      yield* resume(experiment(), path, options(path))
      expect(readdirSync(`${path}/checkpoints`)).toEqual(["step-3"])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("resume --force", () => {
  it.effect("goes on with a changed experiment, and the record says what changed and where", () =>
    Effect.gen(function* () {
      const path = yield* broken()
      const before = yield* RunFolder.readRecord(path)
      const o = options(path)
      const changed = experiment({ seed: 8, steps: 4 })
      expect(yield* Effect.flip(resume(changed, path, o))).toMatchObject({
        found: "a change of settings.seed: 7 → 8; settings.steps: 3 → 4",
        expected: expect.stringMatching(/--force/),
      })
      const outcome = yield* resume(changed, path, { ...o, force: true })
      expect(outcome).toMatchObject({ seed: 8, steps: 4 })
      const after = yield* RunFolder.readRecord(path)
      expect(after.lineage).toEqual([{ after: 1, digest: before.digest, changed: ["settings.seed", "settings.steps"] }])
      expect(after).toMatchObject({ seed: 8, steps: 4, digest: outcome.digest })
      expect(o.events).toContainEqual({
        _tag: "Noted",
        step: 1,
        text: "goes on with a change of settings.seed, settings.steps",
      })
      // It is the changed experiment's run from now on.
      yield* resume(changed, path, options(path))
      expect((yield* RunFolder.readRecord(path)).lineage).toHaveLength(1)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("refuses what the adapter that is there cannot take over", () =>
    Effect.gen(function* () {
      const path = yield* broken()
      const wider = experiment({ update: { rank: 4 } })
      expect(yield* Effect.flip(resume(wider, path, { ...options(path), force: true }))).toMatchObject({
        _tag: "BadInput",
        found: "a change of stages[3].options.rank: 2 → 4",
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
