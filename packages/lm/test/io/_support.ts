import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { loadWeights, openCheckpoint } from "../../src/io/checkpoint.ts"

const root = fileURLToPath(new URL("../../../../", import.meta.url))

/** Golden values that are in the repository. */
export const committed = join(root, "test/fixtures/parity")

/** The larger set beside the repository, where it is there. */
export const large = join(root, "../shared/fixtures")
export const hasLarge = existsSync(large)
export const largeTemplates = join(root, "../shared/evaldata/chat_templates")

/** A folder of this test file's own; removed at its end. */
export const scratch = mkdtempSync(join(tmpdir(), "hmx-io-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let count = 0
/** A path that no other test uses. */
export const fresh = (name: string): string => join(scratch, `${count++}-${name}`)

export const filesIn = (folder: string): ReadonlyArray<string> =>
  existsSync(folder) ? readdirSync(folder).toSorted() : []

/** The message of the typed error; a defect or a success fails the test. */
export const failure = <A, E extends { readonly _tag: string; readonly message: string }>(
  effect: Effect.Effect<A, E>,
): { readonly tag: string; readonly message: string } => {
  const result = Effect.runSync(Effect.result(effect))
  if (Result.isSuccess(result)) throw new Error("it succeeded")
  return { tag: Reflect.get(result.failure, "_tag"), message: result.failure.message }
}

/** The committed checkpoint. */
export const golden = join(committed, "checkpoints/qwen3")

/** A copy of the golden checkpoint with other fields in config.json (undefined removes one). */
export const withConfig = (patch: { readonly [key: string]: unknown }): string => {
  const folder = fresh("checkpoint")
  cpSync(golden, folder, { recursive: true })
  const json = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"))
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...json, ...patch }))
  return folder
}

export const digestOf = (folder: string) =>
  Effect.runSync(Effect.flatMap(openCheckpoint(folder), (c) => loadWeights(c, () => undefined)))
