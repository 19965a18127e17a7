/** `hmx new KIND NAME`: a file to begin with, and its test. */
import { create, type Kind } from "@hmx/inspect"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"

export interface Options {
  readonly kind: Kind
  readonly name: string
}

export const start = Effect.fnUntraced(function* ({ kind, name }: Options) {
  const files = yield* Effect.try({ try: () => create(kind, name, process.cwd()), catch: typed })
  const next =
    kind === "pipeline" ? `npx hmx check ${files[0]} && npx hmx run ${files[0]}` : `npx vitest run ${files[1]}`
  process.stdout.write(`${files.map((file) => `wrote ${file}`).join("\n")}\nnext: ${next}\n`)
})

/** Anything else is a mistake of HMX. */
const typed = (error: unknown): Errors.BadInput | Errors.StorageFailed => {
  if (error instanceof Errors.BadInput || error instanceof Errors.StorageFailed) return error
  throw error
}
