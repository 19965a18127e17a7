import * as Effect from "effect/Effect"
import { type Advantages, Policy, type PolicyRef, type Rollouts } from "../Artefact.ts"
import { known, oneOf, whole, within } from "../checks.ts"
import {
  BadInput,
  type DeviceLost,
  NonFinite,
  NoSignal,
  type OutOfMemory,
  type RemoteUnavailable,
  StaleRollouts,
} from "../Errors.ts"
import { LanguageModel, type ModelShape } from "../LanguageModel.ts"
import type { LossOptions } from "../Loss.ts"
import * as Memory from "../memory.ts"
import { Reserved } from "../Reserved.ts"
import { learningRate, type Schedule } from "../schedule/learningRate.ts"
import * as Stage from "../Stage.ts"
import { Step } from "../Step.ts"
import { type Measured, meanMetrics } from "./meanMetrics.ts"
import { tokensInLoss, trainGroup, updateBatch } from "./updateBatch.ts"

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined }

export interface LoRAUpdateOptions extends Optional<Omit<LossOptions, "loss">> {
  readonly rank: number
  readonly learningRate: number
  /** TRL's `loss_type`. */
  readonly loss: LossOptions["loss"]
  /** Default 2 × rank. */
  readonly alpha?: number | undefined
  /** Scale by alpha / √rank in place of alpha / rank. Default false. */
  readonly rslora?: boolean | undefined
  /** PEFT's names: "q_proj", … Default "all-linear". */
  readonly targets?: ReadonlyArray<string> | "all-linear" | undefined
  /** Of the learning rate after warm-up. Default "constant". */
  readonly schedule?: Schedule | undefined
  /** Updates over which the learning rate rises; update t of w has t / w of it. Default 0. */
  readonly warmupSteps?: number | undefined
  /** AdamW: defaults 0.9, 0.999, 1e-8 and 0. */
  readonly beta1?: number | undefined
  readonly beta2?: number | undefined
  readonly adamEpsilon?: number | undefined
  readonly weightDecay?: number | undefined
  /** The global gradient norm is clipped to it. Default 1. */
  readonly maxGradNorm?: number | undefined
  /** Updates from one batch of rollouts (TRL's `num_iterations`, μ). Default 1. */
  readonly numIterations?: number | undefined
  /** Completions cut off at the token limit keep out of the loss (TRL's `mask_truncated_completions`). Default false. */
  readonly maskTruncated?: boolean | undefined
  /** Groups in one forward and backward pass; the gradient does not depend on it. Default: all. */
  readonly microBatchGroups?: number | undefined
  /**
   * Recompute each layer in the backward pass in place of keeping its activations: all (true), none (false), or those for whose
   * activations the experiment's budget has no room. The gradient has the same bits. Default "auto".
   */
  readonly recompute?: boolean | "auto" | undefined
}

/** With every default in its place: part of the identity, and each option there for a sweep to find. */
const withDefaults = (o: LoRAUpdateOptions) => ({
  rank: o.rank,
  learningRate: o.learningRate,
  loss: o.loss,
  // Stays open where it follows the rank, so that a sweep over ranks moves both.
  alpha: o.alpha,
  rslora: o.rslora ?? false,
  targets: o.targets ?? ("all-linear" as const),
  schedule: o.schedule ?? ("constant" as const),
  warmupSteps: o.warmupSteps ?? 0,
  beta1: o.beta1 ?? 0.9,
  beta2: o.beta2 ?? 0.999,
  adamEpsilon: o.adamEpsilon ?? 1e-8,
  weightDecay: o.weightDecay ?? 0,
  maxGradNorm: o.maxGradNorm ?? 1,
  numIterations: o.numIterations ?? 1,
  maskTruncated: o.maskTruncated ?? false,
  microBatchGroups: o.microBatchGroups,
  recompute: o.recompute ?? ("auto" as const),
  beta: o.beta ?? 0,
  epsilon: o.epsilon ?? 0.2,
  epsilonHigh: o.epsilonHigh,
  delta: o.delta,
  biasCorrectionKl: o.biasCorrectionKl ?? true,
  importanceSampling: o.importanceSampling,
  sapoTemperaturePos: o.sapoTemperaturePos,
  sapoTemperatureNeg: o.sapoTemperatureNeg,
  vespoKPos: o.vespoKPos,
  vespoLambdaPos: o.vespoLambdaPos,
  vespoKNeg: o.vespoKNeg,
  vespoLambdaNeg: o.vespoLambdaNeg,
  topEntropyQuantile: o.topEntropyQuantile,
  offPolicyMaskThreshold: o.offPolicyMaskThreshold,
})

