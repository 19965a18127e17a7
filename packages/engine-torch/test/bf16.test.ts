/** A bf16 checkpoint against transformers, which computes in bf16 throughout: what the engine makes of it is no further from f32 than that. */
import { create } from "@hmx/engine-torch"
import { freeDecoder, loadDecoder, openCheckpoint, sequenceLogits } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { fixture, maxDifference, relativeError, tensorsOf } from "../../lm/test/_internals/fixtures.ts"
import { absent } from "./_internals/present.ts"

const name = "llama32_bf16"

describe.skipIf(absent !== undefined)("a checkpoint in bf16", () => {
  test.each(["f32", "stored"] as const)(
    "has transformers' logits within bf16's rounding, products in %s",
    async (compute) => {
      const engine = await create({ threads: 1, compute })
      const checkpoint = Effect.runSync(openCheckpoint(fixture(`checkpoints/${name}`)))
      const { decoder } = Effect.runSync(loadDecoder(engine, checkpoint, { widen: false }))
      expect(engine.info).toMatchObject({ compute: compute === "f32" ? "f32" : "bf16" })
      expect(engine.info.notes).toHaveLength(1)
      const vectors = tensorsOf(`vectors/${name}.safetensors`)
      const [rows = 0, width = 0] = vectors.shape("left.input_ids")
      const [ids, mask] = [vectors.ints("left.input_ids"), vectors.ints("left.attention_mask")]
      const [narrow, wide] = [vectors.f32("left.logits_bf16_compute"), vectors.f32("left.logits")]
      for (let r = 0; r < rows; r++) {
        const from = mask.indexOf(1, r * width)
        const to = (r + 1) * width
        const found = sequenceLogits(decoder, ids.slice(from, to))
        const part = (all: Float32Array) => all.subarray(from * decoder.spec.vocab, to * decoder.spec.vocab)
        const [theirs, exact] = [part(narrow), part(wide)]
        const rounding = { most: maxDifference(theirs, exact), mean: relativeError(theirs, exact) }
        expect(rounding.mean).toBeGreaterThan(1e-3)
        // Two roundings of the same numbers differ by at most both; between products the engine keeps f32.
        expect(maxDifference(found, theirs)).toBeLessThanOrEqual(2 * rounding.most)
        expect(relativeError(found, theirs)).toBeLessThanOrEqual(2 * rounding.mean)
        expect(relativeError(found, exact)).toBeLessThanOrEqual(compute === "f32" ? 1e-5 : rounding.mean)
      }
      freeDecoder(decoder)
      engine.close()
    },
  )
})
