/** The rubric, or another reward, that a word on the command line names. */
import { escape } from "@hmx/report"
import * as Effect from "effect/Effect"
import { Errors, type Reward } from "hmx"
import { importFile } from "./loadPipeline.ts"
import { shown } from "./paths.ts"

export const isReward = (value: unknown): value is Reward.Reward =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  (value.kind === "rubric" || value.kind === "function" || value.kind === "mix") &&
  "range" in value

const expected = "a file that exports a rubric or another reward"

/** The one of `FILE#export`; without a name the file's default export, or the only reward that it exports. */
export const loadReward = Effect.fnUntraced(function* (named: string) {
  const [path = "", name] = named.split("#", 2)
  const { file, module } = yield* importFile(path, expected)
  const exported = new Map(Object.entries(module).filter(([, value]) => isReward(value)))
  const found = name === undefined && exported.size === 1 ? [...exported.values()][0] : exported.get(name ?? "default")
  if (isReward(found)) return found
  const names = [...exported.keys()].map((n) => escape(n, 60)).join(", ")
  return yield* new Errors.BadInput({
    where: shown(file),
    found: escape(name ?? "no default export that is a rubric", 200),
    expected: exported.size === 0 ? expected : `one of ${names}, as FILE#name`,
  })
})
