/** Which folder on this machine holds the checkpoint that a model names. */
import type { Locate } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors, type Model } from "hmx"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

/** A model's folder, and what messages call the model. */
export interface Found {
  readonly name: string
  readonly folder: string
}

/** Where Hugging Face's tools keep what they download (huggingface_hub's HF_HUB_CACHE and HF_HOME). */
const hubCache = (env: NodeJS.ProcessEnv): string =>
  env["HF_HUB_CACHE"] ?? join(env["HF_HOME"] ?? join(homedir(), ".cache", "huggingface"), "hub")

/** Repositories in the cache, as `owner/name`. */
const cached = (hub: string): ReadonlyArray<string> =>
  existsSync(hub)
    ? readdirSync(hub).flatMap((name) =>
        name.startsWith("models--") ? [name.slice("models--".length).replace("--", "/")] : [],
      )
    : []

/** Finds the checkpoint's folder; `nano` is that of the shipped model. */
export const checkpointFolder = (
  model: Model.Model,
  locate: Locate,
  nano: string,
  env: NodeJS.ProcessEnv = process.env,
): Effect.Effect<Found, Errors.BadInput> => {
  switch (model.kind) {
    case "nano":
      return Effect.succeed({ name: "nano", folder: nano })
    case "folder":
      return folderOf(locate(model.path), env)
    default:
      return hub(model, env)
  }
}

const folderOf = (
  { name, path }: { readonly name: string; readonly path: string },
  env: NodeJS.ProcessEnv,
): Effect.Effect<Found, Errors.BadInput> => {
  if (existsSync(join(path, "config.json"))) return Effect.succeed({ name, folder: path })
  const info = statSync(path, { throwIfNoEntry: false })
  const found = info === undefined ? "nothing of that name" : info.isDirectory() ? "no config.json in it" : "a file"
  const known = ["nano", "a checkpoint folder", ...cached(hubCache(env)).map((repo) => `Model.hf("${repo}")`)]
  return Effect.fail(new Errors.BadInput({ where: `model ${name}`, found, expected: known.join(", ") }))
}

const hub = (
  { repo, revision }: { readonly repo: string; readonly revision: string },
  env: NodeJS.ProcessEnv,
): Effect.Effect<Found, Errors.BadInput> => {
  const cache = hubCache(env)
  const base = join(cache, `models--${repo.replace("/", "--")}`)
  const ref = join(base, "refs", revision)
  // A revision is a branch or tag, of which `refs` knows the commit, or a commit itself.
  const commit = existsSync(ref) ? readFileSync(ref, "utf8").trim() : revision
  const folder = join(base, "snapshots", commit)
  if (existsSync(join(folder, "config.json"))) return Effect.succeed({ name: `${repo}@${revision}`, folder })
  return Effect.fail(
    new Errors.BadInput({
      where: `model ${repo}@${revision}`,
      found: `no snapshot of it in ${cache}`,
      expected: `a downloaded one: run \`hf download ${repo} --revision ${revision}\`, or set HF_HOME to where it is`,
    }),
  )
}
