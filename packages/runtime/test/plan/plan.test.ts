import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Beside, plan, Planned, run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Experiment, Reward, SelfJudge, Stage } from "hmx"
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
