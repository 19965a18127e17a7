/** What a request returns has the same bits whatever is computed beside it, and whatever was before: a suite for each engine. */
import * as Effect from "effect/Effect"
import type { Adapter, Tokens } from "hmx"
import { describe, expect, test } from "vitest"
import type { Engine } from "../../src/index.ts"
import { LocalModel } from "../../src/local/LocalModel.ts"
import { fixture } from "../_internals/fixtures.ts"

/** Tokens by a walk through the vocabulary, from a place of their own. */
const tokens = (length: number, from: number): Tokens =>
  Array.from({ length }, (_, i) => 3 + ((from * 7919 + i * 104_729 + ((from + i) % 13) * 17) % 600))

const rubric = tokens(70, 1)
/** Around whole blocks of 32 rows, and fewer rows than any kernel likes. */
const lengths = [1, 2, 3, 5, 8, 13, 31, 32, 33, 34, 35, 47, 64, 66, 97]

const readings = (by: Adapter) =>
  lengths.map((length, i) => ({
    // Every second one stands behind the rubric.
    context: [...(i % 2 === 0 ? rubric : []), ...tokens(length, 10 + i)],
    continuations: [tokens(1, 40 + i), tokens(2, 60 + i)],
    by,
  }))

const asks = (by: Adapter) =>
  [1, 4, 17, 33, 35, 40].map((length, i) => ({
    prompt: tokens(length, 80 + i),
    n: 1 + ((i * 3) % 5),
    params: { maxNewTokens: 20, temperature: 0.9 },
    key: { seed: 3, step: 1, prompt: i },
    by,
  }))

const train = (model: LocalModel) => {
  model.createAdapter("policy", { rank: 4 }, 1)
  const completions = [1, -1].map((advantage, c) => ({ tokens: tokens(6, 100 + c), advantage }))
  const groups = [{ prompt: tokens(9, 3), completions }]
  model.forwardBackward({ adapter: "policy", groups, loss: { loss: "dapo" }, maxCompletionLength: 8 })
  model.optimStep({ adapter: "policy", learningRate: 1e-2 })
}

export const neighbours = (make: () => Promise<Engine>): void => {
  describe("a request's answer is its own", () => {
    test.each<readonly [name: string, by: Adapter]>([
      ["the base", "base"],
      ["an adapter", { adapter: "policy" }],
    ])("%s: alone, beside all, beside some, and after others whose beginnings are kept", async (_, by) => {
      const engine = await make()
      const load = (options: { readonly prefixBytes?: number }) => {
        const model = Effect.runSync(LocalModel.load(engine, fixture("checkpoints/qwen3"), options))
        train(model)
        return model
      }
      const reads = readings(by)
      const samples = asks(by)
      const model = load({ prefixBytes: 0 })
      const chosen = model.choices(reads)
      const sampled = model.sample(samples)
      const same = (one: LocalModel, which: (i: number) => boolean) => {
        const some = <A>(all: ReadonlyArray<A>) => all.filter((_, i) => which(i))
        expect(one.choices(some(reads))).toEqual(some(chosen))
        expect(one.sample(some(samples))).toEqual(some(sampled))
      }
      reads.forEach((_, at) => same(model, (i) => i === at))
      same(model, (i) => i % 3 !== 0)
      model.close()
      const keeping = load({})
      for (const at of [4, 2, 0, 8]) same(keeping, (i) => i === at)
      same(keeping, () => true)
      keeping.close()
      engine.close()
    })
  })
}
