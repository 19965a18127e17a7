/** Asking only what decides how much memory a task takes: a plan rehearses it on a model that computes nothing. */
import * as Context from "effect/Context"

/** How much an item asks: characters that are read, and tokens that are written at the most. */
export interface Asking {
  /** Of the longest sequence. */
  readonly longest: number
  /** Of all its sequences, before and after what they share. */
  readonly all: number
  readonly distinct: number
  readonly written: number
}

/**
 * There while a task is rehearsed. `choose` is told of all items that would be asked, `together` of them at one time at the most, and
 * names those that are asked, by their places. Default: all are asked.
 */
export const Rehearsing = Context.Reference<
  { readonly choose: (items: ReadonlyArray<Asking>, together: number) => ReadonlyArray<number> } | undefined
>("hmx/Rehearsing", { defaultValue: () => undefined })
