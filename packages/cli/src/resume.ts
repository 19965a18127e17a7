import * as Effect from "effect/Effect"
export const resume = (_: object) => Effect.log(_)
