/** Exit codes, and the one message of a failure. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as CliError from "effect/cli/CliError"
import type * as Exit from "effect/Exit"
import { brokenOutput } from "./output.ts"

/** Work had begun. */
export const failed = 1
export const interrupted = 130
/** A condition of the experiment (`stopWhen`) was met: the run is done. */
export const stoppedEarly = 3
/** The run may go on, with a greater budget. */
export const overBudget = 4

/** A command that has said what it has to say ends with this code. */
export class Ended extends Data.TaggedError("Ended")<{ readonly code: number }> {}

const isTagged = (error: unknown): error is { readonly _tag: string } =>
  typeof error === "object" && error !== null && "_tag" in error

/** Errors that are the user's to mend, before any work was done. */
const badInput = new Set(["BadInput", "StorageFailed", "OverBudget", "Refused", "ShowHelp"])

export const isUsers = (error: unknown): boolean => isTagged(error) && badInput.has(error._tag)

/** Errors whose words have been printed. */
const said = new Set(["RunFailed", "BudgetUsed", "Ended", "Found"])

/**
 * 0, 2 for bad input (nothing was run), 3 for a run that a condition ended, 4 for one whose budget is used up, 130 when interrupted, 1 for
 * one that failed.
 */
export const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (exit._tag === "Success") return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  const error = Cause.squash(exit.cause)
  if (error instanceof Ended) return error.code
  if (isTagged(error) && error._tag === "BudgetUsed") return overBudget
  return isUsers(error) ? 2 : 1
}

/** The code of a program that ended with this one: whose output nobody took has not done all of its work. */
export const endCode = (code: number): number => (code === 0 || code === interrupted ? (brokenOutput() ?? code) : code)

/** What stderr gets; undefined where it has been said already, or where there is nothing to say. */
export const messageOf = (cause: Cause.Cause<unknown>): string | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return undefined
  const error = Cause.squash(cause)
  // The command line's own errors, findings, and a failed run with what was saved of it, have been told where they arose.
  if (CliError.isCliError(error) || (isTagged(error) && said.has(error._tag))) return undefined
  const asked = /^Service not found: (\S+)/.exec(error instanceof Error ? error.message : "")?.[1]
  if (asked !== undefined) return `error: a stage asks for the service ${asked}, and nothing here provides it`
  // A typed error is for the user; anything else is a mistake of HMX, and its stack is what helps to mend it.
  if (isTagged(error) && error instanceof Error) return `error: ${error.message}`
  return `unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}
