/**
 * What every engine must do, as tests over any of them: each operation and each gradient against references in f64 on the
 * host (gradients by central differences of the reference), ownership, and the errors of misuse.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DType, Engine, EngineOptions, Tensor } from "@hmx/lm"
import { EngineMisuse, EngineOutOfMemory } from "@hmx/lm"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Host, Case } from "./engineReference.ts"
import { count, at, range, build, mulberry, draws, logProbs, upload, ints, operations } from "./engineReference.ts"

function close(found: Float32Array | Int32Array, wanted: Host, what: string): void {
  expect(found.length, what).toBe(wanted.data.length)
  near(wanted.data.map((w, i) => ({ found: found[i] ?? Number.NaN, wanted: w, what: `${what}[${i}]` })))
}

/** f32 against f64: 2e-5 of the largest, or of 1. */
function near(pairs: ReadonlyArray<{ readonly found: number; readonly wanted: number; readonly what: string }>): void {
  const bound = 2e-5 * Math.max(1, ...pairs.map((p) => Math.abs(p.wanted)))
  const far = pairs.filter((p) => !(Math.abs(p.found - p.wanted) <= bound))
  expect(far).toEqual([])
}

/** ∂(Σ cotangent·f)/∂(element i of input k), by central differences. */
function difference(c: Case, k: number, i: number, cotangent: Host): number {
  const step = 1e-4
  const loss = (by: number): number => {
    const moved = c.inputs.map((x, j) =>
      j === k ? { shape: x.shape, data: x.data.map((v, n) => (n === i ? v + by : v)) } : x,
    )
    return c.host(moved).data.reduce((sum, v, j) => sum + v * at(cotangent, j), 0)
  }
  return (loss(step) - loss(-step)) / (2 * step)
}

const adam = { learningRate: 1, beta1: 0.9, beta2: 0.9, epsilon: 1, weightDecay: 0, step: 1 }

const refuse = (): void => {
  throw new Error("refused")
}

/** A file that is there. */
const nowhere = (offset: number) => ({ path: process.execPath, offset, read: refuse })

