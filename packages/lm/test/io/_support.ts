import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"

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
