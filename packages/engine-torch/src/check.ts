/** A tensor that is not the engine's own, or of another dtype, is found before libtorch sees it, which would crash on some of them. */
import { misuse, showShape } from "@hmx/lm"
import type { Ledger } from "./Ledger.ts"
import { Handle } from "./Ledger.ts"

/** `t` as this engine's own live tensor, of that dtype; "float" is any but i32. */
export function own(ledger: Ledger, t: unknown, where: string, dtype?: "f32" | "i32" | "float"): Handle {
  if (!(t instanceof Handle) || t.ledger !== ledger) return misuse(where, "an argument is not a tensor of this engine")
  if (t.native === 0) misuse(where, `the tensor ${showShape(t.shape)} was freed before`)
  if (dtype !== undefined && (dtype === "float" ? t.dtype === "i32" : t.dtype !== dtype))
    misuse(where, `${dtype} expected, ${t.dtype} ${showShape(t.shape)} given`)
  return t
}
