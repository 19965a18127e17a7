/** A run's way to the store: each piece of its work is looked up before it is done, and kept when it is. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { Artefact, Data, type Errors, LanguageModel, RemoteJudge, type Stage } from "hmx"
import * as Behind from "../Behind.ts"
import type { Cursor } from "../Cursor.ts"
import type { Locate } from "../dataService.ts"
import { digest } from "../digest.ts"
import type { Questions } from "../Questions.ts"
import { appendTo, failing } from "../Storage.ts"
import { seenStill, watched } from "./Data.ts"
import type { Entry } from "./Entry.ts"
import * as Key from "./Key.ts"
import { once } from "./once.ts"
import * as Payload from "./Payload.ts"
import * as Roots from "./Roots.ts"
import * as Store from "./Store.ts"
import * as Used from "./Used.ts"

/** A piece of work: a stage on what it is given, at a place of the run. */
export interface Piece {
  readonly stage: Stage.Any
  readonly place: Key.Place
  /** The prompt's index of a group's piece; null of a step's. */
  readonly prompt: number | null
  /** Artefacts by tag; of a group's artefact a step stage gets one a group. */
  readonly input: { readonly [tag: string]: unknown }
  /** Folder into which the stage writes what belongs to its artefact: it is kept with it and found with it. */
  readonly beside?: string
}

/** How much of a run's work was there already. */
export interface Counts {
  readonly found: number
  readonly made: number
}

/** What work is done in that may have to wait, for the model or for another who makes the same. */
export type Round<E2, R2> = <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R | R2>

/** Puts a stored adapter with its optimiser in the place of training; false where that did not work. */
export type LoadState<R> = (folder: string, policy: Artefact.PolicyRef) => Effect.Effect<boolean, never, R>

export interface Pieces {
  /** The stored output of a piece, else what `make` makes, which is then kept. */
  readonly through: <E, R, L = never, E2 = never, R2 = never>(
    piece: Piece,
    make: Effect.Effect<Artefact.Any, E, R>,
    load?: LoadState<L>,
    round?: Round<E2, R2>,
  ) => Effect.Effect<Artefact.Any, E | E2 | Errors.StorageFailed, R | L | R2>
  /** What a stage has made, by its key; undefined where the store has it no more. */
  readonly stored: (stage: Stage.Any, key: string) => Effect.Effect<Artefact.Any | undefined, Errors.StorageFailed>
  /** Notes which adapter a stage has prepared. */
  readonly prepared: (stage: Stage.Any, adapter: string) => Effect.Effect<void, Errors.StorageFailed>
  /** Keeps what the cursor's update has made, of this moment, from the checkpoint in which it will be saved. */
  readonly saved: (cursor: Cursor) => (checkpoint: string) => Effect.Effect<void, Errors.StorageFailed>
  /** Done when all that was kept so far is in the store and noted; fails as the first write did that failed. */
  readonly settled: Effect.Effect<void, Errors.StorageFailed>
  /** Keeps that the update which was last begun leaves the policy as it was, and why. */
  readonly skipped: (
    policy: Artefact.PolicyRef,
    why: { readonly error: string; readonly reason: string },
  ) => Effect.Effect<void>
  /** The key of an update, by the policy that it made. */
  readonly keyOf: (policy: Artefact.Policy) => string | undefined
  readonly counts: () => Counts
}

/** Nothing is looked up and nothing is kept. */
export const none: Pieces = {
  through: (_, make, __, round) => (round === undefined ? make : round(make)),
  stored: () => Effect.succeed(undefined),
  prepared: () => Effect.void,
  saved: () => () => Effect.void,
  settled: Effect.void,
  skipped: () => Effect.void,
  keyOf: () => undefined,
  counts: () => ({ found: 0, made: 0 }),
}

/** Where a run stands, as its keys read it. A cursor that does not say whose optimiser it has is its own. */
export const placeOf = ({ optimiser, policy }: Cursor, step: number): Key.Place => ({
  step,
  policy,
  optimiser: optimiser ?? (policy.step === 0 ? "" : `after ${policy.adapter}`),
})

export interface PiecesOptions {
  /** The store's folder. */
  readonly store: string
  /** The run's folder. */
  readonly run: string
  /** Where the pieces are named that are used. Default: the run's own list. */
  readonly journal?: string | undefined
  readonly questions: Questions
  readonly locate: Locate
  readonly seed: number
  readonly steps: number
  /** Whether adapters are kept: not by a run that keeps its last checkpoints alone, to save room. Default true. */
  readonly adapters?: boolean
  /** Told of what a person should know. */
  readonly note: (step: number, text: string) => Effect.Effect<void>
}

