import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { plan } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Artefact, LanguageModel, Stage, Step } from "hmx"
import { experiment, scripted } from "../experiment.ts"

class Read extends Schema.TaggedClass<Read>()("read", { of: Schema.Array(Schema.Finite) }) {}

const stage = (asks: "the model" | "nothing" | "too much", reserves: boolean) =>
  Stage.make("Read", {
    version: 1,
    grain: "group",
    needs: [Artefact.Rollouts],
    gives: Read,
    ...(reserves ? { reserve: () => [{ part: "reading", bytes: 4096 }] } : {}),
    run: ({ rollouts }) =>
      Effect.gen(function* () {
        if (asks === "nothing") return new Read({ of: rollouts.completions.map((c) => c.tokens.length) })
        if (asks === "too much") return yield* Effect.die("it asks for what is not here")
        const { by } = yield* Step
        const lm = yield* LanguageModel
        const read = yield* Effect.orDie(
          lm.logprobs(rollouts.completions.map(({ tokens }) => ({ tokens: [1, ...tokens], from: 1, by }))),
        )
        return new Read({ of: read.map((logprobs) => logprobs.reduce((a, b) => a + b, 0)) })
      }),
  })

const planned = (...of: Parameters<typeof stage>) => {
  const plain = experiment()
  const [sample, ...rest] = plain.stages
  const stages = [sample, stage(...of), ...rest]
  return plan(
    { ...plain, stages },
    { model: scripted(), locate: (file) => ({ path: String(file), name: String(file) }) },
  ).pipe(Effect.provide(NodeFileSystem.layer))
}

describe("a stage of one's own without a word on what it holds", () => {
  it.effect("is told where it asks the model, or cannot be rehearsed", () =>
    Effect.gen(function* () {
      const asking = yield* planned("the model", false)
      expect(asking.notes).toEqual([
        expect.stringMatching(
          /^Read reserves nothing, and what it asks of the model holds [\d.]+ [KM]?i?B: give it `reserve: /,
        ),
      ])
      expect(asking.stages.at(1)?.bytes).toBe(0)
      expect((yield* planned("too much", false)).notes).toEqual([expect.stringContaining("could not be rehearsed")])
    }),
  )

  it.effect("is not told where it asks nothing, or says what it holds", () =>
    Effect.gen(function* () {
      expect((yield* planned("nothing", false)).notes).toEqual([])
      expect((yield* planned("the model", true)).notes).toEqual([])
    }),
  )
})
