import type { DType } from "@hmx/lm"
import type { Handle, Storage } from "./Ledger.ts"

/** What the result of an operation is, and what its derivative keeps. */
export interface Made {
  readonly shape: ReadonlyArray<number>
  readonly dtype?: DType
  /** The memory that a view looks into. */
  readonly view?: Storage
  readonly saved?: ReadonlyArray<Handle>
  /** The derivative keeps the result. */
  readonly savesResult?: true
  /** See `Step`. */
  readonly shared?: number
  /** Bytes of further tensors that the derivative keeps. */
  readonly hidden?: number
  /** The operator has a second result, which is not wanted. */
  readonly second?: true
}
