/** `hmx data verify`: the files that were added against the digests that were recorded, and a folder's against published ones. */
import { benchmarks, needsOf, sha256 } from "@hmx/evals"
import { escape } from "@hmx/report"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { Found } from "../Found.ts"
import { shown } from "../paths.ts"
import { finder, places } from "./places.ts"
import * as Registry from "./Registry.ts"

export interface Options {
  readonly data?: string | undefined
}

export const verify = Effect.fnUntraced(function* (options: Options) {
  const lines = options.data === undefined ? yield* recorded : published(options.data)
  process.stdout.write(lines.length === 0 ? "no files with a digest\n" : lines.map(({ text }) => `${text}\n`).join(""))
  if (lines.some(({ broken }) => broken)) yield* new Found()
})

const digestOf = (path: string): string => sha256(readFileSync(path))

const recorded = Effect.map(Registry.read, (entries) =>
  entries.map((entry) => {
    const path = Registry.fileOf(entry)
    const state = !existsSync(path) ? "missing" : digestOf(path) === entry.sha256 ? "as recorded" : "changed"
    const mark = state === "as recorded" ? "✓" : "✗"
    return { broken: mark === "✗", text: `${mark} ${escape(shown(path))}: ${state}, ${escape(entry.licence, 60)}` }
  }),
)

/** Files of a folder whose published digest is known. Another version is told, and is no mistake. */
const published = (data: string) => {
  const find = finder(places(data))
  const seen = new Set<string>()
  return benchmarks.flatMap(({ name }) => {
    const needs = needsOf(name)
    const files = needs === undefined ? undefined : find(name, needs)
    return (files?.data ?? []).flatMap(({ path }) => {
      const digest = needs?.dataset.digests[basename(path)]
      if (digest === undefined || seen.has(path)) return []
      seen.add(path)
      const same = digestOf(path) === digest
      return [
        {
          broken: false,
          text: `${same ? "✓" : "·"} ${escape(shown(path))}: ${same ? "as published" : "another version"}`,
        },
      ]
    })
  })
}
