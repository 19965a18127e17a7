/** How a session of a run ends before its time: a lost device, a full disk, an interruption; what is told of it, and as what error. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { Errors } from "hmx"
import type { Event } from "./Event.ts"
import { BudgetUsed, Meant, RunFailed } from "./Failures.ts"

/** A lost device again, with what came of it since. */
export const lostAs = ({ error, stage, step }: RunFailed, reason: string, advice: string): RunFailed =>
  new RunFailed({ step, stage, error, reason, advice })
/** The advice of a device that is lost a second time. */
export const lostTwice = "it had been loaded again once; `hmx resume` goes on after the last step that is saved"

export const isLost = (error: unknown): error is RunFailed => error instanceof RunFailed && error.error === "DeviceLost"

/** The event of a session that ends before the run is done. */
export const stopOf = (exit: Exit.Exit<unknown, unknown>, step: number, again: boolean): ReadonlyArray<Event> => {
  if (exit._tag === "Success") return []
  if (Cause.hasInterruptsOnly(exit.cause))
    return [{ _tag: "Stopped", step, by: "interruption", because: "interrupted" }]
  const error = Cause.squash(exit.cause)
  // It is told when the next one begins.
  if (!again && isLost(error)) return []
  const because = error instanceof Error ? error.message : String(error)
  return [{ _tag: "Stopped", step, by: error instanceof BudgetUsed ? "budget" : "failure", because }]
}

/** A disk that fails, or a device that is lost, when work has been done is a failed run, and not the user's input. */
export const failedInRun = (error: unknown): unknown =>
  error instanceof Meant
    ? error.error
    : error instanceof Errors.StorageFailed || error instanceof Errors.DeviceLost || error instanceof Errors.OutOfMemory
      ? new RunFailed({ step: 0, stage: "", error: error._tag, reason: error.message, advice: "" })
      : error
