/** Commands that want one run refuse the folder of several arms, and say where each arm lies. */
import { escape } from "@hmx/report"
import { ArmsFolder } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { resolve } from "node:path"
import { shown } from "./paths.ts"

/** Arms that are named in a sentence. */
const named = 12

/** Fails where the folder is that of a contrast or a sweep; `where` is what the command line calls it. */
export const oneRun = Effect.fnUntraced(function* (run: string, where?: string) {
  const folder = shown(resolve(run))
  yield* ArmsFolder.notLost(folder)
  if (!(yield* ArmsFolder.is(folder))) return
  const { arms, kind } = yield* ArmsFolder.readRecord(folder)
  const names = arms.map(({ name }) => name)
  const folders = names.slice(0, named).map((_, i) => escape(ArmsFolder.armFolder(folder, names, i), 200))
  const more = names.length > named ? `, or another of ${names.length}` : ""
  yield* new Errors.BadInput({
    where: where ?? folder,
    found: `a ${kind} of ${names.length} arms`,
    expected: `one of its arms: ${folders.join(", ")}${more}`,
  })
})
