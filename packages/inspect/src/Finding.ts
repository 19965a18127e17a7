/** What `hmx check` says of a place in a file. */
import type { Code } from "./codes.ts"

/** A place in a text file; line and column from 1. */
export interface Place {
  /** Absolute path. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Replaces the characters from `from` to `to` (offsets into the file) by `text`. */
export interface Edit {
  readonly file: string
  readonly from: number
  readonly to: number
  readonly text: string
}

export interface Finding extends Place {
  readonly code: Code
  /** One sentence: what is wrong. It may hold text of the user's, so printers escape it. */
  readonly why: string
  /** One sentence: what to do. */
  readonly how: string
  /** Only where the change is certain to be what the author meant, or changes nothing that a run does. */
  readonly fix?: Edit
}

/** What stands at a place, before it is said where. */
export type Said = Omit<Finding, keyof Place>
