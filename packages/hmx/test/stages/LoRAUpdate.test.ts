import * as Effect from "effect/Effect"
import { Artefact, Errors, LoRAUpdate, type LoRAUpdateOptions, type LossOptions, Reserved, Sample, Stage } from "hmx"
import fc from "fast-check"
import { expect, test } from "vitest"
import { policy, scripted, shape, type Script } from "../scripted.ts"
import { advantages, completion, rollouts } from "./group.ts"

const base = { rank: 4, learningRate: 0.01, loss: "dapo" } as const
const three = {
  rollouts: [
    rollouts([completion("abc"), completion("de", "length"), completion("f")]),
    rollouts([completion("gg"), completion("hh")]),
    rollouts([completion("i"), completion("jj", "length")]),
  ],
  // The second group has no signal; the third an unscored completion.
  advantages: [
    advantages([1, -1, 0]),
    new Artefact.Advantages({ values: [0, 0], mean: 0.5, std: 0 }),
    advantages([2, null]),
  ],
}
const updated = async (
  options: Partial<Parameters<typeof LoRAUpdate.stage>[0]>,
  script: Script = {},
  input: typeof three = three,
) => {
  const { asked, layer } = scripted(script)
  const stage = LoRAUpdate.stage({ ...base, ...options })
  const result = await Effect.runPromise(Effect.result(Stage.run(stage, input).pipe(Effect.provide(layer))))
  return { asked, result }
}
const succeeded = async (...args: Parameters<typeof updated>) => {
  const { asked, result } = await updated(...args)
  if (result._tag !== "Success" || !(result.success instanceof Artefact.Policy)) throw new Error("it failed")
  return { asked, policy: result.success }
}
const failed = async (...args: Parameters<typeof updated>) => {
  const { asked, result } = await updated(...args)
  if (result._tag !== "Failure") throw new Error("it did not fail")
  return { asked, error: result.failure }
}

test("trains on the groups with signal, and divides by the whole batch", async () => {
  const { asked } = await succeeded({})
  expect(asked.backwards.length).toBe(1)
  const [request] = asked.backwards
  expect(request?.groups.map((g) => g.completions.map((c) => [c.advantage, c.inLoss]))).toEqual([
    [
      [1, true],
      [-1, true],
      [0, true],
    ],
    [
      [2, true],
      [0, false],
    ],
  ])
  // 4 + 2 + 2, 3 + 3, and 2 tokens: all but the unscored completion.
  expect(request).toMatchObject({
    adapter: "train",
    temperature: 0.8,
    maxCompletionLength: 20,
    tokensInBatch: 16,
    rowsInBatch: 7,
    loss: { loss: "dapo", beta: 0, epsilon: 0.2, biasCorrectionKl: true },
  })
  expect(request?.groups[0]?.completions.some((c) => c.oldLogprobs !== undefined)).toBe(false)
})

test("says what it measured, under TRL's names, and who the policy is now", async () => {
  const { policy: made } = await succeeded({ warmupSteps: 8 }, { metrics: () => ({ kl: 0.25 }) })
  expect(made.ref).toEqual({ base: "base", adapter: "a1", step: 4 })
  expect(made.updated).toBe(true)
  const { reward_std, ...rest } = made.metrics
  expect(reward_std).toBeGreaterThan(0)
  expect(rest).toEqual({
    kl: 0.25,
    loss: 0.5,
    grad_norm: 2,
    learning_rate: 0.005,
    reward: 0.5,
    frac_reward_zero_std: 1 / 3,
    "completions/mean_length": 18 / 7,
    "completions/min_length": 2,
    "completions/max_length": 4,
    "completions/clipped_ratio": 2 / 7,
  })
})

test("maskTruncated keeps cut-off completions out of the loss and of its divisor", async () => {
  const { asked } = await succeeded({ maskTruncated: true })
  expect(asked.backwards[0]?.groups[0]?.completions.map((c) => c.inLoss)).toEqual([true, false, true])
  expect(asked.backwards[0]?.tokensInBatch).toBe(14)
})

