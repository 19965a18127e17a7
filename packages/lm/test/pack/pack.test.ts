/** Laws of packing: it changes what is computed twice, and nothing else. */
import { create } from "@hmx/engine-tfjs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { hidden } from "../../src/decoder/forward.ts"
import { buckets, keyMultiple, packedAttention } from "../../src/pack/attention.ts"
import { floats } from "../../src/pack/floats.ts"
import { distinct, pack, parts } from "../../src/pack/pack.ts"
import type { Packed, Sequence } from "../../src/pack/pack.ts"
import { packedLogProbs, pairLogProbs } from "../../src/pack/packedLogProbs.ts"
import { lossGradient, sequenceLogProbs } from "../../src/train/forwardBackward.ts"
import { relativeError } from "../_internals/fixtures.ts"
import { tinyDecoder, tinyLora } from "../_internals/tinyDecoder.ts"

/** Few different tokens, so that prefixes are shared, whole sequences repeat, and one is another's prefix. */
const sequence = fc
  .array(fc.integer({ min: 0, max: 2 }), { minLength: 2, maxLength: 24 })
  .chain((tokens) => fc.record({ tokens: fc.constant(tokens), from: fc.integer({ min: 1, max: tokens.length }) }))
const sequences = fc.array(sequence, { minLength: 1, maxLength: 8 })

const prefixes = (list: ReadonlyArray<Sequence>) =>
  new Set(list.flatMap(({ tokens }) => tokens.slice(0, -1).map((_, i) => tokens.slice(0, i + 1).join())))

describe("pack", () => {
  it("computes every distinct prefix once, along its path, and finds every wanted pair", () => {
    fc.assert(
      fc.property(sequences, (list) => {
        const packed = pack(list)
        expect(packed.tokens.length).toBe(prefixes(list).size)
        list.forEach(({ tokens, from }, s) => {
          const path = Array.from(packed.paths[s] ?? [])
          expect(path.map((row) => packed.tokens[row])).toEqual(tokens.slice(0, -1))
          expect(path.map((row) => packed.positions[row])).toEqual(path.map((_, i) => i))
          const pairs = Array.from(packed.pairs[s] ?? [])
          expect(pairs.map((pair) => packed.targets[pair])).toEqual(tokens.slice(from))
          expect(pairs.map((pair) => packed.rows[pair])).toEqual(path.slice(from - 1))
        })
        const distinct = new Set(Array.from(packed.rows, (row, pair) => `${row} ${packed.targets[pair]}`))
        expect(distinct.size).toBe(packed.rows.length)
      }),
    )
  })

  it("every row lies in one segment, whose path and self hold its whole prefix", () => {
    fc.assert(
      fc.property(sequences, fc.boolean(), (list, share) => {
        const packed = pack(list, { share })
        const rows = packed.segments.flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i))
        expect(rows).toEqual(Array.from(packed.tokens.keys()))
        for (const { start, path } of packed.segments) expect(packed.positions[start]).toBe(path.length)
        const placed = buckets(packed.segments, 64).flatMap(({ segments }) => segments)
        expect(new Set(placed).size).toBe(packed.segments.length)
        for (const { segments, queries, keys } of buckets(packed.segments, 64)) {
          expect(keys % keyMultiple).toBe(0)
          for (const { path, length } of segments) {
            expect(length).toBeLessThanOrEqual(queries)
            expect(path.length + length).toBeLessThanOrEqual(keys)
          }
        }
      }),
    )
  })

  it("distinct rows are ascending, and each row is found among them", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40)), (list) => {
        const { rows, places } = distinct(Int32Array.from(list))
        expect(Array.from(rows)).toEqual([...new Set(list)].toSorted((a, b) => a - b))
        expect(Array.from(places, (place) => rows[place])).toEqual(list)
      }),
    )
  })

  it("parts hold every sequence once, within the limit", () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 60 }), (list, limit) => {
        const found = parts(list, limit)
        expect(found.flat().toSorted((a, b) => a - b)).toEqual(list.map((_, i) => i))
        for (const part of found) {
          const size = part.reduce((sum, i) => sum + (list[i]?.tokens.length ?? 0), 0)
          expect(part.length === 1 || size <= limit).toBe(true)
        }
      }),
    )
  })
})

const engine = await create()
const decoder = tinyDecoder(engine)

describe("packed computation", () => {
  it("a sequence's log-probabilities have the same bits whatever it is packed with", () => {
    const lora = tinyLora(decoder)
    fc.assert(
      fc.property(sequences, (list) => {
        const together = sequenceLogProbs(decoder, lora, list)
        const alone = list.flatMap((one) => sequenceLogProbs(decoder, lora, [one]))
        expect(together).toEqual(alone)
      }),
      { numRuns: 25 },
    )
    lora.free()
  })

  it("of the last layer it computes the rows that are read, which have the bits of a pass over all", () => {
    const lora = tinyLora(decoder)
    const wholePass = (packed: Packed) => {
      const { spec, weights } = decoder
      const ids = (values: Int32Array) => engine.upload(values, [values.length], "i32")
      const found: Array<number> = []
      engine.scope(() => {
        const x = hidden(engine, spec, weights, decoder.rope, {
          ids: ids(packed.tokens),
          positions: ids(packed.positions),
          lora: lora.layers,
          attend: packedAttention(engine, spec, packed),
          checkpoint: () => {},
        })
        const [rows, targets] = [ids(packed.rows), ids(packed.targets)]
        const { logprobs, entropy } = pairLogProbs(decoder, x, weights.norm, weights.head, rows, targets)
        found.push(...floats(engine, logprobs), ...floats(engine, entropy))
      })
      return found
    }
    fc.assert(
      fc.property(sequences, (list) => {
        const packed = pack(list)
        fc.pre(packed.rows.length > 0)
        const { logprobs, entropies } = packedLogProbs(decoder, packed, { lora: lora.layers })
        expect([...logprobs, ...entropies]).toEqual(wholePass(packed))
      }),
      { numRuns: 25 },
    )
    lora.free()
  })

  it.each(["all-linear", ["v_proj"]] as const)(
    "gradients of a packed batch are the sum of those of its sequences; recomputed ones too (%s)",
    (targets) => {
      const gradients = (batches: ReadonlyArray<ReadonlyArray<Sequence>>, recompute: boolean) => {
        const lora = tinyLora(decoder, targets)
        for (const batch of batches)
          lossGradient(
            decoder,
            lora,
            batch,
            (values) => ({
              loss: 0,
              // A weight for every token of the sequence, the same wherever the sequence stands.
              gradient: values.map(({ logprobs }) => Float64Array.from(logprobs, (_, i) => Math.sin(i + 1))),
              metrics: {},
            }),
            { keepBytes: recompute ? 0 : Infinity, temperature: 0.7 },
          )
        const found = lora.parameters.flatMap(({ gradient }) => (gradient ? Array.from(floats(engine, gradient)) : []))
        expect(found.length).toBeGreaterThan(0)
        lora.free()
        return found
      }
      fc.assert(
        fc.property(sequences, (list) => {
          const wanted = list.map((one) => ({ ...one, from: 1 }))
          const packed = gradients([wanted], false)
          expect(
            relativeError(
              packed,
              gradients(
                wanted.map((one) => [one]),
                false,
              ),
            ),
          ).toBeLessThanOrEqual(1e-4)
          expect(gradients([wanted], true)).toEqual(packed)
        }),
        { numRuns: 8 },
      )
    },
  )
})
