import * as Effect from "effect/Effect"
export const plan = (_: object) => Effect.log(_)