test("micro-batches have the divisors of the whole, and their figures are put together", async () => {
  const { asked, policy: made } = await succeeded(
    { microBatchGroups: 1 },
    {
      metrics: (r) => ({
        kl: r.groups[0]?.completions.length ?? 0,
        "clip_ratio/low_min": r.groups[0]?.completions.length ?? 0,
      }),
    },
  )
  expect(asked.backwards.map((r) => [r.groups.length, r.tokensInBatch, r.rowsInBatch])).toEqual([
    [1, 16, 7],
    [1, 16, 7],
  ])
  expect(asked.optims.length).toBe(1)
  // The loss is a sum; means are weighted by the tokens in the loss: 8 and 2.
  expect(made.metrics["loss"]).toBe(1)
  expect(made.metrics["kl"]).toBeCloseTo((3 * 8 + 2 * 2) / 10, 12)
  expect(made.metrics["clip_ratio/low_min"]).toBe(2)
})

test("every option of the loss, and recompute, arrives in the request", async () => {
  const table: ReadonlyArray<readonly [string, object]> = Object.entries({
    loss: { loss: "cispo" },
    beta: { beta: 0.3 },
    epsilon: { epsilon: 0.15 },
    epsilonHigh: { epsilonHigh: 0.28 },
    delta: { delta: 1.7 },
    biasCorrectionKl: { biasCorrectionKl: false },
    importanceSampling: { importanceSampling: "sequence" },
    sapoTemperaturePos: { sapoTemperaturePos: 0.3 },
    sapoTemperatureNeg: { sapoTemperatureNeg: 0.4 },
    vespoKPos: { vespoKPos: 0.5 },
    vespoLambdaPos: { vespoLambdaPos: 0.6 },
    vespoKNeg: { vespoKNeg: 0.7 },
    vespoLambdaNeg: { vespoLambdaNeg: 0.8 },
    topEntropyQuantile: { topEntropyQuantile: 0.9 },
    offPolicyMaskThreshold: { offPolicyMaskThreshold: 0.5 },
  } satisfies { readonly [K in keyof LossOptions & keyof LoRAUpdateOptions]-?: { readonly [P in K]: LossOptions[K] } })
  for (const [name, option] of table) {
    const { asked } = await succeeded(option)
    expect(asked.backwards[0]?.loss, name).toMatchObject(option)
  }
  for (const recompute of [true, false]) {
    const { asked } = await succeeded({ recompute })
    expect(asked.backwards[0]).toMatchObject({ recompute })
    expect(asked.backwards[0]?.keepBytes).toBeUndefined()
  }
})

test("keeps the activations that were reserved, and without a plan what the engine's own limit allows", async () => {
  const { asked, layer } = scripted()
  const update = Stage.run(LoRAUpdate.stage(base), three)
  const reserved = [
    { part: "activations", bytes: 900 },
    { part: "kept activations", bytes: 77 },
  ]
  await Effect.runPromise(Effect.provideService(update, Reserved, reserved).pipe(Effect.provide(layer)))
  await Effect.runPromise(update.pipe(Effect.provide(layer)))
  expect(asked.backwards.map(({ keepBytes, recompute }) => [keepBytes, recompute])).toEqual([
    [77, undefined],
    [undefined, undefined],
  ])
})

test("further iterations on the same rollouts have old log-probabilities, and go on in the schedule", async () => {
  const { asked, policy: made } = await succeeded({ numIterations: 2, schedule: "linear" })
  expect(asked.backwards.map((r) => r.groups[0]?.completions[0]?.oldLogprobs)).toEqual([
    undefined,
    [-0.5, -0.5, -0.5, -0.5],
  ])
  expect(asked.optims.map((o) => o.learningRate)).toEqual([0.01 * (1 - 6 / 40), 0.01 * (1 - 7 / 40)])
  expect(made.ref).toMatchObject({ adapter: "a2", step: 4 })
})

