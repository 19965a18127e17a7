import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { Artefact, type Errors, GroupAdvantage, LanguageModel, LoRAUpdate, Reward, Sample, SelfJudge, Stage } from "hmx"
import { describe, expect, it } from "vitest"
import { checkStage, rubric, type StageLaw, type StageOptions } from "../src/index.ts"

class Lengths extends Schema.TaggedClass<Lengths>()("lengths", { of: Schema.Array(Schema.Number) }) {}
class Longest extends Schema.TaggedClass<Longest>()("longest", { is: Schema.Number }) {}

type Made = (rollouts: Artefact.Rollouts) => Effect.Effect<Lengths, Errors.BadInput | Errors.DeviceLost, LanguageModel>

const lengths = ({ completions }: Artefact.Rollouts) => new Lengths({ of: completions.map((c) => c.tokens.length) })
const measure = (run: Made) =>
  Stage.make("Measure", {
    version: 1,
    grain: "group",
    needs: [Artefact.Rollouts],
    gives: Lengths,
    run: ({ rollouts }) => run(rollouts),
  })

const asked = Effect.flatMap(LanguageModel, (lm) => lm.encode(["a"]))

/** The law that breaks first, and what is said of it. */
const breach = (stage: Stage.Any, options: StageOptions = {}): Promise<readonly [law: StageLaw | "none", string]> =>
  checkStage(stage, { cases: 8, ...options }).then(
    () => ["none", ""] as const,
    (error: { readonly law: StageLaw; readonly message: string }) => [error.law, error.message] as const,
  )

const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / c.tokens })

describe("the five stages keep the laws of stages", () => {
  it.each([
    ["Sample", Sample.stage({ groupSize: 2, maxNewTokens: 8 })],
    ["SelfJudge", SelfJudge.stage({ rubric: brevity, judge: "frozen" })],
    ["GroupAdvantage", GroupAdvantage.stage({ scale: "group" })],
    ["LoRAUpdate", LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" })],
    ["one of one's own", measure((rollouts) => Effect.as(asked, lengths(rollouts)))],
  ])("%s", async (_, stage) => {
    expect(await breach(stage)).toEqual(["none", ""])
  })

  it("SelfJudge does so with any rubric", async () => {
    for (const one of fc.sample(rubric(), { seed: 1, numRuns: 4 }))
      expect(await breach(SelfJudge.stage({ rubric: one, judge: "live" }), { cases: 3 })).toEqual(["none", ""])
  })
})

describe("planted", () => {
  let runs = 0
  let held = 0
  const keep = new Set<string>()
  it.each<readonly [string, StageLaw, RegExp, Stage.Any, StageOptions]>([
    [
      "makes what is not JSON",
      "gives what it says",
      /not read back/,
      measure((r) => Effect.succeed(new Lengths({ of: [r.completions.length / 0] }))),
      {},
    ],
    [
      "throws",
      "gives what it says",
      /no typed error: .*an empty answer/,
      measure((r) =>
        Effect.sync(() => {
          if (r.completions.some((c) => c.text === "")) throw new Error("an empty answer")
          return lengths(r)
        }),
      ),
      {},
    ],
    [
      "writes into its input",
      "leaves its input alone",
      /its input became/,
      measure((r) =>
        Effect.sync(() => {
          Object.assign(r.completions[0] ?? {}, { text: "changed" })
          return lengths(r)
        }),
      ),
      {},
    ],
    [
      "counts its runs",
      "deterministic",
      /the first time it made/,
      measure(() => Effect.sync(() => new Lengths({ of: [runs++] }))),
      {},
    ],
    [
      "leaves an adapter behind",
      "leaves nothing open",
      /1 adapters/,
      measure((r) =>
        Effect.flatMap(LanguageModel, (lm) =>
          Effect.as(Effect.orDie(lm.createAdapter("mine", { rank: 1 }, 1)), lengths(r)),
        ),
      ),
      {},
    ],
    [
      "goes on after its end",
      "leaves nothing open",
      /after its end/,
      measure((r) => Effect.as(Effect.forkDetach(Effect.andThen(Effect.sleep("5 minutes"), asked)), lengths(r))),
      {},
    ],
    [
      "drops its adapter on success alone",
      "safe to retry",
      /after a failure in call 1 of encode: 1 adapters/,
      Stage.make("Measure", {
        version: 1,
        grain: "group",
        needs: [Artefact.Rollouts],
        gives: Lengths,
        run: ({ rollouts }) =>
          Effect.gen(function* () {
            const lm = yield* LanguageModel
            yield* lm.createAdapter("mine", { rank: 1 }, 1)
            yield* lm.encode(["a"])
            yield* lm.dropAdapter("mine")
            return lengths(rollouts)
          }),
      }),
      {},
    ],
    [
      "closes only where it ends by itself",
      "safe to interrupt",
      /interrupted in call 1 of the model: \d+ things were open/,
      measure((r) =>
        Effect.gen(function* () {
          held++
          yield* asked
          held--
          return lengths(r)
        }),
      ),
      { open: () => held, breaks: { "safe to retry": "the same mistake" } },
    ],
    [
      "remembers what it began",
      "safe to interrupt",
      /and run again, it made/,
      measure((r) =>
        Effect.gen(function* () {
          const key = JSON.stringify(r)
          const begun = keep.has(key)
          keep.add(key)
          yield* asked
          keep.delete(key)
          return begun ? new Lengths({ of: [] }) : lengths(r)
        }),
      ),
      { breaks: { "safe to retry": "the same mistake" } },
    ],
  ])("%s: breaks “%s”", async (_, law, what, stage, options) => {
    const [broke, message] = await breach(stage, options)
    expect(message).toMatch(what)
    expect(broke).toBe(law)
    expect(message).toMatch(/\n\n {2}rollouts "/)
  })
})

describe("options", () => {
  const longest = Stage.make("Longest", {
    version: 1,
    grain: "step",
    needs: [Lengths],
    gives: Longest,
    run: ({ lengths }) => Effect.succeed(new Longest({ is: Math.max(0, ...lengths.flatMap(({ of }) => of)) })),
  })

  it("artefacts of one's own are given by tag", async () => {
    await expect(checkStage(longest)).rejects.toThrow("Longest needs { lengths }: give { artefacts: { lengths: … } }")
    const artefacts = { lengths: fc.array(fc.nat()).map((of) => new Lengths({ of })) }
    expect(await breach(longest, { artefacts })).toEqual(["none", ""])
  })

  it("an exemption from a law that holds is an error", async () => {
    const breaks = { deterministic: "it draws" }
    expect(
      (
        await breach(
          measure((r) => Effect.succeed(lengths(r))),
          { breaks },
        )
      )[1],
    ).toContain("take the exemption out")
  })
})
