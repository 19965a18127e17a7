/** Spoils copies of fixtures, for tests of what the harness says of them. */
import { readFileSync, writeFileSync } from "node:fs"

interface Entry {
  readonly dtype: string
  readonly shape: ReadonlyArray<number>
  readonly data_offsets: readonly [number, number]
}

const isEntry = (x: unknown): x is Entry => typeof x === "object" && x !== null && "data_offsets" in x

/** Rewrites a safetensors file: `edit` gets each tensor's name and bytes, and gives undefined for one to leave out. */
export const rewriteTensors = (path: string, edit: (name: string, bytes: Buffer) => Buffer | undefined): void => {
  const file = readFileSync(path)
  const start = 8 + Number(file.readBigUInt64LE(0))
  const header: unknown = JSON.parse(file.toString("utf8", 8, start))
  const entries: { [name: string]: Entry } = {}
  const parts: Array<Buffer> = []
  let end = 0
  for (const [name, entry] of Object.entries(header ?? {})) {
    if (!isEntry(entry)) continue
    const [from, to] = entry.data_offsets
    const bytes = edit(name, Buffer.from(file.subarray(start + from, start + to)))
    if (bytes === undefined) continue
    entries[name] = { dtype: entry.dtype, shape: entry.shape, data_offsets: [end, end + bytes.length] }
    parts.push(bytes)
    end += bytes.length
  }
  const text = Buffer.from(JSON.stringify(entries))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(path, Buffer.concat([size, text, ...parts]))
}

/** Leaves out the tensors whose names match. */
export const dropTensors = (path: string, names: RegExp): void =>
  rewriteTensors(path, (name, bytes) => (names.test(name) ? undefined : bytes))

/** Adds `delta` to element `index` of an f32 tensor. */
export const plant = (path: string, tensor: string, index: number, delta: number): void =>
  rewriteTensors(path, (name, bytes) => {
    if (name === tensor) bytes.writeFloatLE(bytes.readFloatLE(4 * index) + delta, 4 * index)
    return bytes
  })

/** Replaces one key at the top of a JSON file. */
export const setJson = (path: string, key: string, value: unknown): void => {
  const json: unknown = JSON.parse(readFileSync(path, "utf8"))
  writeFileSync(path, JSON.stringify({ ...Object(json), [key]: value }))
}
