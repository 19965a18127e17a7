/** What is wrong with a request, as BadInput. */
import { Errors, type Tokens } from "hmx"
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
