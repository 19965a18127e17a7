import type { DType } from "@hmx/lm"
import type { Handle } from "./Ledger.ts"
import type { Ops } from "./Ops.ts"

/** A product's sizes: milliseconds at a hundredth of a core's f32 rate. */
const [ROWS, IN, OUT] = [32, 512, 512]
const TRIES = 3

/**
 * Whether products in a narrow type beat f32's on this device, by the clock. Processors without instructions for it emulate it, up to a hundred
 * times slower; which do is not written anywhere that is as reliable as the measurement.
 */
export function fasterAt(ops: Ops, dtype: "bf16" | "f16"): boolean {
  const time = (of: DType): number =>
    ops.ledger.scope(() => {
      const x: Handle = ops.filled([ROWS, IN], 0.5, of)
      const w: Handle = ops.filled([OUT, IN], 0.5, of)
      let best = Infinity
      for (let i = 0; i <= TRIES; i++) {
        const start = performance.now()
        const y = ops.cast(ops.linear(x, w), "f32")
        // Waits for the device.
        ops.dispatcher.item(ops.sum(y).native)
        if (i > 0) best = Math.min(best, performance.now() - start)
      }
      return best
    })
  return time(dtype) < time("f32")
}
