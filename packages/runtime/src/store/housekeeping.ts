/** What a store holds, which of it is whole, and what nobody uses any more. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { failing } from "../Storage.ts"
import type { Entry } from "./Entry.ts"
import * as Roots from "./Roots.ts"
import { isTemporary, type Store } from "./Store.ts"
import * as Used from "./Used.ts"

/** A file or a state's folder in the store. */
interface Found {
  /** A key, or a state's digest. */
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** Milliseconds since it was written; 0 where the file system does not say. */
  readonly age: number
}

/** Everything under `objects` or `states`. */
const listed = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const now = yield* Clock.currentTimeMillis
  const names = (of: string) => Effect.orElseSucceed(fs.readDirectory(of), () => [])
  const size = Effect.fnUntraced(function* (path: string) {
    // Another process may take it away meanwhile.
    const info = yield* Effect.option(fs.stat(path))
    if (Option.isNone(info)) return undefined
    const files = info.value.type === "Directory" ? yield* names(path) : []
    const sizes = yield* Effect.forEach(files, (file) =>
      Effect.orElseSucceed(
        Effect.map(fs.stat(`${path}/${file}`), (of) => Number(of.size)),
        () => 0,
      ),
    )
    const bytes = info.value.type === "Directory" ? sizes.reduce((a, b) => a + b, 0) : Number(info.value.size)
    return { bytes, age: Option.match(info.value.mtime, { onNone: () => 0, onSome: (time) => now - time.getTime() }) }
  })
  const found: Array<Found> = []
  for (const shard of (yield* names(folder)).toSorted((a, b) => (a < b ? -1 : 1))) {
    const inside = (yield* names(`${folder}/${shard}`)).toSorted((a, b) => (a < b ? -1 : 1))
    const all = yield* Effect.forEach(
      inside,
      (name) => Effect.map(size(`${folder}/${shard}/${name}`), (of) => ({ of, name })),
      { concurrency: 16 },
    )
    for (const { name, of } of all)
      if (of !== undefined) found.push({ name, path: `${folder}/${shard}/${name}`, ...of })
  }
  return found
})

interface Piece extends Found {
  readonly entry: Entry | "missing" | "damaged"
}

const contents = Effect.fnUntraced(function* (store: Store) {
  const objects = yield* listed(`${store.folder}/objects`)
  const pieces = yield* Effect.forEach(
    objects.filter(({ name }) => !isTemporary(name)),
    (of) => Effect.map(store.read(of.name), (entry): Piece => ({ ...of, entry })),
    { concurrency: 16 },
  )
  const states = yield* listed(`${store.folder}/states`)
  return {
    pieces,
    states: states.filter(({ name }) => !isTemporary(name)),
    temporary: [...objects, ...states].filter(({ name }) => isTemporary(name)),
  }
})

const sum = (of: ReadonlyArray<Found>): number => of.reduce((bytes, one) => bytes + one.bytes, 0)

/** How much of the store is whose. */
export interface Size {
  /** A stage, or "adapters, records": what updates and evaluations keep beside their outputs. */
  readonly of: string
  readonly pieces: number
  readonly bytes: number
}

/** What the store holds, the largest first, and the runs that use it. */
export const ls = Effect.fnUntraced(function* (store: Store) {
  const { pieces, states } = yield* contents(store)
  const by = new Map<string, Array<Found>>()
  for (const piece of pieces) {
    const of = typeof piece.entry === "string" ? "damaged" : `${piece.entry.parts.stage}@${piece.entry.parts.version}`
    by.set(of, [...(by.get(of) ?? []), piece])
  }
  if (states.length > 0) by.set("adapters, records", states)
  const sizes = [...by].map(([of, found]): Size => ({ of, pieces: found.length, bytes: sum(found) }))
  return {
    sizes: sizes.toSorted((a, b) => b.bytes - a.bytes),
    runs: (yield* Roots.runs(store.folder)).map((r) => r.folder),
  }
})

/** What is not whole: files by their paths. `remove`: it goes away, to be made again when it is needed. */
export const verify = Effect.fnUntraced(function* (store: Store, { remove }: { readonly remove: boolean }) {
  const fs = yield* FileSystem.FileSystem
  const { pieces, states } = yield* contents(store)
  const damaged = pieces.flatMap(({ entry, path }) => (entry === "damaged" ? [path] : []))
  for (const { name, path } of states) if (!(yield* store.whole(name))) damaged.push(path)
  if (remove)
    yield* Effect.forEach(damaged, (path) => failing("remove", path)(fs.remove(path, { recursive: true, force: true })))
  return { checked: pieces.length + states.length, damaged }
})

/** Younger pieces stay: a run may be about to name them. In milliseconds. */
const young = 3_600_000

/** Removes what no run uses and what a killed process left half-written; `dryRun`: only says what would go. */
export const gc = Effect.fnUntraced(function* (store: Store, { dryRun }: { readonly dryRun: boolean }) {
  const fs = yield* FileSystem.FileSystem
  const roots = yield* Roots.all(store.folder)
  const used = new Set<string>()
  for (const { folder, run } of roots) if (run !== undefined) for (const key of yield* Used.keys(folder)) used.add(key)
  const { pieces, states, temporary } = yield* contents(store)
  const stays = ({ age, name }: Found): boolean => used.has(name) || age < young
  const kept = pieces.filter(stays)
  const needed = new Set(kept.flatMap(({ entry }) => (typeof entry === "string" ? [] : (entry.state?.digest ?? []))))
  const gone = {
    pieces: pieces.filter((piece) => !stays(piece)),
    states: states.filter(({ age, name }) => !needed.has(name) && age >= young),
    temporary: temporary.filter(({ age }) => age >= young),
  }
  const going = [...gone.pieces, ...gone.states, ...gone.temporary]
  const lost = roots.filter(({ run }) => run === undefined)
  if (!dryRun) {
    const paths = [...going, ...lost].map(({ path }) => path)
    yield* Effect.forEach(paths, (path) => failing("remove", path)(fs.remove(path, { recursive: true, force: true })))
  }
  return {
    /** Runs that use the store, and those of them that are gone. */
    runs: roots.length - lost.length,
    lost: lost.length,
    kept: kept.length,
    removed: {
      pieces: gone.pieces.length,
      adapters: gone.states.length,
      temporary: gone.temporary.length,
      bytes: sum(going),
    },
  }
})
