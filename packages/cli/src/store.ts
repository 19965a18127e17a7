/** `hmx store ls`, `gc` and `verify`: what finished pieces there are, which of them nobody uses, and whether all are whole. */
import { escape, format, Table } from "@hmx/report"
import { Store } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { Found } from "./Found.ts"
import { shown } from "./paths.ts"
import { storeFolder } from "./storeFolder.ts"

interface Named {
  readonly store?: string | undefined
}

/** The store, and how messages call it; undefined where there is none yet. */
const opened = Effect.fnUntraced(function* ({ store }: Named) {
  const folder = storeFolder(store)
  if (folder === undefined) {
    const expected = "the folder of a store"
    return yield* new Errors.BadInput({ where: "--store", found: "none", expected })
  }
  const found = yield* Store.find(folder)
  // A store that nobody has made yet is empty; one that was named is not there.
  if (found === undefined && store !== undefined) {
    const expected = "the folder of a store (a run makes it)"
    return yield* new Errors.BadInput({ where: escape(folder), found: "no store", expected })
  }
  return { folder, store: found }
})
const say = (...lines: ReadonlyArray<string>): void => void process.stdout.write(`${lines.join("\n")}\n`)
const nothing = (folder: string): void => say(`${escape(folder)}: no store`)

const columns: ReadonlyArray<Table.Column> = [
  { title: "of", align: "left" },
  { title: "pieces", align: "right" },
  { title: "size", align: "right" },
]

export const ls = Effect.fnUntraced(function* (options: Named) {
  const { folder, store } = yield* opened(options)
  if (store === undefined) return nothing(folder)
  const { runs, sizes } = yield* Store.ls(store)
  const total = sizes.reduce((bytes, size) => bytes + size.bytes, 0)
  const rows = sizes.map(({ bytes, of, pieces }) => [escape(of, 60), String(pieces), format.bytes(bytes)])
  return say(
    `${escape(folder)}: ${format.bytes(total)}, used by ${count(runs.length, "run")}`,
    ...(rows.length === 0 ? [] : ["", Table.render(columns, rows)]),
  )
})

export const gc = Effect.fnUntraced(function* (options: Named & { readonly dryRun: boolean }) {
  const { folder, store } = yield* opened(options)
  if (store === undefined) return nothing(folder)
  const { kept, lost, removed, runs } = yield* Store.gc(store, options)
  const { adapters, bytes, pieces, temporary } = removed
  return say(
    `${escape(folder)}: ${count(runs, "run")} and the last hour keep ${count(kept, "piece")}`,
    ...(lost === 0 ? [] : [`${count(lost, "run")} that used it ${lost === 1 ? "is" : "are"} gone`]),
    `${options.dryRun ? "would remove" : "removed"} ${count(pieces, "piece")}, ${count(adapters, "folder")} of adapters and records, and ${count(temporary, "half-written file")}: ${format.bytes(bytes)}`,
  )
})

export const verify = Effect.fnUntraced(function* (options: Named & { readonly remove: boolean }) {
  const { folder, store } = yield* opened(options)
  if (store === undefined) return nothing(folder)
  const { checked, damaged } = yield* Store.verify(store, options)
  say(
    ...damaged.map((path) => `${options.remove ? "removed" : "damaged"}: ${escape(shown(path))}`),
    `${escape(folder)}: ${count(checked, "piece")}, ${damaged.length === 0 ? "all whole" : `${damaged.length} damaged`}`,
  )
  if (damaged.length > 0 && !options.remove) return yield* new Found()
  return undefined
})

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`
