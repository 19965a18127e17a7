/** A judge on a server, as a service: the same readings, asked of a model that is not the one in training. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { RateLimited, RemoteUnavailable, Unparseable } from "./Errors.ts"
import type { Reading, Result } from "./Judge.ts"

export class RemoteJudge extends Context.Service<
  RemoteJudge,
  {
    /** Server and model, for the store's keys. Without it nothing that the judge reads is used again by another run. */
    readonly identity?: string
    /**
     * One result a reading, in their order. What could not be read (unreadable, cut off, too slow) is `failed`, and is asked again: `again`
     * is how often it was asked before, so that a judge which draws takes another seed.
     */
    readonly read: (
      readings: ReadonlyArray<Reading>,
      again: number,
    ) => Effect.Effect<ReadonlyArray<Result>, Unparseable | RemoteUnavailable | RateLimited>
  }
>()("hmx/RemoteJudge") {}

/** How often the stage in work was tried before, by a judge's fault: the runtime counts. */
export const Tried = Context.Reference<number>("hmx/RemoteJudge/Tried", { defaultValue: () => 0 })
