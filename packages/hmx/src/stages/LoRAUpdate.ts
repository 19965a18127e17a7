import * as Effect from "effect/Effect"
import type { GroupAdvantages } from "../advantage/groupAdvantages.ts"
import { byBatch, ofBatch } from "../advantage/batchAdvantages.ts"
import { type Advantages, Policy, type Rollouts } from "../Artefact.ts"
import { oneOf, whole, within } from "../checks.ts"
import {
  BadInput,
  type DeviceLost,
  NonFinite,
  NoSignal,
  type OutOfMemory,
  type RemoteUnavailable,
  StaleRollouts,
} from "../Errors.ts"
import { LanguageModel, type LoraOptions, type ModelShape, type TrainGroup } from "../LanguageModel.ts"
import type { LossOptions } from "../Loss.ts"
import { learningRate, type Schedule } from "../schedule/learningRate.ts"
import * as Stage from "../Stage.ts"
import { Step } from "../Step.ts"

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
  /** AdamW. Defaults 0.9, 0.999, 1e-8, 0. */
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
  /** Recompute each layer in the backward pass in place of keeping its activations. Default false. */
  readonly recompute?: boolean | undefined
}
type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined }

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

interface StepInput {
  readonly rollouts: ReadonlyArray<Rollouts>
  readonly advantages: ReadonlyArray<Advantages>
}

interface Group {
  readonly rollouts: Rollouts
  readonly advantages: GroupAdvantages & Partial<Pick<Advantages, "batch">>
}

const run = ({ advantages, rollouts }: StepInput, options: LoRAUpdateOptions) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { adapter, policy, step, steps } = yield* Step
    for (const { policy: found } of rollouts) {
      if (found.base !== policy.base || found.adapter !== policy.adapter || found.step !== policy.step) {
        return yield* new StaleRollouts({ expected: named(policy), found: named(found) })
      }
    }
    const groups = scaled(
      rollouts.flatMap((r, i) => (advantages[i] === undefined ? [] : [{ rollouts: r, advantages: advantages[i] }])),
    )
    const live = groups.filter((g) => g.advantages.values.some((v) => v !== null && v !== 0))
    if (live.length === 0) return yield* new NoSignal({ liveGroups: 0, rewards: rewardsOf(groups) })

    const { maskTruncated = false, numIterations = 1, microBatchGroups = live.length } = options
    const inLoss = groups.flatMap((g) => g.rollouts.completions.filter((_, i) => isInLoss(g, i, maskTruncated)))
    // Groups without signal are not trained on and still count in the divisors: with β = 0 the gradient is that of the whole batch.
    const whole = {
      tokensInBatch: inLoss.reduce((sum, c) => sum + c.tokens.length, 0),
      rowsInBatch: groups.reduce((sum, g) => sum + g.rollouts.completions.length, 0),
      maxCompletionLength: Math.max(...groups.flatMap((g) => g.rollouts.completions.map((c) => c.tokens.length))),
    }
    const measured: Array<{ readonly [name: string]: number }> = []
    let digest = policy.adapter
    for (let iteration = 0; iteration < numIterations; iteration++) {
      const parts: Array<{ readonly weight: number; readonly metrics: { readonly [name: string]: number } }> = []
      let loss = 0
      for (let from = 0; from < live.length; from += microBatchGroups) {
        const batch = live.slice(from, from + microBatchGroups)
        const result = yield* lm.forwardBackward({
          adapter,
          groups: batch.map((g) => trained(g, maskTruncated, iteration > 0)),
          loss: lossOf(options),
          temperature: batch[0]?.rollouts.temperature ?? 1,
          recompute: options.recompute ?? false,
          ...whole,
        })
        if (!Number.isFinite(result.loss)) return yield* new NonFinite({ tensor: "loss" })
        loss += result.loss
        parts.push({ weight: batch.length, metrics: result.metrics })
      }
      const rate = learningRate(
        {
          schedule: options.schedule ?? "constant",
          learningRate: options.learningRate,
          warmupSteps: options.warmupSteps ?? 0,
          steps: steps * numIterations,
        },
        (step - 1) * numIterations + iteration + 1,
      )
      const { adapterDigest, gradNorm } = yield* lm.optimStep({
        adapter,
        learningRate: rate,
        beta1: options.beta1 ?? 0.9,
        beta2: options.beta2 ?? 0.999,
        epsilon: options.adamEpsilon ?? 1e-8,
        weightDecay: options.weightDecay ?? 0,
        maxGradNorm: options.maxGradNorm ?? 1,
      })
      if (!Number.isFinite(gradNorm)) return yield* new NonFinite({ tensor: "gradient" })
      digest = adapterDigest
      measured.push({ ...averaged(parts), loss, grad_norm: gradNorm, learning_rate: rate })
    }
    if (digest === policy.adapter) {
      return yield* new BadInput({
        where: "LoRAUpdate.learningRate",
        found: `${options.learningRate}, which changed no weight of the adapter`,
        expected: "a rate that changes it",
      })
    }
    return new Policy({
      ref: { base: policy.base, adapter: digest, step: policy.step + 1 },
      updated: true,
      metrics: { ...averaged(measured.map((metrics) => ({ weight: 1, metrics }))), ...batchMetrics(groups) },
    })
  }).pipe(
    // Whatever ends an update before its optimiser step leaves no gradient behind for the next one.
    Effect.onError(() =>
      Effect.ignore(
        Effect.gen(function* () {
          yield* (yield* LanguageModel).zeroGrad((yield* Step).adapter)
        }),
      ),
    ),
  )

