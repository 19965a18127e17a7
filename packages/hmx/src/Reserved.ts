/** What the runtime holds free for the stage that runs. */
import * as Context from "effect/Context"
import type { Reservation } from "./Stage.ts"

/** The stage's own reservation, part by part, without what stays. Empty where nothing was reserved: in a test, or without a plan. */
export const Reserved = Context.Reference<ReadonlyArray<Reservation>>("hmx/Reserved", { defaultValue: () => [] })
