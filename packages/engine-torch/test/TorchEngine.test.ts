/** What the suite for all engines does not ask: weights of narrow types, segments of the tape, errors of libtorch, options. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create } from "@hmx/engine-torch"
import type { Engine, Tensor } from "@hmx/lm"
import { EngineMisuse, EngineOutOfMemory, EngineUnavailable } from "@hmx/lm"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { engineOn } from "../src/create.ts"
import { outOfMemory } from "../src/Dispatcher.ts"
import { findTorch, here } from "../src/findTorch.ts"
import { load } from "../src/Natives.ts"
import { absent } from "./_internals/present.ts"

/** The upper half of an f32: bf16 by truncation. */
const bf16 = (values: ReadonlyArray<number>): Uint16Array =>
  Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16)
const range = (n: number) => Array.from({ length: n }, (_, i) => i)
/** Numbers that bf16 has exactly. */
const exact = (n: number) => range(n).map((i) => ((i * 37) % 17) / 8 - 1)

function near(found: ReadonlyArray<number>, wanted: ReadonlyArray<number>, within: number): void {
  expect(found).toHaveLength(wanted.length)
  for (const [i, x] of found.entries()) expect(Math.abs(x - (wanted[i] ?? Number.NaN))).toBeLessThanOrEqual(within)
}

/** h → logProbs, between and beside other operations: residuals cross the border in every way. */
const crossing = (e: Engine, w: Tensor, ids: Tensor) => (x: Tensor, p: Tensor) => {
  const h = e.mul(x, p)
  const first = e.logProbs(h, w, ids).logprobs
  const mixed = e.add(h, e.reshape(first, [first.shape[0] ?? 0, 1]))
  const second = e.logProbs(mixed, w, ids).logprobs
  return e.add(e.sum(e.mul(second, first)), e.sum(e.mul(e.mul(mixed, p), x)))
}

/** ∂/∂x of ((x·y + x)·y)·y: an addition that hands its gradient on, and a tensor at which two arrive. */
const scaled = (e: Engine, x: Tensor, y: Tensor) =>
  e.vjp(([t = x]) => [e.mul(e.mul(e.add(e.mul(t, y), t), y), y)], [x], [])

const moved = (values: ReadonlyArray<number>, i: number, by: number) => values.map((n, j) => (i === j ? n + by : n))