const named = (ref: { readonly base: string; readonly adapter: string; readonly step: number }): string =>
  `${ref.base}/${ref.adapter} after ${ref.step} updates`

/** Divides by the step's standard deviation where GroupAdvantage has left it to this stage. */
const scaled = (groups: ReadonlyArray<Group>): ReadonlyArray<Group> => {
  const batch = groups[0]?.advantages.batch
  if (batch === undefined) return groups
  const divided = byBatch(
    groups.map((g) => g.advantages),
    batch,
  )
  return groups.map((g, i) => ({ ...g, advantages: divided[i] ?? g.advantages }))
}

/** The rewards of a step in which nothing differs from its group's mean. */
const rewardsOf = (groups: ReadonlyArray<Group>): ReadonlyArray<number> =>
  groups.flatMap((g) => g.advantages.values.flatMap((v) => (v === null ? [] : [g.advantages.mean])))

const isInLoss = (group: Group, i: number, maskTruncated: boolean): boolean =>
  (group.advantages.values[i] ?? null) !== null &&
  !(maskTruncated && group.rollouts.completions[i]?.finish === "length")

/** In the first iteration the policy is the one that sampled: the ratio is 1, and no old log-probabilities are needed. */
const trained = (group: Group, maskTruncated: boolean, old: boolean): TrainGroup => ({
  prompt: group.rollouts.promptTokens,
  completions: group.rollouts.completions.map((c, i) => ({
    tokens: c.tokens,
    advantage: group.advantages.values[i] ?? 0,
    inLoss: isInLoss(group, i, maskTruncated),
    ...(old ? { oldLogprobs: c.logprobs } : {}),
  })),
})

const lossOf = (options: LoRAUpdateOptions): LossOptions => {
  const { beta, biasCorrectionKl, delta, epsilon, epsilonHigh, importanceSampling, loss } = options
  return {
    loss,
    ...(beta === undefined ? {} : { beta }),
    ...(epsilon === undefined ? {} : { epsilon }),
    ...(epsilonHigh === undefined ? {} : { epsilonHigh }),
    ...(delta === undefined ? {} : { delta }),
    ...(biasCorrectionKl === undefined ? {} : { biasCorrectionKl }),
    ...(importanceSampling === undefined ? {} : { importanceSampling }),
  }
}

/** Weighted mean of each metric over the parts that have it. */
const averaged = (
  parts: ReadonlyArray<{ readonly weight: number; readonly metrics: { readonly [name: string]: number } }>,
): { readonly [name: string]: number } => {
  const names = new Set(parts.flatMap((p) => Object.keys(p.metrics)))
  const mean = (name: string) => {
    let sum = 0
    let weights = 0
    for (const { metrics, weight } of parts) {
      const value = metrics[name]
      if (value === undefined) continue
      sum += weight * value
      weights += weight
    }
    return sum / weights
  }
  return Object.fromEntries([...names].map((name) => [name, mean(name)]))
}

const mean = (ns: ReadonlyArray<number>): number => ns.reduce((a, b) => a + b, 0) / ns.length

/** What TRL logs of a batch whatever the update does. */
const batchMetrics = (groups: ReadonlyArray<Group>): { readonly [name: string]: number } => {
  const rewards = ofBatch(groups.map((g) => g.advantages))
  const completions = groups.flatMap((g) => g.rollouts.completions)
  const lengths = completions.map((c) => c.tokens.length)
  return {
    reward: rewards.mean,
    reward_std: rewards.std,
    frac_reward_zero_std: mean(groups.map((g) => (g.advantages.std === 0 ? 1 : 0))),
    "completions/mean_length": mean(lengths),
    "completions/min_length": Math.min(...lengths),
    "completions/max_length": Math.max(...lengths),
    "completions/clipped_ratio": mean(completions.map((c) => (c.finish === "length" ? 1 : 0))),
  }
}

