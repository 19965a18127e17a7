/**
 * Room in device memory, given out in the order in which it is asked for, so that a stage that needs much is not overtaken for ever by
 * those that need little. It comes back on success, failure and interruption.
 */
import * as Effect from "effect/Effect"
import { Errors, LanguageModel, Reserved, type Stage } from "hmx"
import type { Plan } from "./Memory.ts"

export interface Reservations {
  /** Bytes that are reserved now. */
  readonly held: () => number
  /** Does the work with so many bytes reserved; waits for them. More than there ever are is OutOfMemory, and never a wait. */
  readonly hold: <A, E, R>(
    bytes: number,
    where: string,
    work: Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E | Errors.OutOfMemory, R>
}

interface Waiting {
  readonly bytes: number
  readonly resume: (effect: Effect.Effect<void>) => void
}

export const make = (capacity: number): Reservations => {
  let held = 0
  let waiting: ReadonlyArray<Waiting> = []
  const serve = (): void => {
    for (let next = waiting[0]; next !== undefined && held + next.bytes <= capacity; next = waiting[0]) {
      waiting = waiting.slice(1)
      held += next.bytes
      next.resume(Effect.void)
    }
  }
  const take = (bytes: number) =>
    Effect.callback<void>((resume) => {
      const one = { bytes, resume }
      waiting = [...waiting, one]
      serve()
      return Effect.sync(() => {
        // Who gives up in the queue may have been all that those behind waited for.
        waiting = waiting.filter((other) => other !== one)
        serve()
      })
    })
  const giveBack = (bytes: number) =>
    Effect.sync(() => {
      held -= bytes
      serve()
    })
  return {
    held: () => held,
    hold: (bytes, where, work) =>
      bytes > capacity
        ? Effect.fail(new Errors.OutOfMemory({ need: bytes, where }))
        : bytes === 0
          ? work
          : Effect.acquireUseRelease(
              Effect.interruptible(take(bytes)),
              () => work,
              () => giveBack(bytes),
            ),
  }
}

/** Does a stage's work, on one group or on the step, with what it needs reserved. */
export type Room = <A, E, R>(
  stage: Stage.Any,
  work: Effect.Effect<A, E, R>,
) => Effect.Effect<A, E | Errors.OutOfMemory, R>

/**
 * The room that a plan leaves beside weights and adapter. A group takes its share of what its stage needs for all groups of a step, so
 * that groups wait where two stages that overlap would not fit. Where the plan offloads, idle state of `adapter` is moved out before the first
 * stage that follows its owner, and the room is as much greater; the owner takes it for what comes back.
 */
export const roomOf = (plan: Plan, groups: number, adapter: string): Room => {
  const idle = plan.stages.reduce((greatest, { offloads }) => Math.max(greatest, offloads), 0)
  const memory = make(Math.max(0, plan.budget - plan.weights - plan.stays + idle))
  const held = new Map(plan.stages.map((one) => [one.stage, one]))
  let away = false
  const offload = Effect.gen(function* () {
    const lm = yield* Effect.serviceOption(LanguageModel)
    if (away || lm._tag === "None") return
    away = true
    // A model that is lost says so to the work.
    yield* Effect.ignore(lm.value.offload(adapter))
  })
  const back = Effect.sync(() => {
    away = false
  })
  return (stage, work) => {
    const { bytes: own = 0, offloads = 0, parts = [] } = held.get(stage.name) ?? {}
    const owner = idle > 0 && own > 0 && offloads === 0
    const whole = owner ? own + idle : own
    const bytes = stage.grain === "group" ? Math.floor(whole / groups) : whole
    const reserved = Effect.provideService(work, Reserved, parts)
    return memory.hold(
      bytes,
      stage.name,
      owner ? Effect.ensuring(reserved, back) : offloads > 0 ? Effect.andThen(offload, reserved) : reserved,
    )
  }
}
