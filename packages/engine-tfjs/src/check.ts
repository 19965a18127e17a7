/** A tensor that is not the engine's own, or of another dtype, is found before tfjs sees it. */
import { misuse, showShape } from "@hmx/lm"
import type { Ledger } from "./Ledger.ts"
import { Handle } from "./Ledger.ts"

/** `t` as this engine's own live tensor, of that dtype. */
export function own(ledger: Ledger, t: unknown, where: string, dtype?: "f32" | "i32"): Handle {
  if (!(t instanceof Handle) || t.ledger !== ledger) return misuse(where, "an argument is not a tensor of this engine")
  ledger.storage(t, where)
  if (dtype !== undefined && t.dtype !== dtype)
    misuse(where, `${dtype} expected, ${t.dtype} ${showShape(t.shape)} given`)
  return t
}
