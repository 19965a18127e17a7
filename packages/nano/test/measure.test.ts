import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { auc } from "../pretrain/measure.ts"
import { load, save } from "../pretrain/Progress.ts"

describe("auc", () => {
  it.each([
    [[0.1, 0.2], [0.3, 0.4], 1],
    [[0.3, 0.4], [0.1, 0.2], 0],
    [[0.5, 0.5], [0.5], 0.5],
    [[0.1, 0.3], [0.2, 0.4], 0.75],
  ])("of negatives %j and positives %j is %f", (no, yes, expected) => {
    const cases = [...no.map((p) => ({ p, positive: false })), ...yes.map((p) => ({ p, positive: true }))]
    expect(auc(cases)).toBe(expected)
  })

  it("is turned round with the labels", () => {
    const cases = fc.array(fc.record({ p: fc.nat(5), positive: fc.boolean() }), { minLength: 2 })
    fc.assert(
      fc.property(cases, (of) => {
        fc.pre(of.some((it) => it.positive) && of.some((it) => !it.positive))
        expect(auc(of.map(({ p, positive }) => ({ p, positive: !positive })))).toBeCloseTo(1 - auc(of), 12)
      }),
    )
  })
})

const inFolder = async (body: (file: string) => Promise<void>) => {
  const folder = mkdtempSync(join(tmpdir(), "nano-"))
  try {
    await body(join(folder, "state.safetensors"))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("progress", () => {
  const progress = {
    seed: 3,
    total: 100,
    tokens: 40,
    steps: 2,
    tensors: new Map([["first.a", { shape: [2, 1], data: Float32Array.of(1.5, -2) }]]),
  }
  it("is read as it was written, and is nothing where there is no file", () =>
    inFolder(async (file) => {
      expect(await Effect.runPromise(load(file, progress))).toBeUndefined()
      await Effect.runPromise(save(progress, file))
      expect(await Effect.runPromise(load(file, { seed: 3, total: 100 }))).toEqual(progress)
    }))

  it("of another seed or length is refused", () =>
    inFolder(async (file) => {
      await Effect.runPromise(save(progress, file))
      for (const wanted of [
        { seed: 4, total: 100 },
        { seed: 3, total: 99 },
      ]) {
        const refused = await Effect.runPromise(Effect.flip(load(file, wanted)))
        expect(refused).toMatchObject({ _tag: "BadInput", found: "seed 3, 100 tokens in all" })
      }
    }))
})
