import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { resume, run, Store } from "@hmx/runtime"
import { everAfter } from "@hmx/testing"
import * as Effect from "effect/Effect"
import { Data, Errors, Records, Reward, type Task } from "hmx"
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { brevity, experiment, folder, options, updates } from "../experiment.ts"
import { counting, objects, remains } from "./counting.ts"

const none = { sample: 0, choices: 0, forwardBackward: 0, optimStep: 0 }

/** A store with what a first run of the experiment has left, and that run's folder. */
const filled = () =>
  Effect.gen(function* () {
    const at = folder()
    const [store, first] = [`${at}/store`, `${at}/first`]
    const model = counting()
    const outcome = yield* run(experiment(), { ...options(first, model.loadable), store })
    return { at, store, first, outcome, calls: model.calls() }
  })

describe("the store in a run", () => {
  it.effect("an experiment that has run once does no model work again, and leaves the same bytes", () =>
    Effect.gen(function* () {
      const { at, calls, first, outcome, store } = yield* filled()
      expect(calls).toEqual({ sample: 6, choices: 0, forwardBackward: 3, optimStep: 3 })
      // 3 steps of 2 groups that are sampled and judged, 3 updates, 2 evaluations; advantages are not kept.
      expect(outcome.pieces).toEqual({ found: 0, made: 17 })
      const model = counting()
      const again = yield* run(experiment(), { ...options(`${at}/second`, model.loadable), store })
      expect(model.calls()).toEqual(none)
      expect(again.pieces).toEqual({ found: 17, made: 0 })
      expect(remains(`${at}/second`)).toEqual(remains(first))
      const plain = yield* run(experiment(), options(`${at}/third`))
      expect(plain.adapter).toEqual(outcome.adapter)
      expect(remains(`${at}/third`).filter(([name]) => !name.endsWith("cursor.json"))).toEqual(
        remains(first).filter(([name]) => !name.endsWith("cursor.json")),
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("more steps: what is behind is found, what is ahead is made", () =>
    Effect.gen(function* () {
      const { at, store } = yield* filled()
      const model = counting()
      const longer = yield* run(experiment({ steps: 5 }), { ...options(`${at}/longer`, model.loadable), store })
      expect(model.calls()).toMatchObject({ sample: 4, forwardBackward: 2 })
      const plain = yield* run(experiment({ steps: 5 }), options(`${at}/plain`))
      expect(longer.adapter).toEqual(plain.adapter)
      expect(longer.evaluations).toEqual(plain.evaluations)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("another reward: the first step's rollouts are shared, and nothing after them", () =>
    Effect.gen(function* () {
      const { at, store } = yield* filled()
      const other = Reward.make("length", { version: 1, score: (c) => Math.min(1, c.text.length / 100) })
      const model = counting()
      const ran = yield* run(experiment({ reward: other }), { ...options(`${at}/other`, model.loadable), store })
      expect(model.calls().sample).toBe(4)
      const plain = yield* run(experiment({ reward: other }), options(`${at}/plain`))
      expect(ran.adapter).toEqual(plain.adapter)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("other code under the same name and version is another piece", () =>
    Effect.gen(function* () {
      const { at, store } = yield* filled()
      const other = Reward.make("brevity", { version: 1, score: (c) => 2 / (2 + c.text.length) })
      const ran = yield* run(experiment({ reward: other }), { ...options(`${at}/other`), store })
      expect(ran.adapter).toEqual((yield* run(experiment({ reward: other }), options(`${at}/plain`))).adapter)
      expect(ran.adapter.digest).not.toBe(
        (yield* run(experiment({ reward: brevity }), options(`${at}/b`))).adapter.digest,
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("smaller batches and another budget of memory find what larger ones made", () =>
    Effect.gen(function* () {
      const { at, store } = yield* filled()
      const model = counting()
      const tight = experiment({ update: { microBatchGroups: 1 } })
      const ran = yield* run(tight, { ...options(`${at}/tight`, model.loadable), store })
      expect(ran.pieces).toEqual({ found: 17, made: 0 })
      expect(model.calls()).toEqual(none)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

/** A task that keeps one record a time that it runs. */
const recording = (ran: () => void): Task.Task<"held-out"> => ({
  ...updates,
  name: "recording",
  run: Effect.gen(function* () {
    ran()
    const records = yield* Records
    yield* records.begin("recording", 1)
    yield* records.keep("recording", [{ id: "a", values: { acc: 1 }, answer: { kind: "scores", scores: [-1] } }])
    return { measures: [], answers: [] }
  }),
})

describe("records of an evaluation's items", () => {
  it.effect("come with a report that is found, and are made again where they are gone", () =>
    Effect.gen(function* () {
      const at = folder()
      let times = 0
      const tasks = [recording(() => times++)]
      const start = (name: string) => run(experiment({ tasks }), { ...options(`${at}/${name}`), store: `${at}/store` })
      yield* start("first")
      yield* start("second")
      expect(times).toBe(2)
      const file = "evaluations/step-3/recording.jsonl"
      expect(readFileSync(`${at}/second/${file}`, "utf8")).toBe(readFileSync(`${at}/first/${file}`, "utf8"))
      const records = remains(`${at}/store/states`).filter(([name]) => name.endsWith("recording.jsonl"))
      expect(records.length).toBe(1)
      for (const [name] of records) rmSync(`${at}/store/states/${name}`)
      yield* start("third")
      // The evaluations before and after have the same records: what the first of them has made again, the second finds.
      expect(times).toBe(3)
      expect(existsSync(`${at}/third/${file}`)).toBe(true)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("what a piece depends on", () => {
  it.effect("a file that a task has read: measured again once it has changed, and not before", () =>
    Effect.gen(function* () {
      const at = folder()
      const file = `${at}/items.txt`
      let times = 0
      const counts: Task.Task<"held-out"> = {
        ...updates,
        name: "counts",
        run: Effect.gen(function* () {
          times++
          const text = yield* (yield* Data).text(file)
          const measure = {
            task: "counts",
            metric: "length",
            value: text.length,
            stderr: 0,
            n: 1,
            higherIsBetter: null,
          }
          return { measures: [measure], answers: [] }
        }),
      }
      const go = (name: string) =>
        Effect.map(
          run(experiment({ tasks: [counts] }), { ...options(`${at}/${name}`), store: `${at}/store` }),
          ({ evaluations }) => evaluations.map(({ reports }) => reports[0]?.measures[0]?.value),
        )
      writeFileSync(file, "three")
      expect(yield* go("a")).toEqual([5, 5])
      expect(yield* go("b")).toEqual([5, 5])
      expect(times).toBe(2)
      writeFileSync(file, "fourteen")
      expect(yield* go("c")).toEqual([8, 8])
      expect(times).toBe(4)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("a run that keeps its last checkpoints alone puts no adapter into the store", () =>
    Effect.gen(function* () {
      const at = folder()
      const store = `${at}/store`
      yield* run(experiment(), { ...options(`${at}/run`), store, keep: 1 })
      expect(existsSync(`${store}/states`)).toBe(false)
      const model = counting()
      yield* run(experiment(), { ...options(`${at}/again`, model.loadable), store })
      expect(model.calls()).toMatchObject({ sample: 0, forwardBackward: 3 })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("a run that was killed in the middle of a step", () => {
  it.effect("at any call of the model: finished groups are not sampled again", () =>
    Effect.gen(function* () {
      const { first } = yield* filled()
      for (const call of [1, 2, 3, 4, 6]) {
        const at = folder()
        const killed = counting({ failures: { sample: everAfter(call, new Errors.DeviceLost({ reason: "killed" })) } })
        const given = { ...options(`${at}/run`, killed.loadable), store: `${at}/store` }
        yield* Effect.flip(run(experiment(), given))
        const model = counting()
        yield* resume(experiment(), `${at}/run`, { ...options(`${at}/run`, model.loadable), store: `${at}/store` })
        const done = objects(`${at}/store`).filter((entry) => entry.parts.stage === "Sample")
        expect(done).toHaveLength(6)
        // Two groups are in work at once: the call that was lost, and whatever its neighbour had not finished.
        expect(killed.answered().sample + model.calls().sample).toBeLessThanOrEqual(7)
        expect(remains(`${at}/run`)).toEqual(remains(first))
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("in the update: nothing is sampled or judged again", () =>
    Effect.gen(function* () {
      const { first } = yield* filled()
      const at = folder()
      const killed = counting({
        failures: { forwardBackward: everAfter(2, new Errors.DeviceLost({ reason: "killed" })) },
      })
      const store = `${at}/store`
      yield* Effect.flip(run(experiment(), { ...options(`${at}/run`, killed.loadable), store }))
      const model = counting()
      yield* resume(experiment(), `${at}/run`, { ...options(`${at}/run`, model.loadable), store })
      // The two groups of the last step alone.
      expect(model.calls()).toMatchObject({ sample: 2, forwardBackward: 2 })
      expect(remains(`${at}/run`)).toEqual(remains(first))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("a damaged store", () => {
  const harms: ReadonlyArray<readonly [string, (file: string) => void]> = [
    ["cut off", (file) => writeFileSync(file, readFileSync(file).subarray(0, -7))],
    ["empty", (file) => writeFileSync(file, "")],
    [
      "with one letter changed",
      (file) => writeFileSync(file, readFileSync(file, "latin1").replace("0", "1"), "latin1"),
    ],
    [
      "with zeros in place of its end",
      (file) => writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 90), Buffer.alloc(400)])),
    ],
    ["gone", (file) => rmSync(file)],
  ]
  it.effect.each(harms)("every file %s: made again, to the same bytes, and mended", ([, harm]) =>
    Effect.gen(function* () {
      const { at, first, store } = yield* filled()
      for (const part of ["objects", "states"]) {
        const files = readdirSync(`${store}/${part}`, { recursive: true, withFileTypes: true }).filter((e) =>
          e.isFile(),
        )
        expect(files.length).toBeGreaterThan(2)
        // A link to a run's checkpoint is cut first: the run's own file stays.
        for (const { name, parentPath } of files) {
          const file = `${parentPath}/${name}`
          const bytes = readFileSync(file)
          rmSync(file)
          writeFileSync(file, bytes)
          harm(file)
        }
        const made = yield* run(experiment(), { ...options(`${at}/${part}`), store })
        expect(made.pieces.made).toBeGreaterThan(0)
        expect(remains(`${at}/${part}`)).toEqual(remains(first))
        const model = counting()
        const mended = yield* run(experiment(), { ...options(`${at}/${part}-mended`, model.loadable), store })
        expect(mended.pieces.made).toBe(0)
        expect(model.calls()).toEqual(none)
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect.each([harms[0], harms[2]] as const)(
    "pieces and what lies beside them, every file %s: mended by one run",
    (harmed) =>
      Effect.gen(function* () {
        const { at, first, store } = yield* filled()
        for (const { name, parentPath } of readdirSync(store, { recursive: true, withFileTypes: true })) {
          const file = `${parentPath}/${name}`
          if (!/\/(objects|states)\//.test(file) || !statSync(file).isFile()) continue
          const bytes = readFileSync(file)
          rmSync(file)
          writeFileSync(file, bytes)
          harmed?.[1](file)
        }
        yield* run(experiment(), { ...options(`${at}/second`), store })
        expect(remains(`${at}/second`)).toEqual(remains(first))
        expect((yield* Store.verify(yield* Store.open(store), { remove: false })).damaged).toEqual([])
        const third = yield* run(experiment(), { ...options(`${at}/third`), store })
        expect(third.pieces.made).toBe(0)
      }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("an entry under another one's key is not taken for it", () =>
    Effect.gen(function* () {
      const { at, first, store } = yield* filled()
      const all = objects(store).filter((entry) => entry.parts.stage === "Sample")
      const [one, other] = all
      if (one === undefined || other === undefined) throw new Error("a run has sampled two groups")
      writeFileSync(one.file, readFileSync(other.file))
      yield* run(experiment(), { ...options(`${at}/second`), store })
      expect(remains(`${at}/second`)).toEqual(remains(first))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of another version is refused before any work, and says what to do", () =>
    Effect.gen(function* () {
      const { at, store } = yield* filled()
      writeFileSync(`${store}/format.json`, '{"format":99}\n')
      const model = counting()
      const error = yield* Effect.flip(run(experiment(), { ...options(`${at}/second`, model.loadable), store }))
      expect(error).toMatchObject({ _tag: "BadInput", where: `${store}/format.json`, found: '{"format":99}' })
      expect(error.message).toMatch(/--store/)
      expect(model.calls()).toEqual(none)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("that is a file is refused", () =>
    Effect.gen(function* () {
      const at = folder()
      writeFileSync(`${at}/store`, "mine")
      const error = yield* Effect.flip(run(experiment(), { ...options(`${at}/run`), store: `${at}/store` }))
      expect(error).toMatchObject({ _tag: "StorageFailed", reason: "a part of the path is a file" })
      expect(readFileSync(`${at}/store`, "utf8")).toBe("mine")
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
