/**
 * A model of the hub into the standard cache: the files that loading wants, and no others. The hub's lists come by @huggingface/hub;
 * its requests, and those of the files, are `ask`'s.
 */
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { randomBytes } from "node:crypto"
import { copyFileSync, existsSync, readlinkSync, statfsSync, symlinkSync } from "node:fs"
import * as path from "node:path"
import { attempt, bad, Files, isObject, makeFolders, quote, writeAtomically } from "../io/Files.ts"
import { ask, eachPiece, persist } from "./ask.ts"
import type { Final } from "./ask.ts"
import type { HubFile } from "./blob.ts"
import { fetchBlob } from "./blob.ts"
import type { HubModel, Snapshot } from "./hubCacheFolder.ts"
import { folderOf, nameOf, shardsOf, snapshotOf } from "./hubCacheFolder.ts"
import type { HubSettings } from "./HubSettings.ts"

/** How far a download is, in bytes of all its files. */
export interface DownloadProgress {
  readonly done: number
  readonly total: number
}

export interface DownloadOptions {
  /** `description` is configuration, tokenizer and template; `all` has the weights too. */
  readonly what: "description" | "all"
  readonly onProgress?: (progress: DownloadProgress) => void
}

/** What describes a model: configuration, tokenizer, template and licence. */
const describes = (name: string): boolean =>
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|model\.safetensors\.index)\.json$/.test(
    name,
  ) || /^(chat_template\.jinja|README\.md|licen[cs]e[\w.-]*)$/i.test(name)

const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text)

/** Most bytes of one of the hub's lists, and most entries. */
const mostListed = 20_000_000
const mostFiles = 10_000
/** Files that come at the same time. */
const together = 4

const whole = Effect.fnUntraced(function* (settings: HubSettings, model: HubModel, url: string) {
  const response = yield* ask(settings, model, url, { accept: "application/json" })
  const pieces: Array<Uint8Array> = []
  let length = 0
  yield* eachPiece(settings, response, (bytes) => {
    pieces.push(bytes)
    length += bytes.length
    const reason = `a list of more than ${mostListed} bytes`
    return length > mostListed ? Effect.fail(new Errors.RemoteUnavailable({ url, reason })) : Effect.void
  })
  return new Response(Buffer.concat(pieces), { headers: response.headers })
})

/**
 * Runs one of the library's calls with a `fetch` of ours: whole answers alone, and the library does not know the token. What is not
 * in the hub's form is the hub's fault, in a sentence.
 */
const called = Effect.fnUntraced(function* <A>(
  settings: HubSettings,
  model: HubModel,
  call: (hub: typeof import("@huggingface/hub"), fetching: typeof fetch) => Promise<A>,
) {
  const hub = yield* Effect.promise(() => import("@huggingface/hub"))
  const run = Effect.runPromiseWith(yield* Effect.context())
  return yield* Effect.tryPromise({
    try: (signal) =>
      call(hub, (input) => {
        const url = input instanceof Request ? input.url : String(input)
        return run(persist(settings, url, Effect.scoped(whole(settings, model, url))), { signal })
      }),
    catch: (error): Final =>
      error instanceof Errors.BadInput || error instanceof Errors.RemoteUnavailable
        ? error
        : new Errors.RemoteUnavailable({ url: settings.endpoint, reason: "a list that is not in the hub's form" }),
  })
})

/** The commit that a branch or a tag stands for. */
const commitOf = Effect.fnUntraced(function* (settings: HubSettings, model: HubModel) {
  if (isCommit(model.revision)) return model.revision
  const { repo: name, revision } = model
  const info = yield* called(settings, model, (hub, fetching) =>
    hub.modelInfo({ name, revision, additionalFields: ["sha"], hubUrl: settings.endpoint, fetch: fetching }),
  )
  if (typeof info.sha === "string" && isCommit(info.sha)) return info.sha
  return yield* Effect.fail(
    new Errors.RemoteUnavailable({ url: settings.endpoint, reason: `no commit for ${nameOf(model)}` }),
  )
})

/** The files at the repository's top. */
const filesOf = Effect.fnUntraced(function* (settings: HubSettings, model: HubModel, commit: string) {
  const listed = yield* called(settings, model, async (hub, fetching) => {
    const found: Array<unknown> = []
    const { repo } = model
    for await (const entry of hub.listFiles({ repo, revision: commit, hubUrl: settings.endpoint, fetch: fetching })) {
      found.push(entry)
      if (found.length > mostFiles) throw new Error("a list without an end")
    }
    return found
  })
  const files = new Map<string, HubFile>()
  for (const entry of listed) {
    const file = fileOf(entry)
    if (file !== undefined) files.set(file.path, file)
  }
  return files
})

/** An entry of the list, where it is a file whose name, size and digest can be what they say. */
const fileOf = (entry: unknown): HubFile | undefined => {
  if (!isObject(entry) || entry["type"] !== "file") return undefined
  const { lfs, oid, path: name } = entry
  const [etag, size] = isObject(lfs) ? [lfs["oid"], lfs["size"]] : [oid, entry["size"]]
  const isName = typeof name === "string" && /^[\w-][\w.-]*$/.test(name)
  if (!isName || typeof etag !== "string" || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)) return undefined
  return typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? { path: name, size, etag } : undefined
}

