import * as Effect from "effect/Effect"
export const show = (_: object) => Effect.log(_)
export const ls = Effect.void
