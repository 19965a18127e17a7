import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { Errors } from "hmx"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import {
  openSafetensors,
  readF32,
  readFloat,
  readIntegers,
  readRaw,
  writeSafetensors,
} from "../../src/io/safetensors.ts"
import type { StoredDType, TensorToWrite } from "../../src/io/safetensors.ts"
import { committed, failure, fresh } from "./_support.ts"

const widths: ReadonlyMap<StoredDType, number> = new Map([
  ["BOOL", 1],
  ["U8", 1],
  ["F16", 2],
  ["BF16", 2],
  ["I32", 4],
  ["F32", 4],
  ["I64", 8],
])

const tensor = fc
  .record({
    name: fc
      .string({ unit: "binary", minLength: 1, maxLength: 12 })
      .filter((s) => s.isWellFormed() && s !== "__metadata__"),
    dtype: fc.constantFrom(...widths.keys()),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
    seed: fc.nat(255),
  })
  .map(({ name, dtype, shape, seed }): TensorToWrite & { readonly data: Uint8Array } => ({
    name,
    dtype,
    shape,
    data: Uint8Array.from(
      { length: shape.reduce((n, d) => n * d, widths.get(dtype) ?? 0) },
      (_, i) => (seed + i * 31) & 255,
    ),
  }))
const tensors = fc.uniqueArray(tensor, { selector: (t) => t.name, maxLength: 8 })

/** A file of this header (as text, or anything JSON) and so many bytes of data. */
const raw = (header: unknown, data: number, length?: bigint): string => {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header))
  const head = Buffer.alloc(8)
  head.writeBigUInt64LE(length ?? BigInt(json.length))
  const file = fresh("hostile.safetensors")
  writeFileSync(file, Buffer.concat([head, json, Buffer.alloc(data)]))
  return file
}
const one = (fields: object) => ({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...fields } })