export interface LoRAUpdate extends Stage.Stage<
  "LoRAUpdate",
  Rollouts | Advantages,
  Policy,
  OutOfMemory | NonFinite | DeviceLost | RemoteUnavailable | BadInput | StaleRollouts | NoSignal,
  LanguageModel | Step,
  "step"
> {
  readonly options: LoRAUpdateOptions
  readonly owes: undefined
  readonly settles: undefined
}

interface Input {
  readonly rollouts: ReadonlyArray<Rollouts>
  readonly advantages: ReadonlyArray<Advantages>
}

const run = ({ advantages, rollouts }: Input, given: LoRAUpdateOptions) => {
  const options = withDefaults(given)
  const { maskTruncated, numIterations } = options
  return Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { adapter, policy, step, steps } = yield* Step
    const stale = rollouts.find((r) => !same(r.policy, policy))
    if (stale !== undefined) {
      return yield* new StaleRollouts({ expected: printed(policy), found: printed(stale.policy) })
    }
    const batch = updateBatch(rollouts, advantages, options)
    if (batch.live.length === 0) return yield* new NoSignal({ liveGroups: 0, rewards: batch.flatRewards })

    const at = options.microBatchGroups ?? batch.live.length
    const keeping = options.recompute === "auto" ? keptAs(yield* Reserved) : { recompute: options.recompute }
    const iterations: Array<Measured> = []
    let digest = policy.adapter
    for (let iteration = 0; iteration < numIterations; iteration++) {
      // At first the policy is the one that sampled: the ratio is 1, and nothing old is needed.
      const groups = batch.live.map((group) => trainGroup(group, { maskTruncated, old: iteration > 0 }))
      const passes: Array<Measured> = []
      let loss = 0
      for (let from = 0; from < groups.length; from += at) {
        const pass = groups.slice(from, from + at)
        const result = yield* lm.forwardBackward({
          adapter,
          groups: pass,
          loss: lossOf(options),
          temperature: rollouts[0]?.temperature ?? 1,
          ...keeping,
          ...batch.totals,
        })
        if (!Number.isFinite(result.loss)) return yield* new NonFinite({ tensor: "loss" })
        loss += result.loss
        passes.push({ weight: pass.reduce((sum, g) => sum + tokensInLoss(g), 0), metrics: result.metrics })
      }
      const rate = learningRate(
        { ...options, steps: steps * numIterations },
        (step - 1) * numIterations + iteration + 1,
      )
      const { adapterDigest, gradNorm } = yield* lm.optimStep({
        adapter,
        learningRate: rate,
        beta1: options.beta1,
        beta2: options.beta2,
        epsilon: options.adamEpsilon,
        weightDecay: options.weightDecay,
        maxGradNorm: options.maxGradNorm,
      })
      if (!Number.isFinite(gradNorm)) return yield* new NonFinite({ tensor: "gradient" })
      digest = adapterDigest
      const figures = { loss, grad_norm: gradNorm, learning_rate: rate }
      iterations.push({ weight: 1, metrics: { ...meanMetrics(passes), ...figures } })
    }
    if (digest === policy.adapter) {
      return yield* new BadInput({
        where: "LoRAUpdate: learningRate",
        found: `${options.learningRate}, which changed no weight of the adapter`,
        expected: "a rate that changes it",
      })
    }
    return new Policy({
      ref: { base: policy.base, adapter: digest, step: policy.step + 1 },
      updated: true,
      metrics: { ...meanMetrics(iterations), ...batch.metrics },
    })
  }).pipe(Effect.onError(() => forget))
}

