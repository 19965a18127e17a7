/** A scripted model that takes time and memory as a real one would: for budgets, time limits and schedules, without weights. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Errors, LanguageModel, type ModelShape } from "hmx"
import { make } from "./_internals/scripted.ts"
import type { Service } from "./_internals/contracts.ts"
import type { Options as Script } from "./ScriptedModel.ts"

/** How fast the device is and how much it holds. */
export interface Device {
  /** Tokens a second: read, written, and trained on (forward and backward). */
  readonly prefill: number
  readonly decode: number
  readonly train: number
  /** Bytes; a call that needs more fails with OutOfMemory. Default: no limit. */
  readonly memory?: number
}

export interface SimulatedOptions extends Script {
  readonly device: Device
}

/** Bytes of keys and values of one token. */
const cacheOf = (shape: ModelShape): number => 2 * shape.layers * shape.kvHeads * shape.headDim * shape.bytesPerWeight

/** Bytes of one token's activations in training, kept for the backward pass: 16 widths a layer. */
const activationsOf = (shape: ModelShape): number => 16 * shape.layers * shape.hidden * 4

const sizes = (lists: ReadonlyArray<ReadonlyArray<number>>): number => lists.reduce((sum, list) => sum + list.length, 0)

const makeSimulated = ({ device, ...script }: SimulatedOptions): Service => {
  const { model } = make(script)
  const { shape } = model.info
  const weights = shape.parameters * shape.bytesPerWeight
  let live = weights
  let peak = weights
  /** Holds bytes and takes seconds on the clock, then does the work; gives the bytes back however it ends. */
  const held = <A, E>(where: string, bytes: number, seconds: number, work: Effect.Effect<A, E>) =>
    Effect.acquireUseRelease(
      Effect.suspend(() => {
        if (live + bytes > (device.memory ?? Number.POSITIVE_INFINITY))
          return Effect.fail(new Errors.OutOfMemory({ need: bytes, where }))
        live += bytes
        peak = Math.max(peak, live)
        return Effect.void
      }),
      () => Effect.andThen(Effect.sleep(seconds * 1000), work),
      () => Effect.sync(() => void (live -= bytes)),
    )
  return {
    ...model,
    info: { ...model.info, engine: { name: "simulated", version: "1", device: "none", dtype: "f32" } },
    sample: (request) => {
      const tokens = request.prompt.length + request.n * request.params.maxNewTokens
      // Rows of a group are decoded together: a step of all takes as long as a step of one.
      const seconds = request.prompt.length / device.prefill + request.params.maxNewTokens / device.decode
      return held("cache", tokens * cacheOf(shape), seconds, model.sample(request))
    },
    logprobs: (requests) => {
      const tokens = sizes(requests.map((r) => r.tokens))
      return held("logits", tokens * shape.vocab * 4, tokens / device.prefill, model.logprobs(requests))
    },
    choices: (requests) => {
      const tokens = requests.reduce((sum, r) => sum + r.context.length + sizes(r.continuations), 0)
      return held("cache", tokens * cacheOf(shape), tokens / device.prefill, model.choices(requests))
    },
    forwardBackward: (request) => {
      const tokens = request.groups.reduce(
        (sum, g) => sum + g.prompt.length + sizes(g.completions.map((c) => c.tokens)),
        0,
      )
      return held("activations", tokens * activationsOf(shape), tokens / device.train, model.forwardBackward(request))
    },
    memory: (options) =>
      Effect.map(model.memory(options), ({ tensors }) => {
        const use = { live, peak, tensors }
        if (options?.resetPeak === true) peak = live
        return use
      }),
  }
}

export const SimulatedModel = {
  /**
   * A scripted model on a device with rates and a size. Its delays are on the Clock: run it in simulated time. Calls that are made
   * together are taken to be batched: they take their time together, and their memory adds up.
   *
   * @example
   * import { inSimulatedTime, SimulatedModel } from "@hmx/testing"
   * import * as Effect from "effect/Effect"
   * import { LanguageModel } from "hmx"
   *
   * const device = { prefill: 2000, decode: 50, train: 500, memory: 8 * 2 ** 30 }
   * const asked = Effect.flatMap(LanguageModel, (lm) => lm.logprobs([{ tokens: [1, 2, 3], from: 1, by: "base" }]))
   * const timed = inSimulatedTime(Effect.provide(asked, SimulatedModel.layer({ device })))
   */
  layer: (options: SimulatedOptions): Layer.Layer<LanguageModel> =>
    Layer.sync(LanguageModel, () => makeSimulated(options)),
}
