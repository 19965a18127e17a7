import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { resume, run } from "@hmx/runtime"
import { everAfter } from "@hmx/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Errors, Reward } from "hmx"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { experiment, folder, options, questions, scripted } from "./experiment.ts"

const text = (path: string): string => readFileSync(path, "utf8")
const lines = (path: string): ReadonlyArray<Record<string, unknown>> =>
  text(path)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))

/** What a run leaves that must not depend on how it came about: everything but events, which tell the time. */
const remains = (path: string): ReadonlyArray<readonly [string, string]> =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "events.jsonl")
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .toSorted()
    .map((file) => [file.slice(path.length + 1), text(file)])

/** Runs until step 3 begins, and interrupts it there. */
const interrupted = (path: string) =>
  Effect.gen(function* () {
    const reached = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(
      run(experiment(), {
        ...options(path),
        onEvent: (event) => {
          if (event._tag === "StepStarted" && event.step === 3) Effect.runSync(Deferred.succeed(reached, undefined))
        },
      }),
    )
    yield* Deferred.await(reached)
    yield* Fiber.interrupt(fiber)
  })

describe("run", () => {
  it.effect("trains, saves every step, measures before and after, and leaves a folder that can be read", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const o = options(path)
      const outcome = yield* run(experiment(), o)
      expect(outcome.evaluations.map((e) => [e.step, e.reports[0]?.measures[0]?.value])).toEqual([
        [0, 0],
        [3, 3],
      ])
      expect(readdirSync(`${path}/checkpoints`)).toEqual(["step-0", "step-1", "step-2", "step-3"])
      expect(readdirSync(`${path}/${outcome.adapter.path}`)).toContain("adapter_config.json")
      const metrics = lines(`${path}/metrics.jsonl`)
      expect(metrics.map((m) => m["step"])).toEqual([1, 2, 3])
      expect(Object.keys(metrics[0] ?? {})).toEqual(
        expect.arrayContaining(["loss", "reward", "reward_std", "completions/mean_length", "num_tokens", "grad_norm"]),
      )
      const events = lines(`${path}/events.jsonl`)
      const tags = events.map((e) => e["_tag"])
      expect(tags.filter((tag) => tag !== "Saved" && tag !== "StepFinished")).toEqual([
        "Started",
        "Evaluated",
        "StepStarted",
        "StepStarted",
        "StepStarted",
        "Evaluated",
        "Finished",
      ])
      // A checkpoint gets its name while the next step is in work, and only then is its step called finished.
      const ends = events.filter((e) => e["_tag"] === "Saved" || e["_tag"] === "StepFinished")
      expect(ends.map((e) => [e["_tag"], e["step"]])).toEqual(
        [1, 2, 3].flatMap((step) => [
          ["Saved", step],
          ["StepFinished", step],
        ]),
      )
      const at = (tag: string, step: number) => events.findIndex((e) => e["_tag"] === tag && e["step"] === step)
      expect(at("Saved", 1)).toBeGreaterThan(at("StepStarted", 1))
      expect(at("StepFinished", 3)).toBeLessThan(tags.lastIndexOf("Evaluated"))
      expect(JSON.parse(text(`${path}/report.json`)).adapter).toEqual(outcome.adapter)
      expect(existsSync(`${path}/lock`)).toBe(false)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("the same seed twice leaves the same bytes, and another seed does not", () =>
    Effect.gen(function* () {
      const [a, b, c] = [`${folder()}/run`, `${folder()}/run`, `${folder()}/run`]
      const first = yield* run(experiment(), options(a))
      const second = yield* run(experiment(), options(b))
      const other = yield* run(experiment({ seed: 8 }), options(c))
      expect(remains(b)).toEqual(remains(a))
      expect(second.adapter.digest).toBe(first.adapter.digest)
      expect(other.adapter.digest).not.toBe(first.adapter.digest)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("asks its training prompts and never a held-out one", () =>
    Effect.gen(function* () {
      const asked = new Set<string>()
      const recorded = scripted({
        answer: ({ completion, question }) => {
          asked.add(question)
          return "ab".repeat(completion)
        },
      })
      yield* run(experiment({ steps: 12, heldOut: ["a", "b", "c", "d"] }), options(`${folder()}/run`, recorded))
      expect([...asked].toSorted()).toEqual(questions)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("keeps the last k checkpoints when asked to", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* run(experiment(), { ...options(path), keep: 2 })
      expect(readdirSync(`${path}/checkpoints`)).toEqual(["step-2", "step-3"])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("numbers run folders where it is given a base", () =>
    Effect.gen(function* () {
      const base = `${folder()}/runs/brief-7`
      const first = yield* run(experiment({ steps: 1 }), { ...options(base), place: { base } })
      const second = yield* run(experiment({ steps: 1 }), { ...options(base), place: { base } })
      expect([first.folder, second.folder]).toEqual([`${base}-1`, `${base}-2`])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

describe("resume", () => {
  it.effect("after an interruption: the same bytes as a run that was never interrupted", () =>
    Effect.gen(function* () {
      const [whole, broken] = [`${folder()}/run`, `${folder()}/run`]
      yield* run(experiment(), options(whole))
      yield* interrupted(broken)
      expect(readdirSync(`${broken}/checkpoints`)).toEqual(["step-0", "step-1", "step-2"])
      expect(existsSync(`${broken}/lock`)).toBe(false)
      const o = options(broken)
      yield* resume(experiment(), broken, o)
      expect(remains(broken)).toEqual(remains(whole))
      expect(o.events[0]).toMatchObject({ _tag: "Started", after: 2 })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("after a device that died at any point: the same bytes", () =>
    Effect.gen(function* () {
      const whole = `${folder()}/run`
      yield* run(experiment(), options(whole))
      const lost = new Errors.DeviceLost({ reason: "killed" })
      for (const call of [1, 2, 4, 6]) {
        const path = `${folder()}/run`
        const failures = { sample: everAfter(call, lost) }
        const failed = yield* Effect.flip(run(experiment(), options(path, scripted({ failures }))))
        expect(failed).toMatchObject({ _tag: "RunFailed", error: "DeviceLost" })
        yield* resume(experiment(), path, options(path))
        expect(remains(path)).toEqual(remains(whole))
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("takes back what was written after the last checkpoint, and what a kill left half-written", () =>
    Effect.gen(function* () {
      const [whole, broken] = [`${folder()}/run`, `${folder()}/run`]
      yield* run(experiment(), options(whole))
      yield* interrupted(broken)
      // What a kill between a metrics line and the rename of its checkpoint leaves.
      writeFileSync(`${broken}/metrics.jsonl`, `${text(`${broken}/metrics.jsonl`)}{"step":3,"loss":9}\n{"ste`)
      mkdirSync(`${broken}/checkpoints/step-3.tmp-99`)
      writeFileSync(`${broken}/checkpoints/step-3.tmp-99/adapter_config.json`, "{")
      writeFileSync(`${broken}/experiment.json.tmp-99-1`, "{")
      writeFileSync(`${broken}/lock`, "4194305\n")
      yield* resume(experiment(), broken, options(broken))
      expect(remains(broken)).toEqual(remains(whole))
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("does nothing to a run that is finished", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* run(experiment(), options(path))
      const before = remains(path)
      const o = options(path)
      yield* resume(experiment(), path, o)
      expect(remains(path)).toEqual(before)
      expect(o.events.map((e) => e._tag)).toEqual(["Started", "Finished"])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("refuses another experiment, and names what changed", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* interrupted(path)
      const error = yield* Effect.flip(resume(experiment({ seed: 8 }), path, options(path)))
      expect(error).toMatchObject({ _tag: "BadInput", found: "a change of settings.seed: 7 → 8" })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("refuses other code under the same version, and names it", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* interrupted(path)
      const changed = Reward.make("brevity", { version: 1, score: (c) => 2 / (2 + c.text.length) })
      const error = yield* Effect.flip(resume(experiment({ reward: changed }), path, options(path)))
      expect(error).toMatchObject({
        _tag: "BadInput",
        found: "other code under the same version: brevity@1.score",
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("refuses a run that another process is working on, with its pid", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      yield* interrupted(path)
      writeFileSync(`${path}/lock`, `${process.ppid}\n`)
      const error = yield* Effect.flip(resume(experiment(), path, options(path)))
      expect(error).toMatchObject({ _tag: "BadInput", found: `process ${process.ppid} at work` })
      expect(existsSync(`${path}/lock`)).toBe(true)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("refuses a folder that is not a run", () =>
    Effect.gen(function* () {
      const path = folder()
      expect(yield* Effect.flip(resume(experiment(), path, options(path)))).toMatchObject({ _tag: "StorageFailed" })
      writeFileSync(`${path}/experiment.json`, `{ "format": 99 }`)
      const error = yield* Effect.flip(resume(experiment(), path, options(path)))
      expect(error).toMatchObject({ _tag: "BadInput", where: `${path}/experiment.json` })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
