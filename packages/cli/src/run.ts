import * as Effect from "effect/Effect"
export const run = (_: object) => Effect.log(_)
