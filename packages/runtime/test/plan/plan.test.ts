import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Beside, plan, Planned, run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Layer from "effect/Layer"
import { type Experiment, LanguageModel, Reward, SelfJudge, Stage } from "hmx"
import { readFileSync } from "node:fs"
import { brevity, experiment, folder, options, scripted } from "../experiment.ts"

const locate = (file: string | URL) => ({ path: String(file), name: String(file) })
const planOf = (x: Experiment.Any, store?: string) => plan(x, { model: scripted(), locate, store })

const stage = (planned: Planned, name: string) => planned.stages.find((s) => s.stage === name)

describe("a plan", () => {
  it.effect("says of each stage what it asks of the model at the most, and how often", () =>
    Effect.gen(function* () {
      const planned = yield* planOf(experiment({ steps: 3 }))
      const sample = stage(planned, "Sample")
      // Two prompts a step, three answers each of up to 24 tokens.
      expect(sample?.tokens?.written).toBe(2 * 3 * 24)
      expect(sample?.times).toBe(3)
      const trained = stage(planned, "LoRAUpdate")?.tokens?.trained ?? 0
      expect(trained).toBeGreaterThanOrEqual(2 * 3 * 23)
      expect(stage(planned, "Evaluate")?.times).toBe(2)
      expect(planned.memory.timeline.map(({ phase, stage: name }) => `${phase} ${name}`)).toEqual([
        "load weights",
        "before Evaluate",
        "step Sample",
        "step SelfJudge",
        "step GroupAdvantage",
        "step LoRAUpdate",
        "after Evaluate",
      ])
      // What JSON has of it is all of it.
      expect(Schema.decodeUnknownSync(Planned)(JSON.parse(JSON.stringify(planned)))).toEqual(planned)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("over its budget names changes that fit, each the smallest of its option", () =>
    Effect.gen(function* () {
      const roomy = yield* planOf(experiment({}))
      const tight = experiment({ memory: "16 MiB" })
      const { memory } = yield* planOf(tight)
      // An update keeps what the budget has room for: here nothing.
      expect(memory.most).toBeLessThan(roomy.memory.most)
      expect(memory.most).toBeGreaterThan(memory.budget)
      const named = memory.changes.map(({ option }) => option)
      expect(named.at(-1)).toBe("memory")
      expect(named).toContain("Sample.maxNewTokens")
      for (const { most, option } of memory.changes)
        if (option !== "memory") expect(most).toBeLessThanOrEqual(memory.budget)
      const change = memory.changes.find(({ option }) => option === "Sample.maxNewTokens")
      const withTokens = (n: number): Experiment.Any => ({
        ...tight,
        stages: tight.stages.map((s: Stage.Any) => (s.name === "Sample" ? Stage.change(s, { maxNewTokens: n }) : s)),
      })
      const now = Number(change?.now)
      expect((yield* planOf(withTokens(now))).memory.most).toBe(change?.most)
      expect((yield* planOf(withTokens(now + 1))).memory.most).toBeGreaterThan(memory.budget)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("after a run names what would run again, and because of what change", () =>
    Effect.gen(function* () {
      const path = folder()
      const x = experiment({ steps: 1 })
      yield* run(x, { ...options(`${path}/run`), store: `${path}/store` })
      const same = yield* planOf(x, `${path}/store`)
      expect(same.stages.map(({ pieces }) => pieces.total - pieces.cached)).toEqual([0, 0, 0, 0, 0])
      expect(same.stages.map(({ why }) => why)).toEqual(["", "", "", "", ""])
      const longer = Reward.make("length", { version: 1, score: (c) => Math.min(1, c.text.length / 100) })
      const other: Experiment.Any = {
        ...x,
        stages: x.stages.map((s: Stage.Any) =>
          s.name === "SelfJudge" ? SelfJudge.stage({ rubric: longer, judge: "frozen" }) : s,
        ),
      }
      const { stages } = yield* planOf(other, `${path}/store`)
      expect(stages[0]?.pieces.cached).toBe(stages[0]?.pieces.total)
      expect(stages[1]?.why).toContain(`options.rubric.name: "${brevity.name}" → "length"`)
      expect(stages[2]?.why).toBe("follows SelfJudge")
      expect(stages[3]?.why).toBe("follows SelfJudge")
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

it.effect("a run keeps its plan of memory, and nothing of a model that does not measure", () =>
  Effect.gen(function* () {
    const path = `${folder()}/run`
    yield* run(experiment({ steps: 1 }), options(path))
    const record = Beside.parse(readFileSync(`${path}/memory.json`, "utf8"))
    expect(record?.stages.map(({ measured }) => measured)).toEqual([null, null, null, null, null])
    expect(record?.stages.every(({ planned }) => planned >= record.weights + record.stays)).toBe(true)
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)

/** Moments of some MiB, and more rows in sampling than an update takes at once. */
const within = (memory: "1 GiB" | "62 MiB" | "45 MiB") =>
  experiment({ steps: 2, perStep: 8, groupSize: 24, memory, update: { rank: 1024, microBatchGroups: 1 } })

describe("a budget with room for sampling only without the optimiser's state", () => {
  it.effect("is planned so, and each stage is told what goes", () =>
    Effect.gen(function* () {
      const { memory, stages } = yield* planOf(within("62 MiB"))
      expect(memory.changes).toEqual([])
      expect(memory.most).toBeLessThanOrEqual(memory.budget)
      const moments = (memory.stays / 3) * 2
      expect(stages.map(({ offloads }) => offloads)).toEqual([moments, 0, 0, 0, 0])
      const [sample] = stages
      expect(memory.weights + memory.stays + (sample?.bytes ?? 0)).toBeGreaterThan(memory.budget)
      const held = memory.timeline.find(({ stage: name }) => name === "Sample")?.bytes
      expect(held).toBe(memory.weights + memory.stays - moments + (sample?.bytes ?? 0))
      // With room nothing goes; without enough of it nothing is promised, and the budget that would do is the one that offloads.
      const roomy = yield* planOf(within("1 GiB"))
      expect(roomy.stages.every(({ offloads }) => offloads === 0)).toBe(true)
      const tight = yield* planOf(within("45 MiB"))
      expect(tight.stages.every(({ offloads }) => offloads === 0)).toBe(true)
      const enough = tight.memory.changes.at(-1)
      expect(enough?.option).toBe("memory")
      expect(enough?.most).toBeLessThan(tight.memory.most)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("runs so: it goes once a step, before the first stage that wants the room, and no number changes", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const noting = Layer.effect(
        LanguageModel,
        Effect.map(Effect.service(LanguageModel), (lm) => ({
          ...lm,
          offload: (adapter: string) =>
            Effect.andThen(
              Effect.sync(() => void asked.push("offload")),
              lm.offload(adapter),
            ),
          sample: (request: Parameters<typeof lm.sample>[0]) =>
            Effect.andThen(
              Effect.sync(() => void asked.push("sample")),
              lm.sample(request),
            ),
          optimStep: (request: Parameters<typeof lm.optimStep>[0]) =>
            Effect.andThen(
              Effect.sync(() => void asked.push("optimStep")),
              lm.optimStep(request),
            ),
        })),
      )
      const ran = Effect.fnUntraced(function* (memory: "1 GiB" | "62 MiB") {
        const path = `${folder()}/run`
        const model = scripted()
        asked.length = 0
        yield* run(within(memory), options(path, { ...model, layer: Layer.provide(noting, model.layer) }))
        const rows = readFileSync(`${path}/metrics.jsonl`, "utf8")
        return { rows, calls: asked.filter((call, i) => call !== asked[i - 1]) }
      })
      const roomy = yield* ran("1 GiB")
      const tight = yield* ran("62 MiB")
      expect(tight.rows).toBe(roomy.rows)
      expect(roomy.calls).toEqual(["sample", "optimStep", "sample", "optimStep"])
      // The last one is for Evaluate: what it holds is not known without a tokenizer, so it has all that there is.
      const step = ["offload", "sample", "optimStep"]
      expect(tight.calls).toEqual([...step, ...step, "offload"])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
