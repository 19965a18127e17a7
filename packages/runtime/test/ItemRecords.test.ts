import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { ItemRecords, resume, run, RunFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors, type ItemRecord, Records, type Task } from "hmx"
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { experiment, folder, options, scripted, updates } from "./experiment.ts"

const record = (id: string): ItemRecord => ({ id, values: { acc: 1 }, answer: { kind: "text", text: `${id}\n` } })

describe("records in a folder", () => {
  it.effect("are read as they were kept, by the task's name, whatever is in it", () =>
    Effect.gen(function* () {
      const path = `${folder()}/records`
      const records = yield* ItemRecords.inFolder(path)
      const task = "held_out/../a b"
      expect(yield* records.begin(task, 2)).toEqual([])
      yield* records.keep(task, [record("x")])
      yield* records.keep(task, [record("y"), { id: "z", tooLong: true, tokens: 9 }])
      expect(yield* ItemRecords.tasks(path)).toEqual([task])
      expect(yield* ItemRecords.read(path, task)).toEqual([
        record("x"),
        record("y"),
        { id: "z", tooLong: true, tokens: 9 },
      ])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("lose a torn line and what is no record, and go on behind the rest", () =>
    Effect.gen(function* () {
      const path = folder()
      const first = yield* ItemRecords.inFolder(path)
      yield* first.begin("quiz", 3)
      yield* first.keep("quiz", [record("x")])
      appendFileSync(`${path}/quiz.jsonl`, `{"id":7}\n{"id":"y","values":{"ac`)
      const again = yield* ItemRecords.inFolder(path)
      expect(yield* again.begin("quiz", 3)).toEqual([record("x")])
      yield* again.keep("quiz", [record("y")])
      expect(yield* ItemRecords.read(path, "quiz")).toEqual([record("x"), record("y")])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("of a task that is done are the same bytes, in whatever order and however often they were kept", () =>
    Effect.gen(function* () {
      const all = ["x", "y", "z"].map(record)
      const texts: Array<string> = []
      for (const order of [all, [...all].toReversed(), [...all, ...all]]) {
        const path = folder()
        const records = yield* ItemRecords.inFolder(path)
        yield* records.begin("quiz", 3)
        yield* records.keep("quiz", order)
        yield* records.end("quiz", all)
        yield* records.end("nothing", [])
        texts.push(readFileSync(`${path}/quiz.jsonl`, "utf8"))
        expect(yield* ItemRecords.tasks(path)).toEqual(["quiz"])
      }
      expect(new Set(texts).size).toBe(1)
      expect(texts[0]?.split("\n")).toHaveLength(4)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("are found of every evaluation of a step, in the order of these", () =>
    Effect.gen(function* () {
      const path = folder()
      const places = [0, 1, 4, 10].map((place) => RunFolder.itemRecords(path, 3, place))
      for (const place of [...places, RunFolder.itemRecords(path, 30, 1)]) mkdirSync(place, { recursive: true })
      expect(yield* RunFolder.recordFolders(path, 3)).toEqual(places)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

/** A benchmark of three items, which a lost device ends before the second as long as `lost` says so. */
const quiz = (lost: () => boolean, asked: Array<string>): Task.Task<"benchmark"> => ({
  kind: "benchmark",
  name: "quiz",
  version: 1,
  options: {},
  run: Effect.gen(function* () {
    const records = yield* Records
    const kept = (yield* records.begin("quiz", 3)).map(({ id }) => id)
    for (const id of ["a", "b", "c"].filter((one) => !kept.includes(one))) {
      if (id === "b" && lost()) yield* new Errors.DeviceLost({ reason: "killed" })
      asked.push(id)
      yield* records.keep("quiz", [record(id)])
    }
    return { measures: [{ task: "quiz", metric: "acc", value: 1, stderr: 0, n: 3, higherIsBetter: true }], answers: [] }
  }),
})

describe("a run", () => {
  it.effect("that ends within an evaluation goes on behind the items that are done", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const asked: Array<string> = []
      let lost = true
      const tasks = [quiz(() => lost, asked), updates]
      yield* Effect.flip(run(experiment({ tasks }), options(path, scripted())))
      expect(asked).toEqual(["a"])
      lost = false
      const { evaluations } = yield* resume(experiment({ tasks }), path, options(path, scripted()))
      // Before training "a" was there; after it all three are asked.
      expect(asked).toEqual(["a", "b", "c", "a", "b", "c"])
      expect(evaluations.map(({ step }) => step)).toEqual([0, 3])
      expect(yield* RunFolder.recordedSteps(path)).toEqual([0, 3])
      expect(yield* ItemRecords.read(RunFolder.itemRecords(path, 0), "quiz")).toHaveLength(3)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("does not take over records of a step that it has not come to", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const asked: Array<string> = []
      const tasks = [quiz(() => false, asked), updates]
      const lost = { sample: { 4: new Errors.DeviceLost({ reason: "killed" }) } }
      yield* Effect.flip(run(experiment({ tasks }), options(path, scripted({ failures: lost }))))
      mkdirSync(`${path}/evaluations/step-3`)
      writeFileSync(`${path}/evaluations/step-3/quiz.jsonl`, `${JSON.stringify(record("a"))}\n`)
      yield* resume(experiment({ tasks }), path, options(path, scripted()))
      expect(asked).toEqual(["a", "b", "c", "a", "b", "c"])
      expect(readFileSync(`${path}/evaluations/step-3/quiz.jsonl`, "utf8").trimEnd().split("\n")).toHaveLength(3)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