test("AdamW's options arrive", async () => {
  const { asked } = await succeeded({
    beta1: 0.8,
    beta2: 0.95,
    adamEpsilon: 1e-6,
    weightDecay: 0.1,
    maxGradNorm: 0.5,
  })
  expect(asked.optims).toEqual([
    {
      adapter: "train",
      learningRate: 0.01,
      beta1: 0.8,
      beta2: 0.95,
      epsilon: 1e-6,
      weightDecay: 0.1,
      maxGradNorm: 0.5,
    },
  ])
})

const byBatch = (values: ReadonlyArray<number>, std: number) =>
  new Artefact.Advantages({ values, mean: 0.5, std, batch: { stdEpsilon: 0.1 } })

test("divides by the batch's deviation where GroupAdvantage has left it to it", async () => {
  const input = {
    rollouts: [rollouts([completion("a"), completion("b")]), rollouts([completion("c"), completion("d")])],
    advantages: [byBatch([0.5, -0.5], Math.sqrt(0.5)), byBatch([0, 0], 0)],
  }
  const { asked } = await succeeded({}, {}, input)
  // All four rewards: 1, 0, .5, .5.
  const std = Math.sqrt(0.5 / 3)
  expect(asked.backwards[0]?.groups.length).toBe(1)
  expect(asked.backwards[0]?.groups[0]?.completions[0]?.advantage).toBeCloseTo(0.5 / (std + 0.1), 12)
})

test("rollouts of another policy are refused", async () => {
  const input = {
    ...three,
    rollouts: [...three.rollouts.slice(1), rollouts([completion("x")], { ...policy, step: 2 })],
  }
  const { asked, error } = await failed({}, {}, input)
  expect(error).toEqual(new Errors.StaleRollouts({ expected: "base+a0 (3 updates)", found: "base+a0 (2 updates)" }))
  expect(asked.backwards).toEqual([])
})

test("a step in which no group has signal is no update", async () => {
  const flat = new Artefact.Advantages({ values: [0, 0], mean: 0.25, std: 0 })
  const input = { rollouts: three.rollouts.slice(1, 2), advantages: [flat] }
  const { error } = await failed({}, {}, input)
  expect(error).toEqual(new Errors.NoSignal({ liveGroups: 0, rewards: [0.25, 0.25] }))
})

test("a loss or gradient that is not finite moves nothing on, and leaves no gradient behind", async () => {
  const loss = await failed({}, { loss: Number.NaN })
  expect(loss.error).toEqual(new Errors.NonFinite({ tensor: "loss" }))
  expect([loss.asked.optims.length, loss.asked.zeroed]).toEqual([0, 1])
  const gradient = await failed({}, { gradNorm: Number.POSITIVE_INFINITY })
  expect(gradient.error).toEqual(new Errors.NonFinite({ tensor: "gradient" }))
})

test("an update that changes nothing is bad input, not a success", async () => {
  const { error } = await failed({ learningRate: 1e-30 }, { moves: false })
  expect(error).toEqual(
    new Errors.BadInput({
      where: "LoRAUpdate: learningRate",
      found: "1e-30, which changed no weight of the adapter",
      expected: "a rate that changes it",
    }),
  )
})

test("makes the adapter that the step names, from the experiment's seed", async () => {
  const { asked, layer } = scripted()
  const prepare = Stage.prepare(LoRAUpdate.stage({ ...base, rslora: true, targets: ["q_proj"] }))
  if (prepare === undefined) throw new Error("nothing to prepare")
  expect(await Effect.runPromise(prepare.pipe(Effect.provide(layer)))).toBe("a0")
  expect(asked.adapters).toEqual([["train", { rank: 4, alpha: 8, rslora: true, targets: ["q_proj"] }, 7]])
  expect(Stage.prepare(Sample.stage({ groupSize: 2, maxNewTokens: 1 }))).toBeUndefined()
})

