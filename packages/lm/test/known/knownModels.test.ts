import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { parameterCount } from "../../src/decoder/DecoderSpec.ts"
import { knownModel, knownModels } from "../../src/known/knownModels.ts"

const parametersOf = (repo: string): number | undefined => {
  const found = knownModel(repo)
  return found === undefined ? undefined : parameterCount(Effect.runSync(found).config.spec)
}

it("the known models have as many parameters as their published checkpoints", () => {
  const counts = Object.fromEntries(knownModels.map(({ repo }) => [repo, parametersOf(repo)]))
  expect(counts).toEqual({
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "google/gemma-2-2b-it": 2_614_341_888,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
  })
  expect(parametersOf("Qwen/Qwen3-5B")).toBeUndefined()
})