const lora = ({ alpha, rank, rslora, targets }: LoRAUpdateOptions): LoraOptions => ({
  rank,
  alpha: alpha ?? 2 * rank,
  rslora: rslora ?? false,
  targets: targets ?? "all-linear",
})

const prepare = (options: LoRAUpdateOptions) =>
  Effect.gen(function* () {
    const { adapter, seed } = yield* Step
    return yield* (yield* LanguageModel).createAdapter(adapter, lora(options), seed)
  })

/** In and out of each linear layer that LoRA can stand beside, by PEFT's names. */
const linears = (s: ModelShape): { readonly [name: string]: readonly [number, number] } => ({
  q_proj: [s.hidden, s.heads * s.headDim],
  k_proj: [s.hidden, s.kvHeads * s.headDim],
  v_proj: [s.hidden, s.kvHeads * s.headDim],
  o_proj: [s.heads * s.headDim, s.hidden],
  gate_proj: [s.hidden, s.ffn],
  up_proj: [s.hidden, s.ffn],
  down_proj: [s.ffn, s.hidden],
})

export const LoRAUpdate = {
  /**
   * One update (or `numIterations`) of the adapter on the groups of this step. Groups without signal are left out; none left is
   * NoSignal. Throws a RangeError where an option is out of its range.
   */
  stage: (options: LoRAUpdateOptions): LoRAUpdate => {
    whole("rank", options.rank, 1)
    within("learningRate", options.learningRate, { above: 0 })
    oneOf("loss", options.loss, ["grpo", "dapo", "bnpo", "dr_grpo", "gspo", "cispo", "sapo", "luspo", "vespo"])
    return Stage.value({
      name: "LoRAUpdate",
      version: 1,
      grain: "step",
      needs: ["rollouts", "advantages"],
      gives: ["policy"],
      makes: Policy,
      options: resolved(options),
      owes: undefined,
      settles: undefined,
      run,
      prepare,
      remake: LoRAUpdate.stage,
      reserve: (shape, _options, load) => {
        const of = linears(shape)
        const targets =
          options.targets === undefined || options.targets === "all-linear" ? Object.keys(of) : options.targets
        const perLayer = targets.reduce(
          (sum, name) => sum + options.rank * ((of[name]?.[0] ?? 0) + (of[name]?.[1] ?? 0)),
          0,
        )
        const perGroup = load.promptTokens + load.groupSize * load.maxNewTokens
        const tokens = Math.min(options.microBatchGroups ?? load.prompts.perStep, load.prompts.perStep) * perGroup
        const kept = 8 * shape.hidden + 4 * shape.heads * shape.headDim + 4 * shape.ffn
        return [
          { part: "adapter and optimiser", bytes: perLayer * shape.layers * 4 * 4 },
          {
            part: "activations",
            bytes: 4 * tokens * (options.recompute === true ? shape.layers * shape.hidden + kept : shape.layers * kept),
          },
          { part: "logits", bytes: 3 * 4 * Math.min(tokens, 1024) * shape.vocab },
        ]
      },
    })
  },
}

/** Every option has its key, so that a sweep finds it, and its default, so that it is part of the identity. */
const resolved = (o: LoRAUpdateOptions): LoRAUpdateOptions => ({
  rank: o.rank,
  learningRate: o.learningRate,
  loss: o.loss,
  alpha: o.alpha ?? 2 * o.rank,
  rslora: o.rslora ?? false,
  targets: o.targets ?? "all-linear",
  schedule: o.schedule ?? "constant",
  warmupSteps: o.warmupSteps ?? 0,
  beta1: o.beta1 ?? 0.9,
  beta2: o.beta2 ?? 0.999,
  adamEpsilon: o.adamEpsilon ?? 1e-8,
  weightDecay: o.weightDecay ?? 0,
  maxGradNorm: o.maxGradNorm ?? 1,
  numIterations: o.numIterations ?? 1,
  maskTruncated: o.maskTruncated ?? false,
  microBatchGroups: o.microBatchGroups,
  recompute: o.recompute ?? false,
  beta: o.beta ?? 0,
  epsilon: o.epsilon ?? 0.2,
  epsilonHigh: o.epsilonHigh,
  delta: o.delta,
  biasCorrectionKl: o.biasCorrectionKl ?? true,
  importanceSampling: o.importanceSampling,
})
