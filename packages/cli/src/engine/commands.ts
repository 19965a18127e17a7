/** `hmx engine …` on this machine. */
import * as Effect from "effect/Effect"
import { install as installOn } from "./install.ts"
import { ls as lsOn } from "./ls.ts"
import { machine } from "./Machine.ts"
import { remove as removeOn } from "./remove.ts"

type Named = { readonly name: string }

export const install = (options: Named & { readonly cuda: boolean }) => Effect.provide(installOn(options), machine)
export const ls = Effect.provide(lsOn, machine)
export const remove = (options: Named) => Effect.provide(removeOn(options), machine)
