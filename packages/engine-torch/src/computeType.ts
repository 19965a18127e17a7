/** What products with weights of a narrow type are computed in. */
import type { DType } from "@hmx/lm"
import { processor } from "@hmx/lm"
import type { Capability } from "./CudaRuntime.ts"
import type { Ops } from "./Ops.ts"

export interface ComputeType {
  readonly dtype: DType
  /** Why, in a sentence for the log. */
  readonly why: string
}

type Narrow = "bf16" | "f16"

/** Instructions that compute with a type. Without one of them torch emulates it: 3 GFLOP/s where f32 has 125, measured with 2.13 on AVX2. */
const instructions: { readonly [D in Narrow]: ReadonlyArray<string> } = {
  bf16: ["avx512-bf16", "amx-bf16", "bf16"],
  f16: ["avx512-fp16", "amx-fp16", "fp16"],
}

const widened = (dtype: Narrow): string =>
  `its weights stay ${dtype} in memory and are widened to f32 product by product`

/**
 * What the processor has decides, and a measurement where it leaves that open: a clock alone would be wrong on a machine that is busy. `factor` is
 * the time of a product in the narrow type over f32's.
 */
export const decide = (
  dtype: Narrow,
  features: ReadonlyArray<string> | undefined,
  factor: () => number,
): ComputeType => {
  const has = features?.find((name) => instructions[dtype].includes(name))
  if (features !== undefined && has === undefined)
    return { dtype: "f32", why: `the processor has no instructions for ${dtype}: ${widened(dtype)}` }
  const found = factor()
  const measured = `a product takes ${found.toFixed(2)} of f32's time`
  // Where the instructions are there, they need a factor of two against them; an emulation has ten and more.
  if (found <= (has === undefined ? 1 : 2)) return { dtype, why: `${has ?? dtype}, ${measured}` }
  return { dtype: "f32", why: `in ${dtype} ${measured}: ${widened(dtype)}` }
}

/** Compute capabilities whose multiplying units have a type: bf16 from A100 on, f16 from V100 on. */
const capable: { readonly [D in Narrow]: number } = { bf16: 8, f16: 7 }

/** On a GPU what it is decides: a clock there measures launches unless the product is large. It is asked only where nobody says what it is. */
export const decideOnGpu = (dtype: Narrow, capability: Capability | undefined, factor: () => number): ComputeType => {
  if (capability === undefined) return decide(dtype, undefined, factor)
  const said = `the GPU's compute capability is ${capability.major}.${capability.minor}`
  return capability.major >= capable[dtype]
    ? { dtype, why: said }
    : { dtype: "f32", why: `${said}, and ${dtype} wants ${capable[dtype]}.0: ${widened(dtype)}` }
}

/** A product's sizes. On a processor: milliseconds at a hundredth of a core's f32 rate. On a GPU: long beside the launch of an operator. */
const SIZES = { host: [32, 512, 512], gpu: [2048, 2048, 2048] } as const
const TRIES = 7

/** The best times of both types, by turns. */
const measure = (ops: Ops, dtype: Narrow): number =>
  ops.ledger.scope(() => {
    const best = { narrow: Infinity, f32: Infinity }
    const [rows, input, output] = SIZES[ops.onHost ? "host" : "gpu"]
    const sides = (["narrow", "f32"] as const).map((name) => {
      const of = name === "f32" ? "f32" : dtype
      return { name, x: ops.filled([rows, input], 0.5, of), w: ops.filled([output, input], 0.5, of) }
    })
    for (let i = 0; i <= TRIES; i++)
      for (const { name, x, w } of sides)
        ops.ledger.scope(() => {
          const start = performance.now()
          // The number is waited for.
          ops.dispatcher.item(ops.sum(ops.cast(ops.linear(x, w), "f32")).native)
          if (i > 0) best[name] = Math.min(best[name], performance.now() - start)
        })
    return best.narrow / best.f32
  })

export const computeType = (ops: Ops, dtype: Narrow): ComputeType => {
  const factor = () => measure(ops, dtype)
  if (ops.onHost) return decide(dtype, processor().features, factor)
  return decideOnGpu(dtype, ops.dispatcher.natives.cuda?.capability(ops.placement.index), factor)
}