describe.skipIf(absent !== undefined)("the torch engine", () => {
  let e: Engine
  let mapping: boolean
  beforeAll(async () => {
    e = await create({ threads: 1 })
    mapping = (await load(findTorch(here), false)).mapping !== undefined
  })
  afterAll(() => e.close())

  const floats = (values: ReadonlyArray<number>, shape: ReadonlyArray<number>) =>
    e.upload(Float32Array.from(values), shape, "f32")
  const clean = (body: () => void): void => {
    const before = e.memory()
    e.scope(body)
    expect({ ...e.memory(), peak: 0 }).toEqual({ ...before, peak: 0 })
  }
  const numbers = (t: Tensor | undefined): ReadonlyArray<number> => (t === undefined ? [] : [...e.download(t)])

  test("Σ x² widens some rows at one time, and counts them", () => {
    clean(() => {
      const n = 3 * 2 ** 20 + 5
      const data = Float32Array.from({ length: n }, (_, i) => ((i * 37) % 101) / 50 - 1)
      const wanted = data.reduce((sum, x) => sum + x * x, 0)
      const flat = e.upload(data, [n], "f32")
      const [some, turned] = [
        e.reshape(flat, [1, n]),
        e.transpose(e.reshape(e.slice(flat, 0, 0, n - 5), [3, 2 ** 20]), [1, 0]),
      ]
      const rest = data.subarray(n - 5).reduce((sum, x) => sum + x * x, 0)
      for (const [x, sum] of [
        [flat, wanted],
        [some, wanted],
        [turned, wanted - rest],
      ] as const) {
        e.resetPeak()
        const before = e.memory().bytes
        expect(e.sumSquares([x]) / sum).toBeCloseTo(1, 9)
        const more = e.memory().peak - before
        expect(more).toBeGreaterThanOrEqual(8 * 2 ** 18)
        expect(more).toBeLessThanOrEqual(16 * 2 ** 20)
      }
    })
  })

  test("Σ x² without room for it leaves nothing behind", async () => {
    const n = 1000
    const small = await create({ threads: 1, memory: 4 * n + 8 * n - 1 })
    const x = small.upload(new Float32Array(n).fill(1), [n], "f32")
    const before = small.memory()
    expect(() => small.sumSquares([x])).toThrow(EngineOutOfMemory)
    expect(small.memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    small.close()
  })

  test("a pullback counts the gradients that torch makes, and takes none where there is no room for them", async () => {
    const n = 1000
    const numbers = new Float32Array(n).fill(0.5)
    clean(() => {
      const [x, y, c] = [e.upload(numbers, [n], "f32"), e.upload(numbers, [n], "f32"), e.upload(numbers, [n], "f32")]
      const v = scaled(e, x, y)
      e.free(...v.outputs)
      e.resetPeak()
      const before = e.memory().bytes
      v.pullback([c])
      // The sum hands its own on to both; beside it stand the product's, and what both add up to.
      expect(e.memory().peak - before).toBe(3 * 4 * n)
    })
    const limit = 100_000
    const small = await create({ threads: 1, memory: limit })
    const [x, y, c] = [
      small.upload(numbers, [n], "f32"),
      small.upload(numbers, [n], "f32"),
      small.upload(numbers, [n], "f32"),
    ]
    const v = scaled(small, x, y)
    const room = (limit - small.memory().bytes) / 4 - n - 1
    const ballast = small.upload(new Float32Array(room), [room], "f32")
    expect(() => v.pullback([c])).toThrow(EngineOutOfMemory)
    small.free(x, y, c, ballast, ...v.outputs)
    expect(small.memory()).toMatchObject({ bytes: 0, tensors: 0 })
    small.close()
  })

  test("a file's tensor is its mapped pages: what is written where they are shown is this tensor's own", (context) => {
    const folder = mkdtempSync(join(tmpdir(), "hmx-mapped-"))
    const path = join(folder, "weights")
    const values = [1, 2, 3, 4]
    writeFileSync(path, Float32Array.from(values))
    const read = (target: Uint8Array, position: number) => {
      target.set(readFileSync(path).subarray(position, position + target.byteLength))
    }
    const open = (seen: (bytes: Uint8Array) => void) => e.fromFile({ path, offset: 0, read }, [4], "f32", seen)
    try {
      clean(() => {
        const other = open(() => {})
        if (!mapping) context.skip("this torch maps no files")
        expect(other).toMatchObject({ storage: { mapped: true, bytes: 16 } })
        const changed = open((bytes) => bytes.fill(0))
        // The pages were written, and not a copy of them.
        expect(numbers(changed)).toEqual([0, 0, 0, 0])
        expect(numbers(other)).toEqual(values)
        expect(numbers(open(() => {}))).toEqual(values)
        expect([...new Float32Array(new Uint8Array(readFileSync(path)).buffer)]).toEqual(values)
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test("a piece of a file that is kept is empty when its reader has returned", () => {
    clean(() => {
      const kept: Array<Uint8Array> = []
      const file = { path: process.execPath, offset: 0, read: () => {} }
      const t = e.fromFile(file, [4096], "f32", (bytes) => kept.push(bytes))
      e.free(t)
      expect(kept.map(({ length }) => length)).toEqual([0])
    })
  })

  describe("weights of a narrow type", () => {
    test("take two bytes a number", () => {
      clean(() => {
        const before = e.memory().bytes
        const w = e.upload(bf16(exact(64)), [8, 8], "bf16")
        expect(w.dtype).toBe("bf16")
        expect(e.memory().bytes - before).toBe(128)
      })
    })

    test("give what the same numbers in f32 give, forward and backward", () => {
      clean(() => {
        const [x, bias] = [floats(exact(24), [3, 8]), floats(exact(5), [5])]
        const [a, b] = [floats(exact(16), [2, 8]), floats(exact(10), [5, 2])]
        const [wide, norm] = [floats(exact(40), [5, 8]), floats(exact(8), [8])]
        const narrow = e.upload(bf16(exact(40)), [5, 8], "bf16")
        const narrowNorm = e.upload(bf16(exact(8)), [8], "bf16")
        const targets = e.upload(Int32Array.of(1, 0, 4), [3], "i32")
        const run = (w: Tensor, n: Tensor) => {
          const v = e.vjp(
            ([t = x], [low = a, high = b, weight = w]) => {
              const h = e.rmsNorm(t, n, 1e-6)
              const y = e.linear(h, weight, { bias, lora: { a: low, b: high, scale: 2 } })
              return [y, e.logProbs(h, weight, targets).logprobs, e.gather(weight, targets)]
            },
            [x],
            [a, b, w],
          )
          const cotangents = v.outputs.map((y) => floats(exact(y.shape.reduce((p, q) => p * q, 1)), y.shape))
          const { inputs, params } = v.pullback(cotangents)
          return [...v.outputs, ...inputs, ...params].map(numbers)
        }
        const [found, wanted] = [run(narrow, narrowNorm), run(wide, norm)]
        // In f32 the products are the same; in bf16 they are rounded to 8 bits.
        for (const [i, values] of found.entries())
          near(values, wanted[i] ?? [], e.info.compute === "f32" ? 1e-4 : 0.1 * Math.max(1, ...values.map(Math.abs)))
      })
    })

    test("the type of the products is measured, and said", () => {
      expect(["f32", "bf16", "f16"]).toContain(e.info.compute)
    })
  })

  describe("the tape's segments", () => {
    test("a gradient through two custom operations and around them is that of finite differences", () => {
      clean(() => {
        const ids = e.upload(Int32Array.of(0, 2, 1), [3], "i32")
        const w = floats(exact(16), [4, 4])
        const [x0, p0] = [exact(12).map((v) => v + 0.1), exact(4).map((v) => 0.5 * v + 0.7)]
        const f = crossing(e, w, ids)
        const [x, p] = [floats(x0, [3, 4]), floats(p0, [4])]
        const v = e.vjp(([t = x], [s = p]) => [f(t, s)], [x], [p])
        const { inputs, params } = v.pullback([floats([1], [])])
        const step = 1e-2
        const slope = (of: (by: number) => Tensor) => {
          const [up = 0] = numbers(of(step))
          const [down = 0] = numbers(of(-step))
          return (up - down) / (2 * step)
        }
        near(
          numbers(inputs[0]),
          x0.map((_, i) => slope((by) => f(floats(moved(x0, i, by), [3, 4]), p))),
          2e-2,
        )
        near(
          numbers(params[0]),
          p0.map((_, i) => slope((by) => f(x, floats(moved(p0, i, by), [4])))),
          5e-2,
        )
      })
    })

    test("a custom operation on constants is a constant", () => {
      clean(() => {
        const [x, h, w] = [floats(exact(8), [2, 4]), floats(exact(8), [2, 4]), floats(exact(12), [3, 4])]
        const ids = e.upload(Int32Array.of(0, 2), [2], "i32")
        const v = e.vjp(([t = x]) => [e.mul(t, e.reshape(e.logProbs(h, w, ids).logprobs, [2, 1]))], [x], [])
        const { logprobs } = e.logProbs(h, w, ids)
        const wanted = numbers(logprobs).flatMap((l) => [l, l, l, l])
        near(
          numbers(
            v.pullback([
              floats(
                range(8).map(() => 1),
                [2, 4],
              ),
            ]).inputs[0],
          ),
          wanted,
          1e-6,
        )
      })
    })

    test("an input given twice, and returned as it is, has the sum of what arrives", () => {
      clean(() => {
        const x = floats([2, 3], [2])
        const v = e.vjp(([s = x, t = x]) => [s, e.mul(s, t)], [x, x], [])
        const { inputs } = v.pullback([floats([10, 10], [2]), floats([1, 1], [2])])
        expect(inputs.map(numbers)).toEqual([
          [14, 16],
          [14, 16],
        ])
        e.free(inputs[0])
        expect(numbers(inputs[1])).toEqual([14, 16])
      })
    })

    test("what f made and kept has no history afterwards", () => {
      clean(() => {
        const x = floats([2, 3], [2])
        let kept: Tensor | undefined
        e.vjp(([t = x]) => [(kept = e.keep(e.mul(t, t)))], [x], []).release()
        if (kept === undefined) throw new Error("f did not run")
        const y = kept
        const v = e.vjp(([t = y]) => [e.scale(t, 3)], [y], [])
        expect(numbers(v.pullback([floats([1, 1], [2])]).inputs[0])).toEqual([3, 3])
        e.free(y)
      })
    })
  })

  describe("memory", () => {
    test("views share their bytes: slices and transposes as well", () => {
      clean(() => {
        const x = floats(exact(24), [4, 6])
        const before = e.memory().bytes
        const [a, b] = [e.slice(x, 0, 1, 2), e.transpose(x, [1, 0])]
        expect(e.memory().bytes).toBe(before)
        e.free(x)
        expect(e.memory().bytes).toBe(before)
        expect(numbers(a)).toEqual(exact(24).slice(6, 18))
        expect(numbers(b)[1]).toBe(exact(24)[6])
        expect(e.memory().bytes).toBe(before)
        e.reshape(b, [2, 12])
        expect(e.memory().bytes).toBe(before + 96)
      })
    })

    test.each([undefined, 2 ** 52])(
      "more than there is, with a limit of %s: the error says the bytes, and the engine goes on",
      async (memory) => {
        // Above its own limit libtorch's allocator is asked, and refuses.
        const other = await create({ threads: 1, ...(memory === undefined ? {} : { memory }) })
        try {
          const row = other.upload(Float32Array.of(3), [1, 1], "f32")
          const column = other.gather(row, other.upload(new Int32Array(2 ** 20), [2 ** 20], "i32"))
          const wide = other.reshape(column, [1, 2 ** 20])
          const { bytes, tensors } = other.memory()
          let thrown: unknown
          try {
            other.add(column, wide)
          } catch (error) {
            thrown = error
          }
          expect(thrown).toBeInstanceOf(EngineOutOfMemory)
          expect(thrown).toMatchObject({ bytes: 4 * 2 ** 40 })
          expect(other.memory()).toMatchObject({ bytes, tensors })
          expect([...other.download(other.scale(row, 2))]).toEqual([6])
        } finally {
          other.close()
        }
      },
    )

    test("closing frees what is left", async () => {
      const other = await create({ threads: 1 })
      other.upload(Float32Array.of(1, 2), [2], "f32")
      other.close()
      expect(other.memory()).toMatchObject({ tensors: 0, bytes: 0 })
    })
  })

  test.each([
    [{ threads: 0 }, EngineMisuse, /threads is 0/],
    [{ threads: 1.5 }, EngineMisuse, /threads is 1\.5/],
    [{ memory: 0 }, EngineMisuse, /memory is 0/],
    [{ memory: Number.NaN }, EngineMisuse, /memory is NaN/],
  ])("create(%o) is a mistake", async (options, kind, sentence) => {
    await expect(create(options)).rejects.toThrow(kind)
    await expect(create(options)).rejects.toThrow(sentence)
  })
  test("a CUDA device that is not there is said", async () => {
    await expect(create({ device: "cuda:100" })).rejects.toThrow(EngineUnavailable)
    // As torch says it where there are others.
    const natives = await load(findTorch(here), false)
    const none = { ...natives, emptyStrided: () => 1, what: () => "CUDA error: invalid device ordinal" }
    expect(() => engineOn(none, 9, undefined, undefined)).toThrow(
      /^device: found cuda:9: .*invalid device ordinal.*; expected a CUDA device of this machine, or cpu$/s,
    )
    const full = { ...natives, emptyStrided: () => 1, what: () => "CUDA out of memory. Tried to allocate 2.00 GiB." }
    expect(() => engineOn(full, 0, undefined, undefined)).toThrow(EngineOutOfMemory)
  })
  test.each([
    ["10000", {}],
    ["77", { GOMP_SPINCOUNT: "77" }],
    ["undefined", { OMP_WAIT_POLICY: "active" }],
  ])("waiting threads let go of their cores after %s looks, with %o in the environment", (spins, env) => {
    const code = `import { create } from "@hmx/engine-torch"; await create(); console.log(process.env.GOMP_SPINCOUNT)`
    const { GOMP_SPINCOUNT: _spins, OMP_WAIT_POLICY: _policy, ...rest } = process.env
    const args = ["--input-type=module", "-e", code]
    const { stdout } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { ...rest, ...env },
      cwd: import.meta.dirname,
    })
    expect(stdout.trim()).toBe(spins)
  })
  test("says what it is", () => {
    expect(e.info).toMatchObject({ name: "torch", device: "cpu", threads: 1 })
    expect(e.info.version).toMatch(/^\d+\.\d+$/)
  })
})

test.each([
  [
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4398046511104 bytes. Error code 12",
    4398046511104,
  ],
  [
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes",
    12,
  ],
  ["CUDA out of memory. Tried to allocate 20.50 MiB. GPU 0 has a total capacity of 8 GiB", 20.5 * 2 ** 20],
  ["CUDA error: out of memory", 0],
  ["CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", 0],
  ["cuDNN error: CUDNN_STATUS_ALLOC_FAILED", 0],
  ["mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", undefined],
])("%s", (text, bytes) => {
  expect(outOfMemory(text)).toBe(bytes)
})