describe("writing and reading", () => {
  it("gives every tensor back, whatever its name, type and shape, and in any order of writing the same bytes", () => {
    fc.assert(
      fc.property(
        tensors,
        fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 })),
        (list, metadata) => {
          const file = fresh("a.safetensors")
          Effect.runSync(writeSafetensors(file, list, metadata))
          const read = Effect.runSync(openSafetensors(file))
          expect(read.metadata).toEqual({ ...metadata })
          expect([...read.tensors.keys()].toSorted()).toEqual(list.map((t) => t.name).toSorted())
          for (const t of list) {
            expect(read.tensors.get(t.name)).toMatchObject({ dtype: t.dtype, shape: t.shape })
            expect(Effect.runSync(readRaw(read, t.name))).toEqual(t.data)
          }
          const other = fresh("b.safetensors")
          Effect.runSync(writeSafetensors(other, list.toReversed(), metadata))
          const bytes = readFileSync(file)
          expect(readFileSync(other).equals(bytes)).toBe(true)
          expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0)
        },
      ),
      { numRuns: 60 },
    )
  })

  it.each(["vectors/qwen3.safetensors", "checkpoints/qwen3/model.safetensors", "grpo/losses.safetensors"])(
    "writes the reference's own bytes: %s",
    (name) => {
      const read = Effect.runSync(openSafetensors(join(committed, name)))
      const list = Array.from(read.tensors.values(), ({ name: key, dtype, shape }) => ({
        name: key,
        dtype,
        shape,
        data: Effect.runSync(readRaw(read, key)),
      }))
      const file = fresh("copy.safetensors")
      const metadata = Object.keys(read.metadata).length > 0 ? read.metadata : undefined
      Effect.runSync(writeSafetensors(file, list.toReversed(), metadata))
      expect(readFileSync(file).equals(readFileSync(join(committed, name)))).toBe(true)
    },
  )

  it("rounds f32 to the 16-bit types on the way out and widens them on the way in", () => {
    const file = fresh("half.safetensors")
    const data = new Float32Array([1, -2.5, 65504, 1 / 3])
    Effect.runSync(
      writeSafetensors(file, [
        { name: "b", dtype: "BF16", shape: [4], data },
        { name: "h", dtype: "F16", shape: [2, 2], data },
      ]),
    )
    const read = Effect.runSync(openSafetensors(file))
    expect(Effect.runSync(readFloat(read, "b"))).toEqual({
      dtype: "BF16",
      data: Uint16Array.of(0x3f80, 0xc020, 0x4780, 0x3eab),
    })
    expect([...Effect.runSync(readF32(read, "h"))]).toEqual([1, -2.5, 65504, Math.f16round(1 / 3)])
  })

  it("reads integers of every type, and refuses what a number cannot hold", () => {
    const file = fresh("ints.safetensors")
    Effect.runSync(
      writeSafetensors(file, [
        { name: "i64", dtype: "I64", shape: [2], data: new BigInt64Array([-3n, 2n ** 40n]) },
        { name: "i32", dtype: "I32", shape: [2], data: new Int32Array([-5, 7]) },
        { name: "bool", dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) },
        { name: "wide", dtype: "I64", shape: [], data: new BigInt64Array([2n ** 60n]) },
        { name: "f", dtype: "F32", shape: [1], data: new Float32Array([1]) },
      ]),
    )
    const read = Effect.runSync(openSafetensors(file))
    expect(Effect.runSync(readIntegers(read, "i64"))).toEqual([-3, 2 ** 40])
    expect(Effect.runSync(readIntegers(read, "i32"))).toEqual([-5, 7])
    expect(Effect.runSync(readIntegers(read, "bool"))).toEqual([1, 0, 1])
    expect(failure(readIntegers(read, "wide")).message).toContain("beyond 2^53")
    expect(failure(readIntegers(read, "f")).message).toMatch(/tensor "f": found F32; expected an integer/)
    expect(failure(readFloat(read, "i32")).message).toMatch(/tensor "i32": found I32; expected F32, BF16 or F16/)
    expect(failure(readF32(read, "none")).message).toMatch(/tensor "none": found no such tensor/)
  })

  it("refuses to write an array that does not fit its shape, and a name twice", () => {
    const t: TensorToWrite = { name: "w", dtype: "F32", shape: [3], data: new Float32Array(2) }
    expect(failure(writeSafetensors(fresh("x"), [t])).message).toMatch(/tensor "w": found 8 bytes; expected 12 bytes/)
    const ok = { ...t, shape: [2] }
    expect(failure(writeSafetensors(fresh("x"), [ok, ok])).message).toMatch(/tensor "w": found the name twice/)
  })
})

