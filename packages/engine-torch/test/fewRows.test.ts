import { create } from "@hmx/engine-torch"
import { EngineOutOfMemory } from "@hmx/lm"
import { describe, expect, it } from "vitest"
import { Dispatcher } from "../src/Dispatcher.ts"
import { isFew } from "../src/fewRows.ts"
import { findTorch, here } from "../src/findTorch.ts"
import { Ledger } from "../src/Ledger.ts"
import { load } from "../src/Natives.ts"
import { Ops } from "../src/Ops.ts"
import { absent } from "./_internals/present.ts"

const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(3 * i + n))

describe.skipIf(absent !== undefined)("products of few rows", () => {
  it("have the bits of the same rows among many, on one thread and on two", async () => {
    for (const threads of [1, 2]) {
      const engine = await create({ threads })
      for (const [out, input] of [
        [272, 96],
        [16, 520],
        [1040, 24],
      ] as const) {
        const x = numbers(90 * input)
        const w = engine.upload(numbers(out * input), [out, input], "f32")
        const product = (rows: number) =>
          engine.scope(() => engine.linear(engine.upload(x.slice(0, rows * input), [rows, input], "f32"), w))
        const many = engine.download(product(90))
        for (let rows = 1; rows <= 70; rows++) {
          const few = engine.download(product(rows))
          expect(few, `${rows} rows, ${out} × ${input}`).toEqual(many.slice(0, rows * out))
        }
      }
      engine.close()
    }
  })

  it("are tried out again where there was no room to", async () => {
    const natives = await load(findTorch(here), false)
    natives.setGradMode(false)
    const opsWithin = (memory: number) => {
      const dispatcher = new Dispatcher(natives)
      const placement = { type: natives.deviceTypes.cpu, index: 0 }
      return new Ops(dispatcher, new Ledger((native) => dispatcher.delete(native), memory), placement)
    }
    const roomy = isFew(opsWithin(2 ** 30), 16)
    const ops = opsWithin(2 ** 22)
    const ballast = ops.filled([2 ** 20 - 64], 0)
    expect(() => isFew(ops, 16)).toThrow(EngineOutOfMemory)
    ops.ledger.free(ballast)
    expect(isFew(ops, 16)).toBe(roomy)
    expect(ops.ledger.memory().tensors).toBe(0)
  })
})
