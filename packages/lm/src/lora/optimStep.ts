import { Errors, type OptimStepRequest } from "hmx"
import type { Engine, Tensor } from "../Engine.ts"
import type { Lora } from "./Lora.ts"

type Updated = { readonly param: Tensor; readonly m: Tensor; readonly v: Tensor }

export type OptimOptions = Omit<OptimStepRequest, "adapter">

/**
 * One step of AdamW after clipping the global gradient norm as torch's `clip_grad_norm_` does (× max / (norm + 1e-6), at most 1);
 * forgets the gradient; moments on the host come back. Returns the norm before clipping. A parameter that no gradient has reached counts as one with gradient 0.
 * Throws NonFinite, with the adapter as it was, where the norm or a new weight is not finite; the gradient is forgotten then too.
 */
export const optimStep = (engine: Engine, lora: Lora, options: OptimOptions): number => {
  if (!lora.gathered)
    throw new Errors.BadInput({
      where: "optimStep",
      found: "an adapter without a gradient",
      expected: "forwardBackward before it",
    })
  const norm = Math.sqrt(engine.sumSquares(lora.parameters.flatMap(({ gradient }) => gradient ?? [])))
  if (!Number.isFinite(norm)) {
    const first = lora.parameters.find(({ gradient }) => gradient && !Number.isFinite(engine.sumSquares([gradient])))
    lora.zeroGrad()
    throw new Errors.NonFinite({ tensor: `gradient of ${first?.key ?? "the adapter"}` })
  }
  const clip = options.maxGradNorm === undefined ? 1 : Math.min(1, options.maxGradNorm / (norm + 1e-6))
  const step = lora.steps + 1
  const adamW = {
    learningRate: options.learningRate,
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.999,
    epsilon: options.epsilon ?? 1e-8,
    weightDecay: options.weightDecay ?? 0,
    step,
  }
  const next = engine.scope((): ReadonlyArray<Updated> =>
    lora.parameters.map(({ tensor, gradient, moments, away }) =>
      // What is made for a parameter on the way goes before the next one's.
      engine.scope((): Updated => {
        const zeros = () =>
          engine.upload(new Float32Array(tensor.shape.reduce((a, b) => a * b, 1)), tensor.shape, "f32")
        const back = (data: Float32Array | undefined) =>
          data === undefined ? zeros() : engine.upload(data, tensor.shape, "f32")
        const before = gradient ?? zeros()
        const clipped = clip === 1 ? before : engine.scale(before, clip)
        const { param, state } = engine.adamW(tensor, clipped, moments ?? { m: back(away?.m), v: back(away?.v) }, adamW)
        return { param, m: state.m, v: state.v }
      }),
    ),
  )
  lora.zeroGrad()
  if (!Number.isFinite(engine.sumSquares(next.map(({ param }) => param)))) {
    const first = next.findIndex(({ param }) => !Number.isFinite(engine.sumSquares([param])))
    engine.free(...next.flatMap(({ param, m, v }) => [param, m, v]))
    throw new Errors.NonFinite({ tensor: lora.parameters[first]?.key ?? "the adapter" })
  }
  lora.parameters.forEach((parameter, i) => {
    const made = next[i]
    if (made === undefined) return
    engine.free(parameter.tensor, parameter.moments?.m, parameter.moments?.v)
    parameter.tensor = engine.keep(made.param)
    parameter.moments = { m: engine.keep(made.m), v: engine.keep(made.v) }
    parameter.away = undefined
  })
  lora.steps = step
  return norm
}