/** The files of weights that are taken: safetensors before GGUF, of which there can be one. */
const weightsOf = (
  model: HubModel,
  snapshot: string,
  files: ReadonlyMap<string, HubFile>,
): Effect.Effect<ReadonlyArray<HubFile>, Errors.BadInput> =>
  Effect.suspend(() => {
    const where = `model ${nameOf(model)}`
    const single = files.get("model.safetensors")
    if (single !== undefined) return Effect.succeed([single])
    const index = "model.safetensors.index.json"
    if (files.has(index)) {
      const names = shardsOf(path.join(snapshot, index))
      if (names === undefined) return Effect.fail(bad(`${where}, ${index}`, "no names of shards", "a weight_map"))
      const missing = names.find((name) => !files.has(name))
      return missing === undefined
        ? Effect.succeed(names.flatMap((name) => files.get(name) ?? []))
        : Effect.fail(bad(`${where}, ${index}`, `the shard ${quote(missing)}`, "a file of the repository"))
    }
    const ggufs = [...files.values()].filter((file) => file.path.endsWith(".gguf"))
    const [gguf, another] = ggufs
    if (gguf !== undefined && another === undefined) return Effect.succeed([gguf])
    const others = [...files.keys()].filter((name) => /\.(bin|pt|pth|gguf|h5|msgpack|onnx)$/.test(name)).slice(0, 5)
    const found = others.length === 0 ? "no weights" : others.map(quote).join(", ")
    return Effect.fail(bad(where, found, "model.safetensors, its shards with their index, or one GGUF file"))
  })

/** Gives a blob its name in the snapshot: a link, or a copy where the file system has none. */
const link = Effect.fnUntraced(function* (base: string, snapshot: string, file: HubFile) {
  const files = yield* Files
  const name = path.join(snapshot, file.path)
  const target = path.join("..", "..", "blobs", file.etag)
  yield* attempt(name, "write", () => {
    makeFolders(files, snapshot)
    if (linkTo(name) === target && files.existsSync(name)) return
    const temporary = path.join(snapshot, `.${file.path}.${randomBytes(6).toString("hex")}.tmp`)
    try {
      symlinkSync(target, temporary)
    } catch {
      copyFileSync(path.join(base, "blobs", file.etag), temporary)
    }
    files.renameSync(temporary, name)
  })
})

const linkTo = (name: string): string | undefined => {
  try {
    return readlinkSync(name)
  } catch {
    return undefined
  }
}

/** Free bytes of a folder's disk; undefined where that cannot be told. */
const freeBytes = (folder: string): number | undefined => {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}

/**
 * Downloads a model into the cache and returns its snapshot. What is there is not asked for again, what an earlier download left
 * unfinished goes on, and each file's length and digest are checked before the cache has it under its name. Several processes may
 * download the same.
 */
export const download = Effect.fnUntraced(function* (settings: HubSettings, model: HubModel, options: DownloadOptions) {
  const base = folderOf(settings.cache, model.repo)
  const known = yield* snapshotOf(settings.cache, model)
  const commit = known?.commit ?? (yield* commitOf(settings, model))
  const snapshot = path.join(base, "snapshots", commit)
  const files = yield* filesOf(settings, model, commit)
  const progress = { done: 0, total: 0 }
  const get = Effect.fnUntraced(function* (list: ReadonlyArray<HubFile>) {
    const missing = list.filter(({ etag }) => !existsSync(path.join(base, "blobs", etag)))
    const need = missing.reduce((sum, { size }) => sum + size, 0)
    yield* attempt(base, "write", () => roomFor(settings.cache, need))
    progress.total += list.reduce((sum, { size }) => sum + size, 0)
    yield* Effect.forEach(
      list,
      Effect.fnUntraced(function* (file: HubFile) {
        const url = `${settings.endpoint}/${model.repo}/resolve/${commit}/${file.path}`
        yield* fetchBlob(settings, model, url, path.join(base, "blobs"), file, (more) => {
          progress.done += more
          options.onProgress?.({ ...progress })
        })
        yield* link(base, snapshot, file)
      }),
      { concurrency: together, discard: true },
    )
  })
  yield* get([...files.values()].filter((file) => describes(file.path)))
  if (options.what === "all") yield* get(yield* weightsOf(model, snapshot, files))
  if (commit !== model.revision) {
    const ref = path.join(base, "refs", model.revision)
    yield* writeAtomically([{ file: ref, chunks: [Buffer.from(commit)] }])
  }
  const found: Snapshot = { folder: snapshot, commit, complete: options.what === "all" }
  return found
})

/** Refuses what the disk has no room for, before the first byte. */
const roomFor = (cache: string, need: number): void => {
  let folder = cache
  while (!existsSync(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder)
  const free = freeBytes(folder)
  if (free !== undefined && free < need) throw new Error(`${need} bytes are wanted and ${free} are free`)
}
