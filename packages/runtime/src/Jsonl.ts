/** JSONL files, read with line numbers. Whatever stands in them is somebody else's text: bounded, and quoted when refused. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { Errors, type Line } from "hmx"
import { reasonOf } from "./Storage.ts"

/** Longest line, in bytes; longer ones are refused. */
export const maxLineBytes = 1 << 20
/** Largest file, in bytes. */
export const maxFileBytes = 1 << 29

/** Text from outside as it may stand in a message: one line, no control characters, at most `length` characters. */
export const quote = (text: string, length = 60): string => {
  const shown = JSON.stringify(text.slice(0, length + 1)).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
  return text.length > length ? `${shown.slice(0, -1)}…"` : shown
}

/** Parses the bytes of a JSONL file; empty lines are passed over. `name` is how messages call the file. */
export const parse = (bytes: Uint8Array, name: string): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  const decoder = new TextDecoder("utf-8", { fatal: true })
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline
    const where = `${name}:${line}`
    if (end - start > maxLineBytes) {
      throw new Errors.BadInput({
        where,
        found: `a line of ${end - start} bytes`,
        expected: `at most ${maxLineBytes} bytes`,
      })
    }
    const text = decode(decoder, bytes.subarray(start, end), where).trim()
    if (text !== "") lines.push({ line, value: value(text, where) })
    start = end + 1
  }
  return lines
}

const decode = (decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, where: string): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new Errors.BadInput({ where, found: "bytes that are not UTF-8", expected: "UTF-8 text" })
  }
}

const value = (text: string, where: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw new Errors.BadInput({ where, found: quote(text), expected: "one JSON value on the line" })
  }
}

const readBytes = Effect.fnUntraced(function* (path: string, name: string, what: string) {
  const fs = yield* FileSystem.FileSystem
  const fails = (expected: string) => (found: string) => new Errors.BadInput({ where: name, found, expected })
  const info = yield* fs.stat(path).pipe(Effect.mapError((e) => fails(what)(reasonOf(e))))
  if (info.type === "Directory") return yield* fails(what)("a folder")
  if (Number(info.size) > maxFileBytes) return yield* fails(`at most ${maxFileBytes} bytes`)(`${info.size} bytes`)
  return yield* fs.readFile(path).pipe(Effect.mapError((e) => fails(what)(reasonOf(e))))
})

/** Reads a JSONL file; `name` is how messages call it. */
export const read = Effect.fnUntraced(function* (path: string, name: string) {
  const bytes = yield* readBytes(path, name, "a JSONL file")
  return yield* Effect.try({ try: () => parse(bytes, name), catch: asBadInput })
})

/** Reads a text file of UTF-8; `name` is how messages call it. */
export const readText = Effect.fnUntraced(function* (path: string, name: string) {
  const bytes = yield* readBytes(path, name, "a text file")
  return yield* Effect.try({
    try: () => decode(new TextDecoder("utf-8", { fatal: true }), bytes, name),
    catch: asBadInput,
  })
})

/** `parse` throws nothing else. */
export const asBadInput = (error: unknown): Errors.BadInput => {
  if (error instanceof Errors.BadInput) return error
  throw error
}
