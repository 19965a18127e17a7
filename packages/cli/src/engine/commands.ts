/** `hmx engine …` on this machine. */
import * as Effect from "effect/Effect"
import { inHome } from "./inHome.ts"
import { install as installOn } from "./install.ts"
import { ls as lsOn } from "./ls.ts"
import { machine } from "./Machine.ts"
import { remove as removeOn } from "./remove.ts"

type Named = { readonly name: string }

export const install = (options: Named & { readonly cuda: boolean }) =>
  Effect.provide(inHome(installOn(options)), machine)
export const ls = Effect.provide(inHome(lsOn), machine)
export const remove = (options: Named) => Effect.provide(inHome(removeOn(options)), machine)