/** What was reserved for it is kept; without a plan the engine sees to its own limit. */
const keptAs = (reserved: ReadonlyArray<Stage.Reservation>): { readonly keepBytes?: number } => {
  const part = reserved.find(({ part }) => part === keptPart)
  return part === undefined ? {} : { keepBytes: part.bytes }
}
const keptPart = "kept activations"

/** Whatever ends an update before its optimiser step leaves no gradient behind for the next one. */
const forget = Effect.gen(function* () {
  const { adapter } = yield* Step
  yield* (yield* LanguageModel).zeroGrad(adapter)
}).pipe(Effect.ignore)

const same = (a: PolicyRef, b: PolicyRef): boolean => a.base === b.base && a.adapter === b.adapter && a.step === b.step
const printed = (ref: PolicyRef): string => `${ref.base}+${ref.adapter} (${ref.step} updates)`

const lossOf = (options: ReturnType<typeof withDefaults>): LossOptions => {
  const { beta, biasCorrectionKl, delta, epsilon, epsilonHigh, importanceSampling, loss } = options
  return {
    loss,
    beta,
    epsilon,
    biasCorrectionKl,
    ...(epsilonHigh === undefined ? {} : { epsilonHigh }),
    ...(delta === undefined ? {} : { delta }),
    ...(importanceSampling === undefined ? {} : { importanceSampling }),
    ...(options.sapoTemperaturePos === undefined ? {} : { sapoTemperaturePos: options.sapoTemperaturePos }),
    ...(options.sapoTemperatureNeg === undefined ? {} : { sapoTemperatureNeg: options.sapoTemperatureNeg }),
    ...(options.vespoKPos === undefined ? {} : { vespoKPos: options.vespoKPos }),
    ...(options.vespoLambdaPos === undefined ? {} : { vespoLambdaPos: options.vespoLambdaPos }),
    ...(options.vespoKNeg === undefined ? {} : { vespoKNeg: options.vespoKNeg }),
    ...(options.vespoLambdaNeg === undefined ? {} : { vespoLambdaNeg: options.vespoLambdaNeg }),
    ...(options.topEntropyQuantile === undefined ? {} : { topEntropyQuantile: options.topEntropyQuantile }),
    ...(options.offPolicyMaskThreshold === undefined ? {} : { offPolicyMaskThreshold: options.offPolicyMaskThreshold }),
  }
}

const prepare = (given: LoRAUpdateOptions) =>
  Effect.gen(function* () {
    const { adapter, seed } = yield* Step
    const { alpha, rank, rslora, targets } = withDefaults(given)
    return yield* (yield* LanguageModel).createAdapter(
      adapter,
      { rank, alpha: alpha ?? 2 * rank, rslora, targets },
      seed,
    )
  })

/** A rate that changes follows the number of the update, and one that falls the number of all. */
const timed = ({ schedule, warmupSteps }: ReturnType<typeof withDefaults>): ReadonlyArray<Stage.Reads> =>
  schedule !== "constant" ? ["step", "steps"] : warmupSteps > 0 ? ["step"] : []

const reserve = (shape: ModelShape, given: LoRAUpdateOptions, load: Stage.Load) => {
  const { microBatchGroups, rank, recompute, targets } = withDefaults(given)
  const { groupSize, maxNewTokens, promptTokens, prompts } = load
  const groups = Math.min(microBatchGroups ?? prompts.perStep, prompts.perStep)
  const trees = Memory.groupTrees(groups, promptTokens, groupSize, maxNewTokens)
  const lora = { rank, targets }
  const { activations, gradients, kept, logits } =
    recompute === "auto"
      ? Memory.updateBytesWithin(shape, trees, load.room ?? Number.POSITIVE_INFINITY, lora)
      : Memory.updateBytes(shape, trees, { ...lora, recompute })
  return [
    { part: "adapter", bytes: Memory.adapterBytes(shape, lora), stays: true },
    { part: "optimiser", bytes: Memory.momentsBytes(shape, lora), stays: true, idle: true },
    { part: "activations", bytes: activations - kept },
    { part: keptPart, bytes: kept },
    { part: "logits", bytes: logits },
    { part: "gradients", bytes: gradients },
  ]
}

