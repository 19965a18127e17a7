/** Back to the last checkpoint: the adapter and its optimiser as the cursor names them. */
import * as Effect from "effect/Effect"
import { Errors, LanguageModel } from "hmx"
import type { Cursor } from "./Cursor.ts"
import * as RunFolder from "./RunFolder.ts"

/** Loads `adapter` from the cursor's checkpoint; BadInput where what lies there is not what the cursor names. */
export const restore = Effect.fnUntraced(function* (adapter: string, cursor: Cursor, run: string) {
  if (cursor.policy.adapter === "") return
  const where = RunFolder.checkpoint(run, cursor.step)
  const found = yield* (yield* LanguageModel).loadState(adapter, where, { optimizer: true })
  const expected = `the adapter ${cursor.policy.adapter} that its cursor.json names`
  if (found !== cursor.policy.adapter) {
    yield* new Errors.BadInput({ where, found: `an adapter of digest ${found}`, expected })
  }
})