/** What plain JavaScript gives for a type. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const unknown = (dtype: string | undefined): DType => dtype as DType

/** Describes the suite for the engine that `make` makes. */
export function conformance(
  name: string,
  make: (options?: EngineOptions) => Promise<Engine>,
  runs = 15,
  { alone = true }: { readonly alone?: boolean } = {},
): void {
  describe(`engine conformance: ${name}`, () => {
    let e: Engine
    beforeAll(async () => {
      e = await make()
    })
    afterAll(() => {
      e.close()
    })

    /** Nothing may be left of what `body` makes. */
    const clean = (body: () => void): void => {
      const before = e.memory()
      e.scope(body)
      expect(e.memory().tensors).toBe(before.tensors)
      expect(e.memory().bytes).toBe(before.bytes)
    }
    const numbers = (t: Tensor): ReadonlyArray<number> => [...e.download(t)]
    const random = (shape: ReadonlyArray<number>, seed = 1): Tensor => {
      const next = mulberry(seed)
      return upload(
        e,
        build(shape, () => next() - 0.5),
      )
    }
    const misused = (body: () => unknown, sentence: RegExp): void => {
      const before = e.memory().tensors
      let thrown: unknown
      e.scope(() => {
        try {
          body()
        } catch (error) {
          thrown = error
        }
      })
      expect(thrown).toBeInstanceOf(EngineMisuse)
      expect(String(thrown)).toMatch(sentence)
      expect(e.memory().tensors).toBe(before)
    }

    describe.each(Object.entries(operations))("%s", (_, draw) => {
      test("computes what the reference does", () => {
        fc.assert(
          fc.property(draws, (d) => {
            clean(() => {
              const c = draw(d)
              const wanted = c.host(c.inputs)
              const y = c.engine(
                e,
                c.inputs.map((x) => upload(e, x)),
              )
              expect(y.shape).toEqual(wanted.shape)
              close(e.download(y), wanted, "output")
            })
          }),
          { numRuns: runs },
        )
      })

      test("has the reference's gradient", () => {
        fc.assert(
          fc.property(draws, (d) => {
            clean(() => {
              const c = draw(d)
              const v = e.vjp(
                (xs) => [c.engine(e, xs)],
                c.inputs.map((x) => upload(e, x)),
                [],
              )
              const wanted = c.host(c.inputs)
              const cotangent = d.random(wanted.shape)
              for (const y of v.outputs) close(e.download(y), wanted, "output under vjp")
              const { inputs } = v.pullback([upload(e, cotangent)])
              for (const [k, gradient] of inputs.entries()) {
                if (gradient === undefined) throw new Error(`no gradient of input ${k}`)
                expect(gradient.shape).toEqual(c.inputs[k]?.shape)
                const found = e.download(gradient)
                // A few elements of each: the reference runs twice for every one.
                const some = found.length <= 6 ? range(found.length) : d.below(6, found.length)
                near(
                  some.map((i) => ({
                    found: found[i] ?? Number.NaN,
                    wanted: difference(c, k, i, cotangent),
                    what: `gradient of input ${k} at ${i}`,
                  })),
                )
              }
            })
          }),
          { numRuns: runs },
        )
      })
    })

    describe("numbers", () => {
      test("the entropy is the reference's, and is of the scaled logits", () => {
        fc.assert(
          fc.property(draws, (d) => {
            clean(() => {
              const [N, I, V, chunk] = d.dims
              const [h, w] = [d.random([N, I], -3, 3), d.random([V, I])]
              const targets = d.below(N, V)
              const { entropy } = e.logProbs(upload(e, h), upload(e, w), ints(e, targets), { chunk, temperature: 0.5 })
              close(e.download(entropy), logProbs(h, w, targets, 0.5, undefined).entropy, "entropy")
            })
          }),
          { numRuns: runs },
        )
      })

      test("logits far apart give finite log-probabilities", () => {
        clean(() => {
          const { logprobs, entropy } = e.logProbs(
            e.upload(Float32Array.of(100, 0), [1, 2], "f32"),
            e.upload(Float32Array.of(3, 0, -3, 0, 1, 0), [3, 2], "f32"),
            ints(e, [1]),
          )
          expect(e.download(logprobs)[0]).toBeCloseTo(-600, 3)
          expect(e.download(entropy)[0]).toBeCloseTo(0, 5)
        })
      })

      test("a chunk's size changes nothing but rounding, and bounds the memory", () => {
        clean(() => {
          const [h, w] = [random([96, 8]), random([500, 8], 2)]
          const targets = ints(e, range(96))
          const run = (chunk: number) => {
            e.resetPeak()
            const before = e.memory().bytes
            const v = e.vjp(([x, y]) => [e.logProbs(x ?? h, y ?? w, targets, { chunk }).logprobs], [h, w], [])
            const { inputs } = v.pullback(v.outputs)
            return { values: [...v.outputs, ...inputs].map((t) => t && e.download(t)), peak: e.memory().peak - before }
          }
          const [small, large] = [run(8), run(96)]
          for (const [i, values] of small.values.entries())
            for (const [j, x] of (values ?? []).entries()) expect(x).toBeCloseTo(large.values[i]?.[j] ?? Number.NaN, 4)
          expect(small.peak).toBeLessThan(96 * 500 * 4)
        })
      })

      test("the same call twice gives the same bits", () => {
        clean(() => {
          const [x, w, q] = [random([33, 24]), random([40, 24], 2), random([2, 9, 4, 8], 3)]
          const bias = random([1, 9, 9], 4)
          const run = () => [
            ...e.download(e.linear(x, w)),
            ...e.download(e.attention(q, q, q, { bias, scale: 0.3 })),
            ...e.download(e.gatedMlp(x, x, "silu")),
          ]
          expect(run()).toEqual(run())
        })
      })

      test.runIf(alone)("a row's result does not depend on the rows beside it", () => {
        clean(() => {
          const [x, w, norm] = [random([13, 24]), e.frozen(random([40, 24], 2)), random([24], 3)]
          const f = (t: Tensor) => e.linear(e.gatedMlp(e.rmsNorm(t, norm, 1e-6), t, "silu"), w)
          const together = e.download(f(x))
          for (const n of range(13))
            expect([...e.download(f(e.slice(x, 0, n, 1)))]).toEqual(Array.from(together.subarray(n * 40, (n + 1) * 40)))
          const [q, k] = [random([5, 1, 4, 8], 4), random([5, 7, 2, 8], 5)]
          const bias = random([5, 1, 7], 6)
          const all = e.download(e.attention(q, k, k, { bias, scale: 0.3 }))
          for (const b of range(5)) {
            const one = (t: Tensor) => e.slice(t, 0, b, 1)
            const alone = e.attention(one(q), one(k), one(k), { bias: one(bias), scale: 0.3 })
            expect([...e.download(alone)]).toEqual(Array.from(all.subarray(b * 32, (b + 1) * 32)))
          }
        })
      })

      test("no rows in, no rows out, and gradients of zero", () => {
        clean(() => {
          const [none, w] = [random([0, 4]), random([3, 4])]
          expect(e.linear(none, w).shape).toEqual([0, 3])
          expect(e.rmsNorm(none, random([4]), 1e-6).shape).toEqual([0, 4])
          expect(e.gatedMlp(none, none, "silu").shape).toEqual([0, 4])
          expect(e.gather(w, ints(e, [])).shape).toEqual([0, 4])
          expect(e.slice(w, 0, 3, 0).shape).toEqual([0, 4])
          expect(e.transpose(none, [1, 0]).shape).toEqual([4, 0])
          expect(e.add(none, none).shape).toEqual([0, 4])
          expect(e.rotary(random([0, 2, 4]), random([0, 2]), random([0, 2])).shape).toEqual([0, 2, 4])
          expect([...e.download(e.concat([none, w, none], 0))]).toEqual([...e.download(w)])
          expect([...e.download(e.sum(none))]).toEqual([0])
          const lp = e.logProbs(none, w, ints(e, []))
          expect([lp.logprobs.shape, lp.entropy.shape]).toEqual([[0], [0]])
          const v = e.vjp(
            ([x, y]) =>
              x === undefined || y === undefined ? [] : [e.linear(x, y), e.logProbs(x, y, ints(e, [])).logprobs],
            [none, w],
            [],
          )
          const [dx, dw] = v.pullback(v.outputs).inputs
          expect(dx?.shape).toEqual([0, 4])
          expect(dw && [...e.download(dw)]).toEqual(Array.from({ length: 12 }, () => 0))
        })
      })

      test("sumSquares adds up over tensors", () => {
        clean(() => {
          expect(e.sumSquares([])).toBe(0)
          const xs = [e.upload(Float32Array.of(1, -2), [2], "f32"), e.upload(Float32Array.of(3), [], "f32")]
          expect(e.sumSquares(xs)).toBeCloseTo(14, 10)
        })
      })

      test("adamW follows torch.optim.AdamW for three steps", () => {
        const options = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1 }
        fc.assert(
          fc.property(draws, (d) => {
            clean(() => {
              const shape = [d.dims[0], d.dims[1]] as const
              const host = { p: [...d.random(shape).data], m: [0], v: [0] }
              host.m = host.p.map(() => 0)
              host.v = host.p.map(() => 0)
              let param = upload(e, { shape, data: host.p })
              let state = { m: upload(e, { shape, data: host.m }), v: upload(e, { shape, data: host.v }) }
              for (const step of [1, 2, 3]) {
                const g = d.random(shape)
                // A gradient comes as a product leaves it: its other axis first.
                const [rows, columns] = shape
                const turned = {
                  shape: [columns, rows],
                  data: range(count(shape)).map((i) => at(g, (i % rows) * columns + Math.floor(i / rows))),
                }
                const gradient = step === 1 ? upload(e, g) : e.transpose(upload(e, turned), [1, 0])
                const given = [param, gradient, state.m, state.v] as const
                const before = given.map(numbers)
                const next = e.adamW(param, given[1], state, { ...options, step })
                // The caller's own stay as they were: an update that is taken back needs them.
                expect(given.map(numbers)).toEqual(before)
                param = next.param
                state = next.state
                for (const i of range(count(shape))) {
                  const m = 0.9 * (host.m[i] ?? 0) + 0.1 * at(g, i)
                  const v = 0.99 * (host.v[i] ?? 0) + 0.01 * at(g, i) ** 2
                  host.m[i] = m
                  host.v[i] = v
                  const root = Math.sqrt(v / (1 - 0.99 ** step)) + options.epsilon
                  host.p[i] = (host.p[i] ?? 0) * (1 - 0.01 * 0.1) - (0.01 * (m / (1 - 0.9 ** step))) / root
                }
              }
              close(e.download(param), { shape, data: host.p }, "param")
              close(e.download(state.m), { shape, data: host.m }, "m")
              close(e.download(state.v), { shape, data: host.v }, "v")
            })
          }),
          { numRuns: runs },
        )
      })
    })

    describe("dtypes", () => {
      test("f32 and i32 come back as they went", () => {
        clean(() => {
          const floats = Float32Array.of(1.5, -0, 3e38, 1e-40)
          const back = e.download(e.upload(floats, [2, 2], "f32"))
          expect(back).toEqual(floats)
          const whole = e.upload(Int32Array.of(-5, 2 ** 31 - 1), [2], "i32")
          expect(whole.dtype).toBe("i32")
          expect(e.download(whole)).toEqual(Int32Array.of(-5, 2 ** 31 - 1))
        })
      })
      test("what is uploaded is a copy", () => {
        clean(() => {
          const data = Float32Array.of(1, 2)
          const t = e.upload(data, [2], "f32")
          data[0] = 9
          expect([...e.download(t)]).toEqual([1, 2])
        })
      })
      test("bf16 and f16 are read from their bits", () => {
        clean(() => {
          const bf16 = e.upload(Uint16Array.of(0x3f80, 0xc040, 0x0000, 0x7f80), [4], "bf16")
          expect([...e.download(bf16)]).toEqual([1, -3, 0, Infinity])
          const f16 = e.upload(Uint16Array.of(0x3c00, 0xc200, 0x0001, 0xfc00, 0x7bff), [5], "f16")
          expect([...e.download(f16)]).toEqual([1, -3, 2 ** -24, -Infinity, 65504])
        })
      })
      test.each<[DType, Uint8Array, ReadonlyArray<number>]>([
        [
          "f32",
          new Uint8Array(Float32Array.of(1.5, -2, 3e38, 1e-40, 0, 7).buffer),
          [1.5, -2, Math.fround(3e38), Math.fround(1e-40), 0, 7],
        ],
        ["i32", new Uint8Array(Int32Array.of(1, -2, 2 ** 31 - 1, 0, 5, 6).buffer), [1, -2, 2 ** 31 - 1, 0, 5, 6]],
        [
          "bf16",
          new Uint8Array(Uint16Array.of(0x3f80, 0xc040, 0, 0x3f00, 0x4000, 0xbf80).buffer),
          [1, -3, 0, 0.5, 2, -1],
        ],
        [
          "f16",
          new Uint8Array(Uint16Array.of(0x3c00, 0xc200, 0, 0x3800, 0x4000, 0xbc00).buffer),
          [1, -3, 0, 0.5, 2, -1],
        ],
      ])("%s out of a file, wherever it stands there", (dtype, bytes, wanted) => {
        const folder = mkdtempSync(join(tmpdir(), "hmx-engine-"))
        try {
          for (const offset of [0, 8, 9, 65_544]) {
            const path = join(folder, `at-${offset}`)
            const content = new Uint8Array(offset + bytes.length + 3).fill(0xaa)
            content.set(bytes, offset)
            writeFileSync(path, content)
            clean(() => {
              const parts: Array<number> = []
              const read = (target: Uint8Array, position: number) =>
                target.set(content.subarray(offset + position, offset + position + target.length))
              const t = e.fromFile({ path, offset, read }, [2, 3], dtype, (piece) => parts.push(...piece))
              expect(t.shape).toEqual([2, 3])
              expect([...e.download(t)]).toEqual(wanted)
              expect(parts).toEqual([...bytes])
              expect(numbers(e.slice(t, 0, 1, 1))).toEqual(wanted.slice(3))
            })
          }
        } finally {
          rmSync(folder, { recursive: true })
        }
      })
      test("a file's bytes are for reading: writing there changes no file, and the engine cannot be closed meanwhile", async () => {
        const other = await make()
        const folder = mkdtempSync(join(tmpdir(), "hmx-engine-"))
        try {
          const path = join(folder, "one")
          const content = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)
          writeFileSync(path, content)
          const read = (target: Uint8Array, position: number) =>
            target.set(content.subarray(position, position + target.length))
          const file = { path, offset: 0, read }
          clean(() => {
            e.fromFile(file, [4], "f32", (bytes) => bytes.fill(0))
            expect(new Uint8Array(readFileSync(path))).toEqual(content)
            expect(numbers(e.fromFile(file, [4], "f32", () => {}))).toEqual([1, 2, 3, 4])
            expect(() => other.fromFile(file, [4], "f32", () => other.close())).toThrow(/close.*read/)
            expect([...other.download(other.fromFile(file, [4], "f32", () => {}))]).toEqual([1, 2, 3, 4])
          })
        } finally {
          other.close()
          rmSync(folder, { recursive: true })
        }
      })
      test("arrays that the caller changes afterwards change nothing", () => {
        const folder = mkdtempSync(join(tmpdir(), "hmx-engine-"))
        try {
          const path = join(folder, "one")
          writeFileSync(path, new Uint8Array(24))
          clean(() => {
            const [shape, other, perm, listed] = [
              [2, 3],
              [3, 2],
              [1, 0, 2],
              [2, 3, 1],
            ]
            const t = e.upload(Float32Array.of(1, 2, 3, 4, 5, 6), shape, "f32")
            const f = e.fromFile({ path, offset: 0, read: () => {} }, shape, "f32", () => {})
            const r = e.reshape(t, other)
            const g = e.vjp(([x = t]) => [e.transpose(e.reshape(x, listed), perm)], [t], [])
            for (const array of [shape, other, perm, listed]) array.fill(0)
            shape[0] = 1e9
            expect([t, f, r].map((x) => x.shape)).toEqual([
              [2, 3],
              [2, 3],
              [3, 2],
            ])
            expect(numbers(e.linear(r, random([1, 2])))).toHaveLength(3)
            const cotangent = e.upload(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2, 1], "f32")
            const [found = t] = g.pullback([cotangent]).inputs
            expect(numbers(found)).toEqual([1, 3, 5, 2, 4, 6])
          })
        } finally {
          rmSync(folder, { recursive: true })
        }
      })
      test("a file's tensor that its reader refuses, or that is cut off, leaves nothing behind", () => {
        const folder = mkdtempSync(join(tmpdir(), "hmx-engine-"))
        try {
          const path = join(folder, "short")
          writeFileSync(path, new Uint8Array(16))
          const file = {
            path,
            offset: 0,
            read: (): void => {
              throw new Error("cut off")
            },
          }
          clean(() => {
            expect(() => e.fromFile(file, [5], "f32", () => {})).toThrow("cut off")
            expect(() => e.fromFile({ ...file, read: () => {} }, [4], "f32", refuse)).toThrow("refused")
            expect(e.fromFile(file, [0, 4], "f32", refuse).shape).toEqual([0, 4])
          })
        } finally {
          rmSync(folder, { recursive: true })
        }
      })
      test("indices are looked at again once they have been changed", () => {
        e.scope(() => {
          const table = e.upload(Float32Array.of(1, 2, 3), [3, 1], "f32")
          const ids = ints(e, [0, 1])
          expect(numbers(e.gather(table, ids))).toEqual([1, 2])
          e.write(ids, ints(e, [2]), 0, 1)
          expect(numbers(e.gather(table, ids))).toEqual([1, 3])
          e.write(ids, ints(e, [3]), 0, 0)
          expect(() => e.gather(table, ids)).toThrow(/3/)
          expect(() => e.gather(table, e.slice(ids, 0, 0, 1))).toThrow(/3/)
          expect(numbers(e.gather(table, e.slice(ids, 0, 1, 1)))).toEqual([3])
        })
      })
      test("integers can be reshaped, sliced, concatenated and gathered", () => {
        clean(() => {
          const t = ints(e, [1, 2, 3, 4])
          const y = e.gather(e.reshape(e.concat([e.slice(t, 0, 2, 2), t], 0), [3, 2]), ints(e, [2, 0]))
          expect(y.dtype).toBe("i32")
          expect(e.download(y)).toEqual(Int32Array.of(3, 4, 3, 4))
        })
      })
    })

    describe("vjp", () => {
      test("gives the outputs before the cotangents are known", () => {
        clean(() => {
          const x = upload(e, { shape: [2], data: [3, 5] })
          const v = e.vjp(([t]) => (t === undefined ? [] : [e.mul(t, t)]), [x], [])
          const [y] = v.outputs
          if (y === undefined) throw new Error("no output")
          const seen = e.download(y)
          const [g] = v.pullback([e.upload(Float32Array.from(seen), [2], "f32")]).inputs
          expect(g && [...e.download(g)]).toEqual([54, 250])
        })
      })
      test("adds up what arrives over several paths, and keeps params apart", () => {
        clean(() => {
          const [x, p] = [upload(e, { shape: [1], data: [2] }), upload(e, { shape: [1], data: [7] })]
          const v = e.vjp(
            ([t], [w]) => (t === undefined || w === undefined ? [] : [e.mul(t, w), e.add(t, e.mul(t, t)), t]),
            [x],
            [p],
          )
          const one = upload(e, { shape: [1], data: [1] })
          const { inputs, params } = v.pullback([one, one, one])
          expect(inputs.map((t) => t && e.download(t)[0])).toEqual([7 + 1 + 4 + 1])
          expect(params.map((t) => t && e.download(t)[0])).toEqual([2])
        })
      })
      test("says undefined for inputs without influence and for integers", () => {
        clean(() => {
          const [x, other] = [random([2, 2]), random([3])]
          const v = e.vjp(([t, , ids]) => (t && ids ? [e.gather(t, ids)] : []), [x, other, ints(e, [1])], [random([2])])
          const { inputs, params } = v.pullback(v.outputs)
          expect(inputs.map((t) => t !== undefined)).toEqual([true, false, false])
          expect(params).toEqual([undefined])
        })
      })
      test("what f frees, and what the caller frees, the pullback still has", () => {
        clean(() => {
          const x = upload(e, { shape: [2], data: [3, 5] })
          const v = e.vjp(
            ([t]) => {
              if (t === undefined) return []
              const square = e.scope(() => e.mul(e.add(t, t), t))
              const y = e.mul(square, t)
              e.free(square)
              return [y]
            },
            [x],
            [],
          )
          const ones = upload(e, { shape: [2], data: [1, 1] })
          e.free(x, ...v.outputs)
          const [g] = v.pullback([ones]).inputs
          expect(g && [...e.download(g)]).toEqual([6 * 9, 6 * 25])
        })
      })
      test("a pullback while another function is recorded gives both the right gradients", () => {
        clean(() => {
          const [t, u, c] = [
            random([2, 3], 1),
            random([2, 3], 2),
            upload(
              e,
              build([2, 3], () => 1),
            ),
          ]
          const [table, targets] = [random([5, 3], 3), ints(e, [4, 0])]
          const inner = () =>
            e.vjp(
              ([x = t]) => {
                const parts = [e.mul(x, x), e.scale(x, 3)]
                return [...parts, e.logProbs(x, table, targets, { chunk: 1 }).logprobs]
              },
              [t],
              [],
            )
          const ones = upload(
            e,
            build([2], () => 1),
          )
          const alone = inner()
            .pullback([c, c, ones])
            .inputs.map((g) => g && numbers(g))
          const first = inner()
          let within: ReadonlyArray<Tensor | undefined> = []
          const v = e.vjp(
            ([x = u]) => {
              const square = e.mul(x, x)
              within = first.pullback([c, c, ones]).inputs
              for (const g of within) if (g !== undefined) e.keep(g)
              const more = e.scale(x, 7)
              return [square, more, e.logProbs(x, table, targets, { chunk: 1 }).logprobs]
            },
            [u],
            [],
          )
          const none = upload(
            e,
            build([2], () => 0),
          )
          const [g] = v.pullback([c, c, none]).inputs
          close(e.download(g ?? c), { shape: [2, 3], data: numbers(u).map((x) => 2 * x + 7) }, "gradient around")
          expect(within.map((t) => t && numbers(t))).toEqual(alone)
          e.free(...within)
        })
      })
      test("a cotangent that another recording follows is a constant", () => {
        clean(() => {
          const [t, u, c] = [
            random([2, 3], 1),
            random([2, 3], 2),
            upload(
              e,
              build([2, 3], () => 1),
            ),
          ]
          const inner = e.vjp(([x = t]) => [e.mul(x, x), x], [t], [])
          const v = e.vjp(
            ([x = u]) => {
              const [g = c] = inner.pullback([e.scale(x, 2), e.mul(x, x)]).inputs
              return [e.mul(g, x)]
            },
            [u],
            [],
          )
          const [a, b] = [numbers(t), numbers(u)]
          const g = b.map((x, i) => 2 * x * 2 * (a[i] ?? 0) + x * x)
          const [found = c] = v.pullback([c]).inputs
          close(e.download(found), { shape: [2, 3], data: g }, "gradient")
        })
      })
      test("another engine's vjp inside leaves the recording as it is", async () => {
        const other = await make()
        try {
          clean(() => {
            const [u, c] = [
              random([2, 2]),
              upload(
                e,
                build([2, 2], () => 1),
              ),
            ]
            const [t, one] = [
              other.upload(Float32Array.of(3), [1], "f32"),
              other.upload(Float32Array.of(1), [1], "f32"),
            ]
            let inside: ReadonlyArray<number> = []
            const v = e.vjp(
              ([x = u]) => {
                const twice = e.scale(x, 2)
                const w = other.vjp(([y = t]) => [other.mul(y, y)], [t], [])
                const [g = t] = w.pullback([one]).inputs
                inside = [...other.download(g)]
                return [e.mul(twice, x)]
              },
              [u],
              [],
            )
            const [g = c] = v.pullback([c]).inputs
            close(e.download(g), { shape: [2, 2], data: numbers(u).map((x) => 4 * x) }, "gradient")
            expect(inside).toEqual([6])
          })
        } finally {
          other.close()
        }
      })
      test("can be used once", () => {
        misused(() => {
          const v = e.vjp(([t]) => (t === undefined ? [] : [e.scale(t, 2)]), [random([2])], [])
          v.pullback(v.outputs)
          v.pullback(v.outputs)
        }, /vjp/)
      })
      test("wants cotangents of the outputs' shapes", () => {
        misused(() => {
          const v = e.vjp(([t]) => (t === undefined ? [] : [e.mul(t, t)]), [random([2])], [])
          try {
            v.pullback([random([3])])
          } finally {
            v.release()
          }
        }, /vjp.*\[3\].*\[2\]/)
      })
      test("an exception in f leaves nothing behind", () => {
        clean(() => {
          const before = e.memory().tensors
          const x = random([4])
          expect(() =>
            e.vjp(
              ([t]) => {
                if (t !== undefined) e.mul(t, t)
                throw new Error("f fails")
              },
              [x],
              [],
            ),
          ).toThrow("f fails")
          expect(e.memory().tensors).toBe(before + 1)
          expect(e.vjp(([t]) => (t === undefined ? [] : [t]), [x], []).outputs).toHaveLength(1)
        })
      })
    })

    describe("memory", () => {
      test("counts tensors and bytes, and the peak", () => {
        clean(() => {
          const before = e.memory()
          e.resetPeak()
          e.scope(() => {
            random([10, 10])
            expect(e.memory().tensors).toBe(before.tensors + 1)
            expect(e.memory().bytes).toBe(before.bytes + 400)
          })
          const { bytes, limit, tensors } = before
          expect(e.memory()).toMatchObject({ bytes, limit, tensors, peak: bytes + 400 })
          e.resetPeak()
          expect(e.memory().peak).toBe(before.bytes)
        })
      })
      test("a reshape shares its bytes, and outlives what it was made of", () => {
        clean(() => {
          const t = upload(e, { shape: [4], data: [1, 2, 3, 4] })
          const before = e.memory().bytes
          const y = e.reshape(t, [2, 2])
          expect(e.memory().bytes).toBe(before)
          e.free(t)
          expect([...e.download(y)]).toEqual([1, 2, 3, 4])
        })
      })
      test("counts what the tape keeps, until it is pulled or released", () => {
        clean(() => {
          const before = e.memory().bytes
          const x = random([100])
          const v = e.vjp(([t]) => (t === undefined ? [] : [e.sum(e.mul(e.scale(t, 2), t))]), [x], [])
          e.free(x, ...v.outputs)
          expect(e.memory().bytes).toBeGreaterThanOrEqual(before + 800)
          v.release()
          expect(e.memory().bytes).toBe(before)
        })
      })
      test("counts what a tape keeps of an attention: what it was given, and a sum for each row at the least", () => {
        clean(() => {
          const [B, T, H, D] = [2, 64, 4, 8]
          const [q, k, v] = [random([B, T, H, D], 1), random([B, T, H, D], 2), random([B, T, H, D], 3)]
          const bias = random([1, T, T], 4)
          const before = e.memory().bytes
          const tape = e.vjp(([a = q, b = k, c = v]) => [e.attention(a, b, c, { bias, scale: 0.3 })], [q, k, v], [])
          const [given, sums] = [4 * count(q.shape), 4 * count([B, H, T])]
          // The softmax itself would be more.
          expect(e.memory().bytes).toBeGreaterThanOrEqual(before + given + sums)
          // The result is kept as well: the derivative of the softmax is made of it.
          e.free(q, k, v, ...tape.outputs)
          expect(e.memory().bytes).toBeGreaterThanOrEqual(before + given + sums)
          tape.release()
          // What an engine has made of a mask may live as long as the mask.
          e.free(bias)
          expect(e.memory().bytes).toBe(before - 3 * given - 4 * count(bias.shape))
        })
      })
      test("counts what a tape keeps of a product: each factor for the other's gradient", () => {
        clean(() => {
          const before = e.memory().bytes
          for (const wanted of [0, 1]) {
            const factors = [random([20, 30], 1), random([40, 30], 2)]
            const both = factors.reduce((sum, t) => sum + 4 * count(t.shape), 0)
            const one = factors.slice(wanted, wanted + 1)
            const tape = e.vjp(
              ([t = random([1])]) => [wanted === 0 ? e.linear(t, factors[1] ?? t) : e.linear(factors[0] ?? t, t)],
              one,
              [],
            )
            e.free(...factors, ...tape.outputs)
            expect(e.memory().bytes - before).toBeGreaterThanOrEqual(both - 4 * count(one[0]?.shape ?? []))
            tape.release()
            expect(e.memory().bytes).toBe(before)
          }
        })
      })
      test("scopes give back all but their result; keep takes out of all of them", () => {
        clean(() => {
          const before = e.memory().tensors
          const { kept, result } = e.scope(() => {
            const inner = e.scope(() => ({ list: [random([2]), random([3])], kept: e.keep(random([4])) }))
            return { kept: 1, result: { ...inner, list: inner.list.slice(1) } }
          })
          expect(kept).toBe(1)
          expect(e.memory().tensors).toBe(before + 2)
          expect(result.list.map((t) => t.shape)).toEqual([[3]])
          e.free(result.kept)
          e.free(result.kept, undefined)
          expect(e.memory().tensors).toBe(before + 1)
        })
      })
      test("a scope that throws frees everything, tapes as well", () => {
        const before = e.memory()
        expect(() =>
          e.scope(() => {
            const x = random([8])
            e.vjp(([t]) => (t === undefined ? [] : [e.mul(t, t)]), [x], [])
            throw new Error("body fails")
          }),
        ).toThrow("body fails")
        expect(e.memory().tensors).toBe(before.tensors)
        expect(e.memory().bytes).toBe(before.bytes)
      })
      test("write changes a part of a tensor in place, and nothing else", () => {
        fc.assert(
          fc.property(draws, (d) => {
            clean(() => {
              const [a, b, c] = d.dims
              const shape = [a, b + 1, c]
              for (const axis of [0, 1, 2]) {
                const size = shape[axis] ?? 0
                const [start = 0] = d.below(1, size)
                const length = 1 + (d.below(1, size - start)[0] ?? 0)
                const [whole, part] = [d.random(shape), d.random(shape.with(axis, length))]
                const into = upload(e, whole)
                const before = e.memory()
                e.write(into, upload(e, part), axis, start)
                expect(e.memory().bytes - before.bytes).toBe(4 * count(part.shape))
                const behind = count(shape.slice(axis + 1))
                const wanted = range(count(shape)).map((i) => {
                  const along = Math.floor(i / behind) % size
                  if (along < start || along >= start + length) return at(whole, i)
                  const row = Math.floor(i / (behind * size))
                  return at(part, (row * length + along - start) * behind + (i % behind))
                })
                close(e.download(into), { shape, data: wanted }, "written")
              }
            })
          }),
          { numRuns: runs },
        )
      })
      test("attention to the first keys of a cache is that to a copy of them", () => {
        clean(() => {
          for (const [queries, softcap] of [
            [1, undefined],
            [1, 2],
            [9, undefined],
            [9, 2],
          ] as const)
            for (const keys of [1, 5, 16]) {
              const [q, k, v] = [random([3, queries, 4, 8], 1), random([3, 20, 2, 8], 2), random([3, 20, 2, 8], 3)]
              const options = {
                scale: 0.3,
                bias: random([3, queries, keys], 4),
                ...(softcap === undefined ? {} : { softcap }),
              }
              const some = (t: Tensor) => e.slice(t, 1, 0, keys)
              expect(numbers(e.attention(q, k, v, { ...options, keys }))).toEqual(
                numbers(e.attention(q, some(k), some(v), options)),
              )
            }
        })
      })
      test("a frozen matrix is the same tensor, and its second layout is counted and freed", () => {
        clean(() => {
          const w = random([3, 5])
          const before = e.memory().bytes
          expect(e.frozen(w)).toBe(w)
          const frozen = e.memory().bytes
          expect(frozen === before || frozen === before + 60).toBe(true)
          expect(e.frozen(w)).toBe(w)
          expect(e.memory().bytes).toBe(frozen)
        })
      })
    })

    describe("out of memory", () => {
      const limit = 2 ** 21
      let small: Engine
      beforeAll(async () => {
        small = await make({ memory: limit })
      })
      afterAll(() => small.close())
      const some = (shape: ReadonlyArray<number>, seed: number) => {
        const next = mulberry(seed)
        return upload(
          small,
          build(shape, () => next() - 0.5),
        )
      }
      const bytes = Float32Array.from({ length: 64 * 48 }, (_, i) => i)
      const read = (target: Uint8Array, position: number) =>
        target.set(new Uint8Array(bytes.buffer, position, target.length))

      /** What a model does, from loading to an update. */
      const stages: { readonly [stage: string]: () => void } = {
        load: () => {
          small.frozen(small.fromFile({ path: "/nowhere", offset: 0, read }, [64, 48], "f32", () => {}))
          some([200, 48], 1)
        },
        prefill: () => {
          const x = some([60, 48], 1)
          const q = small.reshape(small.linear(x, some([96, 48], 2)), [2, 30, 16, 6])
          const k = small.reshape(small.linear(x, some([24, 48], 3)), [2, 30, 4, 6])
          const y = small.reshape(small.attention(q, k, k, { scale: 0.4, bias: some([1, 30, 30], 4) }), [60, 96])
          const rows = small.rmsNorm(y, some([96], 5), 1e-6)
          small.logProbs(small.gatedMlp(rows, y, "silu"), some([300, 96], 6), ints(small, range(60)), { chunk: 20 })
        },
        decode: () => {
          const cache = small.gather(
            some([64, 12], 7),
            ints(
              small,
              range(1024).map((i) => i % 64),
            ),
          )
          const kv = small.reshape(cache, [4, 256, 2, 6])
          small.free(cache)
          small.write(kv, some([4, 1, 2, 6], 8), 1, 200)
          const y = small.attention(some([4, 1, 4, 6], 9), kv, kv, { scale: 1, bias: some([4, 1, 201], 10), keys: 201 })
          small.download(small.concat([kv, small.reshape(y, [4, 2, 2, 6])], 1))
        },
        backward: () => {
          const [x, w, a, b] = [some([50, 48], 1), some([96, 48], 2), some([4, 48], 3), some([96, 4], 4)]
          const [head, bias] = [some([200, 48], 5), some([1, 25, 25], 6)]
          const targets = ints(small, range(50))
          const v = small.vjp(
            ([t = x], [low = a, high = b, norm = x]) => {
              const h = small.linear(small.rmsNorm(t, norm, 1e-6), w, { lora: { a: low, b: high, scale: 2 } })
              const q = small.reshape(h, [2, 25, 8, 12])
              const y = small.reshape(small.attention(q, q, q, { bias, scale: 0.3 }), [50, 96])
              const half = small.slice(y, 1, 0, 48)
              return [small.logProbs(small.gatedMlp(half, half, "silu"), head, targets, { chunk: 10 }).logprobs]
            },
            [x],
            [a, b, some([48], 7)],
          )
          const { inputs, params } = v.pullback(v.outputs)
          const [g = x] = inputs
          small.adamW(x, g, { m: small.mul(g, g), v: small.mul(g, g) }, adam)
          small.sumSquares(params.filter((p) => p !== undefined))
        },
      }

      test.each(Object.entries(stages))(
        "in %s is said with the bytes wanted, and leaves nothing behind",
        (_, stage) => {
          const before = small.memory()
          const run = () => small.scope(stage)
          // What an engine tries out once is no part of it.
          run()
          small.resetPeak()
          run()
          const need = small.memory().peak - before.bytes
          expect(need).toBeGreaterThan(0)
          const steps = 24
          for (let step = 0; step < steps; step++) {
            const full = (limit - before.bytes) / 4 - Math.floor((need * step) / steps / 4)
            const ballast = small.upload(new Float32Array(full), [full], "f32")
            const held = small.memory()
            let thrown: unknown
            try {
              run()
            } catch (error) {
              thrown = error
            }
            const left = small.memory()
            small.free(ballast)
            expect(thrown).toBeInstanceOf(EngineOutOfMemory)
            if (thrown instanceof EngineOutOfMemory) expect(thrown.bytes).toBeGreaterThan(0)
            expect(String(thrown)).toMatch(/: out of memory in (?!create).+: [\d.]+ ([KMG]iB|B) wanted$/)
            expect(left).toEqual({ ...held, peak: left.peak })
          }
          run()
          expect(small.memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes })
        },
      )
      // What a library would be asked for is more than any machine has.
      const [wide, long] = [2 ** 22, 2 ** 18]
      test.each<[string, number, () => unknown]>([
        ["add", wide * wide, () => e.add(random([wide, 1]), random([1, wide]))],
        ["sub", wide * wide, () => e.sub(random([wide, 1]), random([1, wide]))],
        ["mul", wide * wide, () => e.mul(random([wide, 1]), random([1, wide]))],
        ["gather", wide * long, () => e.gather(random([1, wide]), e.upload(new Int32Array(long), [long], "i32"))],
        [
          "concat",
          wide * long,
          () => {
            const x = random([wide])
            return e.concat(
              Array.from({ length: long }, () => x),
              0,
            )
          },
        ],
        ["linear", wide * wide, () => e.linear(random([wide, 1]), random([wide, 1]))],
        [
          "logProbs",
          wide * long,
          () =>
            e.logProbs(random([long, 1]), random([wide, 1]), e.upload(new Int32Array(long), [long], "i32"), {
              chunk: long,
            }),
        ],
      ])("%s asks no library for what goes beyond the limit", (name, elements, body) => {
        clean(() => {
          let thrown: unknown
          try {
            e.scope(() => void body())
          } catch (error) {
            thrown = error
          }
          expect(thrown).toBeInstanceOf(EngineOutOfMemory)
          if (!(thrown instanceof EngineOutOfMemory)) return
          expect(thrown.where).toBe(name)
          // A few rows may be added so that none depends on its neighbours.
          expect(thrown.bytes / (4 * elements)).toBeCloseTo(1, 2)
        })
      })
      test.each([0, -1, 0.5, Number.NaN])("a memory of %d bytes is a mistake", async (memory) => {
        await expect(make({ memory })).rejects.toThrow(EngineMisuse)
      })
    })

    describe("misuse is said with the operation's name", () => {
      test.each<[string, RegExp, (x: Tensor) => unknown]>([
        ["a freed tensor", /add.*freed/, (x) => (e.free(x), e.add(x, x))],
        ["a freed tensor in download", /download.*freed/, (x) => (e.free(x), e.download(x))],
        [
          "a shape that was written to",
          /gather.*changed/,
          (x) => (Reflect.set(x.shape, 0, 1e9), e.gather(x, ints(e, [9e8]))),
        ],
        ["a foreign tensor", /scale/, () => e.scale({ shape: [1], dtype: "f32" }, 2)],
        ["upload of too few numbers", /upload/, () => e.upload(Float32Array.of(1), [2], "f32")],
        ["upload of a fractional size", /upload/, () => e.upload(Float32Array.of(1), [0.5, 2], "f32")],
        ["upload of another dtype's array", /upload/, () => e.upload(Float32Array.of(1), [1], "i32")],
        ["upload of bf16 from floats", /upload/, () => e.upload(Float32Array.of(1), [1], "bf16")],
        [
          "upload of more elements than can be counted",
          /upload/,
          () => e.upload(new Float32Array(0), [2 ** 40, 2 ** 40, 0], "f32"),
        ],
        ["upload of an unknown dtype", /upload.*f64/, () => e.upload(Float32Array.of(1), [1], unknown("f64"))],
        ["upload without a dtype", /upload.*undefined/, () => e.upload(Float32Array.of(1), [1], unknown(undefined))],
        [
          "a file's tensor of an unknown dtype",
          /fromFile.*f64/,
          () => e.fromFile(nowhere(0), [1], unknown("f64"), refuse),
        ],
        ["a file's tensor of no shape", /fromFile/, () => e.fromFile(nowhere(0), [-1], "f32", refuse)],
        ["a file's tensor before its beginning", /fromFile.*-4/, () => e.fromFile(nowhere(-4), [1], "f32", refuse)],
        ["a file's tensor pages before", /fromFile.*-65536/, () => e.fromFile(nowhere(-65_536), [1], "f32", refuse)],
        ["a file's tensor at no place", /fromFile.*NaN/, () => e.fromFile(nowhere(Number.NaN), [1], "f32", refuse)],
        ["a file's tensor between two bytes", /fromFile.*0\.5/, () => e.fromFile(nowhere(0.5), [1], "f32", refuse)],
        ["reshape to another size", /reshape.*6.*\[4\]/, (x) => e.reshape(x, [4])],
        ["transpose that is no permutation", /transpose/, (x) => e.transpose(x, [0, 0])],
        ["slice outside", /slice/, (x) => e.slice(x, 1, 2, 2)],
        ["slice of a missing axis", /slice/, (x) => e.slice(x, 2, 0, 1)],
        ["concat of nothing", /concat/, () => e.concat([], 0)],
        ["concat of other shapes", /concat/, (x) => e.concat([x, random([3, 2])], 1)],
        ["concat of mixed dtypes", /concat/, () => e.concat([random([2]), ints(e, [1])], 0)],
        ["gather by floats", /gather.*i32/, (x) => e.gather(x, random([1]))],
        ["gather outside", /gather.*2/, (x) => e.gather(x, ints(e, [2]))],
        ["gather below", /gather.*-1/, (x) => e.gather(x, ints(e, [-1]))],
        ["add of other shapes", /add.*\[2, 3\].*\[2, 2\]/, (x) => e.add(x, random([2, 2]))],
        ["mul of integers", /mul.*f32/, (x) => e.mul(x, ints(e, [1]))],
        ["linear with other features", /linear.*w.*\[3, 4\]/, (x) => e.linear(x, random([3, 4]))],
        ["linear with a wrong bias", /linear.*bias/, (x) => e.linear(x, random([4, 3]), { bias: random([3]) })],
        [
          "linear with a wrong adapter",
          /linear.*lora\.b/,
          (x) => e.linear(x, random([4, 3]), { lora: { a: random([2, 3]), b: random([4, 3]), scale: 1 } }),
        ],
        ["rmsNorm of another width", /rmsNorm.*w/, (x) => e.rmsNorm(x, random([2]), 1e-6)],
        ["write of other shapes", /write.*x.*\[3, 3\]/, (x) => e.write(x, random([3, 3]), 1, 0)],
        ["write outside", /write.*outside/, (x) => e.write(x, random([2, 2]), 1, 2)],
        ["write of another dtype", /write.*i32/, (x) => e.write(x, ints(e, [1]), 0, 0)],
        [
          "write to what a view shares",
          /write.*shared/,
          (x) => (e.reshape(x, [3, 2]), e.write(x, random([1, 3]), 0, 0)),
        ],
        ["write inside vjp", /write.*vjp/, (x) => e.vjp(() => (e.write(x, random([1, 3]), 0, 0), []), [], [])],
        [
          "attention to more keys than there are",
          /attention.*keys/,
          () => {
            const k = random([1, 2, 1, 2])
            return e.attention(k, k, k, { bias: random([1, 2, 3]), scale: 1, keys: 3 })
          },
        ],
        ["rotary of odd heads", /rotary.*odd/, () => e.rotary(random([1, 1, 3]), random([1, 1]), random([1, 1]))],
        [
          "attention of uneven heads",
          /attention.*3.*2/,
          () =>
            e.attention(random([1, 1, 3, 2]), random([1, 1, 2, 2]), random([1, 1, 2, 2]), {
              bias: random([1, 1, 1]),
              scale: 1,
            }),
        ],
        [
          "attention with a bias of another shape",
          /attention.*bias/,
          () =>
            e.attention(random([1, 2, 2, 2]), random([1, 1, 2, 2]), random([1, 1, 2, 2]), {
              bias: random([1, 1, 1]),
              scale: 1,
            }),
        ],
        ["gatedMlp of two shapes", /gatedMlp/, (x) => e.gatedMlp(x, random([3, 2]), "silu")],
        ["logProbs of a token outside", /logProbs.*5/, (x) => e.logProbs(x, random([5, 3]), ints(e, [0, 5]))],
        [
          "logProbs at temperature 0",
          /logProbs.*temperature/,
          (x) => e.logProbs(x, x, ints(e, [0, 1]), { temperature: 0 }),
        ],
        ["logProbs in chunks of none", /logProbs.*chunk/, (x) => e.logProbs(x, x, ints(e, [0, 1]), { chunk: 0 })],
        [
          "adamW of another shape",
          /adamW.*grad/,
          (x) =>
            e.adamW(
              x,
              random([3]),
              { m: x, v: x },
              { learningRate: 1, beta1: 0.9, beta2: 0.9, epsilon: 1, weightDecay: 0, step: 1 },
            ),
        ],
        ["vjp inside vjp", /vjp/, (x) => e.vjp(() => e.vjp(() => [], [x], []).outputs, [x], [])],
      ])("%s", (_, sentence, body) => {
        misused(() => body(random([2, 3])), sentence)
      })
    })

    test("an engine that is closed says so", async () => {
      const other = await make()
      const t = other.upload(Float32Array.of(1), [1], "f32")
      other.close()
      other.close()
      expect(() => other.scale(t, 2)).toThrow(EngineMisuse)
      expect(() => other.scale(t, 2)).toThrow(/scale.*closed/)
    })
  })
}