/** Opens the store for a run, which from then on is one of those for which it keeps what they use. */
export const open = Effect.fnUntraced(function* (options: PiecesOptions) {
  const { locate, note, run } = options
  const fs = yield* FileSystem.FileSystem
  const { info } = yield* LanguageModel
  const judge = Option.getOrNull(yield* Effect.serviceOption(RemoteJudge))
  const store = yield* Store.open(options.store)
  yield* Roots.add(options.store, run)
  const append = yield* appendTo(options.journal ?? Used.path(run))
  const setting: Key.Setting = {
    model: info.digest,
    engine: info.engine,
    seed: options.seed,
    steps: options.steps,
    heldOut: digest(JSON.stringify(options.questions.heldOut)),
    judge: judge === null ? null : judge.identity,
  }
  const behind = Behind.make<Errors.StorageFailed>("side by side")
  // However the run ends, what is finished is kept.
  yield* Effect.addFinalizer(() => Effect.ignore(behind.settled))
  /** Of what was made or found by this process. */
  const digests = new WeakMap<object, string>()
  const updates = new WeakMap<object, string>()
  const used = new Set<string>()
  /** Lines that wait for the one who is writing: groups that finish together are written together. */
  let lines: Array<Used.Use> = []
  let writing = false
  let counts: Counts = { found: 0, made: 0 }
  /** The last update, until it is in a checkpoint. */
  let waiting: { readonly piece: Piece; readonly entry: Entry; readonly made: Artefact.Policy } | undefined
  let begun: { readonly piece: Piece; readonly parts: Key.Parts } | undefined

  const digestOf = (artefact: unknown): string | undefined => {
    if (typeof artefact !== "object" || artefact === null) return undefined
    const known = digests.get(artefact)
    if (known !== undefined) return known
    const of = artefact instanceof Artefact.Prompt ? Artefact.Prompt : Artefact.Policy
    if (!(artefact instanceof of)) return undefined
    const found = Payload.digestOf(of, artefact)
    digests.set(artefact, found)
    return found
  }

  /** The fields of a piece's key; undefined where something that it is given has no digest. */
  const partsOf = ({ input, place, stage }: Piece): Key.Parts | undefined => {
    const inputs: Record<string, string | ReadonlyArray<string>> = {}
    for (const [tag, given] of Object.entries(input)) {
      const of = Array.isArray(given) ? given.map(digestOf) : digestOf(given)
      if (of === undefined) return undefined
      if (typeof of === "string") inputs[tag] = of
      else {
        const known = of.filter((d) => d !== undefined)
        if (known.length < of.length) return undefined
        inputs[tag] = known
      }
    }
    return Key.parts(stage, setting, place, inputs)
  }

  const use = ({ place, prompt, stage }: Piece, key: string): Effect.Effect<void, Errors.StorageFailed> =>
    Effect.suspend(() => {
      const line: Used.Use = { step: place.step, stage: stage.name, prompt, key }
      const text = JSON.stringify(line)
      if (used.has(text)) return Effect.void
      used.add(text)
      lines.push(line)
      return writing ? Effect.void : flush
    })
  const flush: Effect.Effect<void, Errors.StorageFailed> = Effect.suspend(() => {
    if (lines.length === 0) return Effect.void
    const now = lines
    lines = []
    writing = true
    const done = Effect.sync(() => {
      writing = false
    })
    return Effect.andThen(Effect.ensuring(append(now), done), flush)
  })

  /** The stored output, its adapter loaded where it is an update; undefined where it must be made. */
  const find = Effect.fnUntraced(function* <L>(piece: Piece, key: string, load: LoadState<L> | undefined) {
    const entry = yield* store.read(key)
    if (entry === "missing") return undefined
    const again = (what: string) =>
      Effect.as(note(piece.place.step, `a stored piece of ${piece.stage.name} ${what}, and is made again`), undefined)
    if (entry === "damaged") return yield* again("was damaged")
    if (!(yield* Effect.provideService(seenStill(entry.seen, locate), FileSystem.FileSystem, fs))) return undefined
    const made = Payload.read(piece.stage.makes, entry.payload)
    if (made === undefined) return yield* again("could not be read")
    const left = made instanceof Artefact.Policy && made.skipped !== undefined
    if (load !== undefined && !left) {
      const folder = entry.state === undefined ? undefined : yield* store.state(entry.state)
      if (folder === undefined || !(made instanceof Artefact.Policy)) return yield* again("had lost its adapter")
      if (!(yield* load(folder, made.ref))) return yield* again("could not be loaded")
      updates.set(made, key)
    }
    const { beside } = piece
    if (beside !== undefined && entry.state !== undefined && !(yield* store.put(entry.state, beside)))
      return yield* again("had lost its records")
    digests.set(made, entry.digest)
    return made
  })

  const keep = Effect.fnUntraced(function* (
    piece: Piece,
    entry: Entry,
    key: string,
    made: Artefact.Any,
    update: boolean,
  ) {
    digests.set(made, entry.digest)
    if (!update) {
      const { beside } = piece
      const has = beside !== undefined && (yield* failing("read", beside)(fs.exists(beside)))
      const whole = has ? { ...entry, state: yield* store.keep(beside) } : entry
      // The next stage does not wait for the disk.
      yield* behind.put(Effect.andThen(store.write(whole), use(piece, key)))
    } else if (made instanceof Artefact.Policy) {
      updates.set(made, key)
      if (options.adapters !== false) waiting = { piece, entry, made }
    }
  })

  const through: Pieces["through"] = <E, R, L, E2, R2>(
    piece: Piece,
    make: Effect.Effect<Artefact.Any, E, R>,
    load?: LoadState<L>,
    round: Round<E2, R2> = (work) => work,
  ): Effect.Effect<Artefact.Any, E | E2 | Errors.StorageFailed, R | L | R2> =>
    Effect.gen(function* () {
      if (load !== undefined) waiting = undefined
      const parts = partsOf(piece)
      if (load !== undefined) begun = parts === undefined ? undefined : { piece, parts }
      if (parts === undefined) return yield* round(make)
      const key = Key.keyOf(parts)
      if (piece.stage.kept === false) {
        const made = yield* round(make)
        // A function of what it is given: the key says as much as the content.
        digests.set(made, key)
        return made
      }
      const there = Effect.tap(find(piece, key, load), (found) => {
        if (found === undefined) return Effect.void
        counts = { ...counts, found: counts.found + 1 }
        return use(piece, key)
      })
      const found = yield* there
      if (found !== undefined) return found
      const made = Effect.gen(function* () {
        const files = yield* watching(piece.stage)
        const now = yield* files.watch(make)
        counts = { ...counts, made: counts.made + 1 }
        const payload = Payload.print(piece.stage.makes, now)
        if (payload === undefined) return now
        const seen = files.seen()
        const entry = { parts, digest: Key.hash(payload), payload, ...(seen.length === 0 ? {} : { seen }) }
        yield* keep(piece, entry, key, now, load !== undefined)
        return now
      })
      // An update is in the store when its checkpoint is: nobody waits so long.
      if (load !== undefined) return yield* round(made)
      return yield* round(once(`${store.folder}\n${key}`, made, there, Effect.ignore(behind.written)))
    })

  /** Sees which files a stage reads, where it may read any. */
  const watching = Effect.fnUntraced(function* (stage: Stage.Any) {
    const data = yield* Effect.serviceOption(Data)
    if (Option.isNone(data) || !Key.reads(stage).has("data")) {
      return { watch: <A, E, R>(make: Effect.Effect<A, E, R>) => make, seen: () => [] }
    }
    const seeing = yield* Effect.provideService(watched(data.value, locate), FileSystem.FileSystem, fs)
    return {
      watch: <A, E, R>(make: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        Effect.provideService(make, Data, seeing.data),
      seen: seeing.seen,
    }
  })

  const pieces: Pieces = {
    through,
    stored: (stage, key) =>
      Effect.map(store.read(key), (entry) => {
        const made = typeof entry === "string" ? undefined : Payload.read(stage.makes, entry.payload)
        if (made !== undefined && typeof entry !== "string") digests.set(made, entry.digest)
        return made
      }),
    prepared: (stage, adapter) =>
      Effect.gen(function* () {
        const parts = Key.prepared(stage, setting)
        const key = Key.keyOf(parts)
        const payload = JSON.stringify(adapter)
        const found = yield* store.read(key)
        if (typeof found === "string" || found.payload !== payload)
          yield* store.write({ parts, digest: Key.hash(payload), payload })
        yield* append([{ step: 0, stage: parts.stage, prompt: null, key } satisfies Used.Use])
      }),
    saved: (cursor) => {
      const update = waiting
      waiting = undefined
      // A step that was skipped after its update has the old adapter in its checkpoint.
      if (update === undefined || update.made.ref.adapter !== cursor.policy.adapter) return () => Effect.void
      return (checkpoint) =>
        Effect.gen(function* () {
          yield* store.write({ ...update.entry, state: yield* store.keep(checkpoint) })
          yield* use(update.piece, Key.keyOf(update.entry.parts))
        })
    },
    settled: behind.settled,
    skipped: (policy, why) =>
      Effect.suspend(() => {
        if (begun === undefined) return Effect.void
        const { parts, piece } = begun
        const made = new Artefact.Policy({ ref: policy, updated: false, metrics: {}, skipped: why })
        const payload = Payload.print(Artefact.Policy, made)
        if (payload === undefined) return Effect.void
        const write = store.write({ parts, digest: Key.hash(payload), payload })
        return behind.put(Effect.andThen(write, use(piece, Key.keyOf(parts))))
      }),
    keyOf: (policy) => updates.get(policy),
    counts: () => counts,
  }
  return pieces
})