const check = (o: ReturnType<typeof withDefaults>): void => {
  whole("rank", o.rank, 1)
  if (o.alpha !== undefined) within("alpha", o.alpha, { above: 0 })
  within("learningRate", o.learningRate, { above: 0 })
  oneOf("loss", o.loss, ["grpo", "dapo", "bnpo", "dr_grpo", "gspo", "cispo", "sapo", "luspo", "vespo"])
  if (o.recompute !== "auto" && typeof o.recompute !== "boolean")
    throw new RangeError(`recompute must be true, false or "auto", not ${String(o.recompute)}`)
  oneOf("schedule", o.schedule, ["constant", "linear", "cosine"])
  whole("warmupSteps", o.warmupSteps, 0)
  within("beta1", o.beta1, { least: 0, below: 1 })
  within("beta2", o.beta2, { least: 0, below: 1 })
  within("adamEpsilon", o.adamEpsilon, { above: 0 })
  within("weightDecay", o.weightDecay, { least: 0 })
  within("maxGradNorm", o.maxGradNorm, { above: 0 })
  whole("numIterations", o.numIterations, 1)
  if (o.microBatchGroups !== undefined) whole("microBatchGroups", o.microBatchGroups, 1)
  within("beta", o.beta, { least: 0 })
  within("epsilon", o.epsilon, { above: 0 })
  if (o.epsilonHigh !== undefined) within("epsilonHigh", o.epsilonHigh, { above: 0 })
  if (o.delta !== undefined) within("delta", o.delta, { above: 0 })
  if (o.importanceSampling !== undefined) oneOf("importanceSampling", o.importanceSampling, ["token", "sequence"])
  if (o.sapoTemperaturePos !== undefined) within("sapoTemperaturePos", o.sapoTemperaturePos, { above: 0 })
  if (o.sapoTemperatureNeg !== undefined) within("sapoTemperatureNeg", o.sapoTemperatureNeg, { above: 0 })
  if (o.vespoKPos !== undefined) within("vespoKPos", o.vespoKPos, { above: 0 })
  if (o.vespoLambdaPos !== undefined) within("vespoLambdaPos", o.vespoLambdaPos, { above: 0 })
  if (o.vespoKNeg !== undefined) within("vespoKNeg", o.vespoKNeg, { above: 0 })
  if (o.vespoLambdaNeg !== undefined) within("vespoLambdaNeg", o.vespoLambdaNeg, { above: 0 })
  if (o.topEntropyQuantile !== undefined) within("topEntropyQuantile", o.topEntropyQuantile, { above: 0, most: 1 })
  if (o.offPolicyMaskThreshold !== undefined) within("offPolicyMaskThreshold", o.offPolicyMaskThreshold, { above: 0 })
  if (o.targets === "all-linear") return
  if (o.targets.length === 0) throw new RangeError("targets must name at least one linear layer")
  for (const target of o.targets) oneOf("targets", target, Memory.linearNames)
}

export const LoRAUpdate = {
  /**
   * One update (or `numIterations`) of the adapter on the groups of this step. Groups without signal (all advantages 0) are left out
   * and count in the divisors: with β = 0 the gradient is TRL's, with β > 0 it lacks their share of the KL term. None left is NoSignal.
   * Throws a RangeError where an option is out of its range.
   */
  stage: (given: LoRAUpdateOptions): LoRAUpdate => {
    const options = withDefaults(given)
    known("LoRAUpdate.stage", given, Object.keys(options))
    check(options)
    return Stage.value({
      name: "LoRAUpdate",
      version: 1,
      grain: "step",
      needs: ["rollouts", "advantages"],
      gives: ["policy"],
      makes: Policy,
      options,
      owes: undefined,
      settles: undefined,
      run,
      reads: ["policy", "optimiser", ...timed(options)],
      tuning: ["microBatchGroups", "recompute"],
      prepare,
      preparedFrom: ["rank", "alpha", "rslora", "targets"],
      reserve,
      remake: LoRAUpdate.stage,
    })
  },
}
