/** What is wrong with a request, as BadInput. */
import { Errors, type SamplingParams, type Tokens } from "hmx"
import type { DecoderSpec } from "../decoder/DecoderSpec.ts"

/** At least `least` tokens, at most the context, each of the vocabulary. */
export const checkTokens = (spec: DecoderSpec, where: string, tokens: Tokens, least: number): void => {
  if (tokens.length < least || tokens.length > spec.context)
    throw new Errors.BadInput({
      where,
      found: `${tokens.length} tokens`,
      expected: `from ${least} to ${spec.context} tokens`,
    })
  const wrong = tokens.find((token) => !Number.isSafeInteger(token) || token < 0 || token >= spec.vocab)
  if (wrong !== undefined)
    throw new Errors.BadInput({ where, found: `token ${wrong}`, expected: `ids from 0 to ${spec.vocab - 1}` })
}

export const checkPositive = (where: string, value: number): void => {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Errors.BadInput({ where, found: String(value), expected: "a whole number ≥ 1" })
}

export const checkAdapterName = (name: string): void => {
  if (name === "" || name.length > 200)
    throw new Errors.BadInput({ where: "adapter's name", found: `${name.length} characters`, expected: "1 to 200" })
}

const checkRange = (
  where: string,
  value: number | undefined,
  holds: (x: number) => boolean,
  expected: string,
): void => {
  if (value !== undefined && !(Number.isFinite(value) && holds(value)))
    throw new Errors.BadInput({ where, found: String(value), expected })
}

/** Numbers outside their range; transformers refuses the same ones. */
export const checkSampling = (params: SamplingParams): void => {
  checkPositive("maxNewTokens", params.maxNewTokens)
  checkTemperature(params.temperature)
  checkRange("topK", params.topK, (x) => Number.isSafeInteger(x) && x >= 0, "a whole number ≥ 0 (0 is off)")
  checkRange("topP", params.topP, (x) => x > 0 && x <= 1, "a number above 0, at most 1")
  checkRange("minP", params.minP, (x) => x >= 0 && x <= 1, "a number from 0 to 1")
  checkRange("repetitionPenalty", params.repetitionPenalty, (x) => x > 0, "a number above 0")
}

/** 0 is greedy where tokens are sampled, and counts as 1 where they are scored. */
export const checkTemperature = (temperature: number | undefined): void =>
  checkRange("temperature", temperature, (x) => x >= 0, "a number ≥ 0")
