/** `hmx data add TASK FILE…`: a benchmark's files, checked and copied into HMX's data folder with digest and licence. */
import { byName, type Needs, needsOf, sha256 as digest } from "@hmx/evals"
import { escape, format } from "@hmx/report"
import { dataService } from "@hmx/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { join } from "node:path"
import { locateFrom, shown } from "../paths.ts"
import * as Registry from "./Registry.ts"

export interface Options {
  readonly task: string
  readonly files: ReadonlyArray<string>
  readonly licence?: string | undefined
  readonly sha256?: string | undefined
}

/** Largest download, in bytes. */
const most = 1 << 29

export const add = Effect.fnUntraced(function* (options: Options) {
  const benchmark = yield* Effect.fromResult(byName(options.task))
  const needs = yield* broughtBy(benchmark.name)
  const { dataset } = needs
  const added = new Date(yield* Clock.currentTimeMillis).toISOString()
  const entries = yield* Effect.forEach(options.files, (from) =>
    Effect.gen(function* () {
      const { solved, wanted } = yield* meant(needs, from)
      const text = yield* textOf(from)
      const file = { name: from, text }
      // Solved examples have the format of the data.
      const items = yield* Effect.fromResult(benchmark.read(file))
      const sha256 = digest(text)
      if (options.sha256 !== undefined && options.sha256.toLowerCase() !== sha256)
        return yield* new Errors.BadInput({ where: from, found: `sha-256 ${sha256}`, expected: options.sha256 })
      return {
        entry: {
          dataset: dataset.name,
          file: wanted,
          bytes: Buffer.byteLength(text),
          sha256,
          licence: options.licence ?? dataset.licence,
          from: isAddress(from) ? from : shown(from),
          added,
          text,
        },
        items: items.length,
        solved,
      }
    }),
  )
  yield* Registry.add(entries.map(({ entry }) => entry))
  for (const { entry, items, solved } of entries) {
    const published = dataset.digests[entry.file]
    const known =
      published === undefined ? "" : published === entry.sha256 ? ", as published" : ", not the published version"
    const what = solved ? `${items} solved examples` : `${items} items`
    process.stdout.write(
      `${escape(shown(Registry.fileOf(entry)))}: ${what}, ${format.bytes(entry.bytes)}, ${escape(entry.licence)}${known}\n  sha-256 ${entry.sha256}\n`,
    )
  }
})

/** The files that a benchmark's user brings. */
const broughtBy = (benchmark: string): Effect.Effect<Needs, Errors.BadInput> => {
  const needs = needsOf(benchmark)
  const expected = "a benchmark whose data is brought by its user"
  return needs === undefined
    ? Effect.fail(new Errors.BadInput({ where: "task", found: `${benchmark}, whose data is shipped`, expected }))
    : Effect.succeed(needs)
}

const isAddress = (from: string): boolean => /^https?:\/\//.test(from)

/** Which of the benchmark's files it is: by its name, or because there is only one. */
const meant = (needs: Needs, from: string) => {
  const name =
    from
      .replace(/[?#].*$/, "")
      .split("/")
      .at(-1) ?? ""
  const data = needs.data.find((wanted) => wanted.name === name)
  if (data !== undefined) return Effect.succeed({ wanted: data.name, solved: false })
  const shots = needs.shots.find((wanted) => wanted.name === name)
  if (shots !== undefined) return Effect.succeed({ wanted: shots.name, solved: true })
  const [only, other] = needs.data
  if (only !== undefined && other === undefined) return Effect.succeed({ wanted: only.name, solved: false })
  const expected = [...needs.data, ...needs.shots].map((wanted) => wanted.name).join(", ")
  return Effect.fail(
    new Errors.BadInput({ where: from, found: `a file named ${name}`, expected: `one of ${expected}` }),
  )
}

const textOf = Effect.fnUntraced(function* (from: string) {
  if (isAddress(from)) return yield* download(from)
  const data = yield* dataService({ train: [], heldOut: [] }, locateFrom(join(process.cwd(), "data")))
  return yield* data.text(from)
})

const download = (url: string) =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(url, { signal })
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`)
      const parts: Array<Uint8Array> = []
      let size = 0
      // An answer without a body is an empty file, which the benchmark refuses.
      for await (const part of response.body ?? []) {
        size += part.length
        if (size > most) throw new Error(`more than ${format.bytes(most)}`)
        parts.push(part)
      }
      return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts))
    },
    catch: (error) =>
      new Errors.RemoteUnavailable({
        url: escape(url, 200),
        reason: escape(error instanceof Error ? error.message : String(error), 200),
      }),
  })