describe("a hostile file is one sentence that names the file and the tensor", () => {
  const gap = {
    a: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
    b: { dtype: "U8", shape: [1], data_offsets: [2, 3] },
  }
  const overlap = {
    a: { dtype: "U8", shape: [2], data_offsets: [0, 2] },
    b: { dtype: "U8", shape: [2], data_offsets: [1, 3] },
  }
  it.each<[string, string, RegExp]>([
    ["an empty file", fresh("empty"), /found 0 bytes; expected a safetensors file/],
    [
      "a header longer than the limit",
      raw({}, 0, 100_000_001n),
      /header of 100000001 bytes; expected at most 100000000/,
    ],
    ["a header of 2^63 bytes", raw({}, 0, 2n ** 63n), /found a header of 9223372036854775808 bytes/],
    ["a header longer than the file", raw({}, 0, 100n), /found a header of 100 bytes in a file of 10/],
    ["a header that is not JSON", raw("{oops", 0), /found a header that is not JSON/],
    ["a header that is not UTF-8", raw("", 0).concat(""), /not JSON/],
    ["a header that is a list", raw([], 0), /not a JSON object/],
    [
      "a name twice",
      raw('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{}}', 0),
      /tensor "a": found its name twice/,
    ],
    [
      "a key twice in a tensor",
      raw('{"a":{"dtype":"U8","dtype":"F32","shape":[0],"data_offsets":[0,0]}}', 0),
      /"dtype": found its name twice/,
    ],
    ["a tensor that is a number", raw({ w: 3 }, 0), /tensor "w": found 3; expected an object/],
    ["an unknown dtype", raw(one({ dtype: "Q4" }), 8), /tensor "w": found dtype "Q4"; expected one of/],
    ["a dtype out of the prototype", raw(one({ dtype: "toString" }), 8), /tensor "w": found dtype "toString"/],
    ["a negative shape", raw(one({ shape: [-2] }), 8), /tensor "w": found shape \[-2\]; expected an array of integers/],
    ["a fractional shape", raw(one({ shape: [1.5] }), 8), /tensor "w": found shape \[1.5\]/],
    ["a shape that overflows", raw(one({ shape: [2 ** 52, 2 ** 52] }), 8), /tensor "w": found 8 bytes; expected/],
    [
      "a wrong byte count",
      raw(one({ shape: [3] }), 8),
      /tensor "w": found 8 bytes; expected 12 bytes for shape \[3\] of F32/,
    ],
    ["offsets the wrong way round", raw(one({ data_offsets: [8, 0] }), 8), /tensor "w": found data_offsets \[8,0\]/],
    ["offsets that are not numbers", raw(one({ data_offsets: ["0", 8] }), 8), /tensor "w": found data_offsets/],
    ["data cut off", raw(one({}), 7), /tensor "w": found data up to byte 8; expected at most 7 bytes/],
    ["bytes left over", raw(one({}), 9), /found 1 bytes after the last tensor; expected none/],
    ["a gap", raw(gap, 3), /tensor "b": found data that leaves a gap before it/],
    ["an overlap", raw(overlap, 3), /tensor "b": found data that overlaps/],
    ["metadata that is not text", raw({ __metadata__: { a: 1 } }, 0), /__metadata__, "a": found 1; expected a string/],
    ["a name with a terminal's escapes", raw({ "\u001b[2J\n": 1 }, 0), /tensor "\\u001b\[2J\\n": found 1/],
  ])("%s", (what, file, sentence) => {
    if (what === "an empty file") writeFileSync(file, "")
    if (what.includes("UTF-8")) writeFileSync(file, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe]))
    const { tag, message } = failure(openSafetensors(file))
    expect(tag).toBe("BadInput")
    expect(message.startsWith(file)).toBe(true)
    expect(message).toMatch(sentence)
    expect(message).not.toMatch(/\p{Cc}/u)
  })

  it("a file that is not there, and one that shrinks after it was opened", () => {
    expect(failure(openSafetensors(fresh("none"))).message).toMatch(/found no such file/)
    const file = raw(one({}), 8)
    const open = Effect.runSync(openSafetensors(file))
    writeFileSync(file, readFileSync(file).subarray(0, -4))
    expect(failure(readF32(open, "w")).message).toMatch(/tensor "w": found 4 bytes; expected 8 bytes/)
  })

  it("random bytes and mutated files fail by BadInput or read as tensors, and never otherwise", () => {
    const good = (() => {
      const file = fresh("good")
      const data = new Float32Array([1, 2, 3, 4])
      Effect.runSync(
        writeSafetensors(file, [
          { name: "a", dtype: "F32", shape: [2, 2], data },
          { name: "b", dtype: "BF16", shape: [4], data },
        ]),
      )
      return readFileSync(file)
    })()
    const mutated = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:-0')))), {
        minLength: 1,
        maxLength: 4,
      })
      .map((edits) => {
        const copy = Buffer.from(good)
        for (const [at, byte] of edits) copy[at] = byte
        return copy
      })
    const file = fresh("fuzz")
    const bytes = fc.oneof(
      mutated,
      fc.uint8Array({ maxLength: 64 }),
      mutated.map((b) => b.subarray(0, b.length - 9)),
    )
    fc.assert(
      fc.property(bytes, (content) => {
        writeFileSync(file, content)
        const all = Effect.gen(function* () {
          const open = yield* openSafetensors(file)
          for (const name of open.tensors.keys()) yield* readRaw(open, name)
        })
        const result = Effect.runSync(Effect.result(all))
        if (Result.isFailure(result)) expect(result.failure).toBeInstanceOf(Errors.BadInput)
      }),
      { numRuns: 500 },
    )
  })
})