const load = {
  model: { kind: "nano" },
  prompts: { kind: "inline", train: [], heldOut: [], perStep: 8 },
  memory: "1 GiB",
  steps: 1,
  seed: 1,
  groupSize: 8,
  promptTokens: 10,
  maxNewTokens: 10,
} as const
/** Bytes of an update beside weights, adapter and moments; and of those that are kept for the backward pass. */
const reservedBy = (options: object, room?: number) => {
  const within = room === undefined ? load : { ...load, room }
  const parts = Stage.reserve(LoRAUpdate.stage({ ...base, ...options }), shape, within).filter((r) => r.stays !== true)
  const sum = (some: typeof parts) => some.reduce((all, { bytes }) => all + bytes, 0)
  return {
    all: sum(parts),
    kept: sum(parts.filter((r) => r.part === "kept activations")),
    activations: sum(parts.filter((r) => r.part.endsWith("activations"))),
  }
}

test("recomputation and small micro-batches are reserved as what they are", () => {
  expect(reservedBy({ recompute: true }).all).toBeLessThan(reservedBy({ recompute: false }).all)
  expect(reservedBy({ recompute: true }).kept).toBe(0)
  expect(reservedBy({ microBatchGroups: 2 }).activations * 4).toBe(reservedBy({}).activations)
  // Nobody has said that there is a limit.
  expect(reservedBy({})).toEqual(reservedBy({ recompute: false }))
})

test("as many layers are kept as the budget has room for", () => {
  const all = reservedBy({ recompute: false })
  const none = reservedBy({ recompute: true })
  expect(reservedBy({}, all.all)).toEqual(all)
  const layer = all.kept / shape.layers
  expect(reservedBy({}, all.all - 1).kept).toBeLessThanOrEqual(all.kept - layer)
  // Too little for any: what it takes at the least is what the plan refuses.
  expect(reservedBy({}, 0)).toEqual(none)
  fc.assert(
    fc.property(fc.integer({ min: Math.ceil(none.all), max: Math.ceil(all.all) }), fc.nat(1000), (room, more) => {
      const found = reservedBy({}, room)
      expect(found.all).toBeLessThanOrEqual(room)
      expect(found.kept % layer).toBe(0)
      expect(reservedBy({}, room + more).kept).toBeGreaterThanOrEqual(found.kept)
    }),
  )
})

test("what its options cannot be is said when it is made", () => {
  const refused: ReadonlyArray<readonly [object, string]> = [
    [{ rank: 0 }, "rank must be a whole number of at least 1, not 0"],
    [{ alpha: 0 }, "alpha must be above 0, not 0"],
    [{ learningRate: Number.NaN }, "learningRate must be above 0, not NaN"],
    [{ schedule: "cosin" }, "schedule must be one of constant, linear, cosine, not cosin"],
    [{ warmupSteps: -1 }, "warmupSteps must be a whole number of at least 0, not -1"],
    [{ beta1: 1 }, "beta1 must be at least 0 and below 1, not 1"],
    [{ beta2: -0.1 }, "beta2 must be at least 0 and below 1, not -0.1"],
    [{ adamEpsilon: 0 }, "adamEpsilon must be above 0, not 0"],
    [{ weightDecay: -1 }, "weightDecay must be at least 0, not -1"],
    [{ maxGradNorm: 0 }, "maxGradNorm must be above 0, not 0"],
    [{ numIterations: 0 }, "numIterations must be a whole number of at least 1, not 0"],
    [{ microBatchGroups: 0 }, "microBatchGroups must be a whole number of at least 1, not 0"],
    [{ recompute: "never" }, 'recompute must be true, false or "auto", not never'],
    [{ beta: -1 }, "beta must be at least 0, not -1"],
    [{ epsilon: 0 }, "epsilon must be above 0, not 0"],
    [{ targets: [] }, "targets must name at least one linear layer"],
    [
      { targets: ["qproj"] },
      "targets must be one of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, not qproj",
    ],
  ]
  for (const [change, message] of refused) {
    expect(() => LoRAUpdate.stage({ ...base, ...change })).toThrow(new RangeError(message))
  }
})
