/**
 * Iterations of GRPO with a self-judging reward through hmx's language model, in a process of its own so that its peak memory is its own.
 * `node ours.ts JSON`, see `Job`; prints one JSON object.
 */
import { LocalLanguageModel } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { LanguageModel, type Completion, type LanguageModel as Model } from "hmx"
import type { Workload } from "./workload.ts"
import { inputs } from "./workload.ts"

/** What this process is asked to do. */
export interface Job extends Workload {
  readonly checkpointFolder: string
  readonly device: string
  readonly threads: number
  readonly steps: number
  /** Bytes of activations that an update keeps. */
  readonly keepBytes: number
}

/** Seconds of a step's phases. */
export interface Step {
  readonly rollout: number
  readonly judge: number
  readonly update: number
  readonly total: number
}

export interface Ours {
  readonly steps: ReadonlyArray<Step>
  /** Seconds of a rollout up to its first tokens, measured by itself. */
  readonly prefill: number
  /** Completion tokens that the rollout of a step made, and the judge's. */
  readonly rolloutTokens: number
  readonly judgeTokens: number
  readonly loadSeconds: number
  /** MiB of resident memory, and of the engine's tensors. */
  readonly peakRss: number
  readonly peakTensors: number
  readonly engine: Model["Service"]["info"]["engine"]
}

const adapter = "policy"

/** (r − mean) / (std + 1e-4) within a group, as TRL's. */
const advantages = (rewards: ReadonlyArray<number>): ReadonlyArray<number> => {
  const mean = rewards.reduce((a, b) => a + b, 0) / rewards.length
  const squares = rewards.reduce((sum, r) => sum + (r - mean) ** 2, 0)
  const deviation = Math.sqrt(squares / Math.max(1, rewards.length - 1))
  return rewards.map((r) => (r - mean) / (deviation + 1e-4))
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    const value = yield* effect
    return [value, (performance.now() - start) / 1000] as const
  })

const together = { concurrency: "unbounded" } as const

const rollout = (job: Job, step: number, maxNewTokens: number) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    // Text in and text out, as in a pipeline.
    const texts = inputs(job, step).prompts.map((prompt) => prompt.map((token) => `w${token}`).join(" "))
    const prompts = yield* lm.encode(texts)
    const groups = yield* Effect.forEach(
      prompts,
      (prompt, i) =>
        lm.sample({
          prompt,
          n: job.groupSize,
          params: { maxNewTokens },
          key: { seed: job.seed, step, prompt: i },
          by: { adapter },
        }),
      together,
    )
    yield* lm.decode(groups.flatMap((group) => group.map(({ tokens }) => tokens)))
    return groups
  })

/** The policy generates after a rubric prompt that ends with the completion; the score is any fixed function of what it says. */
const judge = (job: Job, step: number, groups: ReadonlyArray<ReadonlyArray<Completion>>) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { rubric } = inputs(job, step)
    return yield* Effect.forEach(
      groups,
      (group) =>
        Effect.forEach(
          group,
          ({ tokens }) =>
            lm
              .sample({
                prompt: [...rubric.slice(0, job.judgePrompt - tokens.length), ...tokens],
                n: 1,
                params: { maxNewTokens: job.judgeTokens, temperature: 0 },
                key: { seed: job.seed, step, prompt: 0 },
                by: { adapter },
              })
              .pipe(Effect.map(([said]) => said?.tokens ?? [])),
          together,
        ),
      together,
    )
  })

const update = (
  job: Job,
  step: number,
  groups: ReadonlyArray<ReadonlyArray<Completion>>,
  judged: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>,
) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { prompts } = inputs(job, step)
    const batch = groups.map((group, g) => {
      const values = advantages((judged[g] ?? []).map((said) => said.reduce((a, b) => a + b, 0) / said.length))
      return {
        prompt: prompts[g] ?? [],
        completions: group.map(({ tokens }, i) => ({ tokens, advantage: values[i] ?? 0 })),
      }
    })
    // What has no gradient is not computed, which the baseline does: the bench is of groups that have one.
    if (batch.some(({ completions }) => completions.every(({ advantage }) => advantage === 0)))
      throw new Error(`a group of step ${step} was judged without a difference`)
    // Group by group, as the baseline's micro-batches: the gradient is the same, the peak is one group's.
    const all = batch.flatMap(({ completions }) => completions)
    for (const group of batch)
      yield* lm.forwardBackward({
        adapter,
        groups: [group],
        loss: { loss: "dapo" },
        maxCompletionLength: job.newTokens,
        rowsInBatch: all.length,
        tokensInBatch: all.reduce((sum, { tokens }) => sum + tokens.length, 0),
        keepBytes: job.keepBytes,
      })
    yield* lm.optimStep({ adapter, learningRate: 1e-5, maxGradNorm: 1 })
  })

const count = (lists: ReadonlyArray<ReadonlyArray<number>>): number => lists.reduce((sum, list) => sum + list.length, 0)

const work = Effect.fnUntraced(function* (job: Job, started: number) {
  const lm = yield* LanguageModel
  const loadSeconds = (performance.now() - started) / 1000
  yield* lm.createAdapter(adapter, { rank: job.loraRank }, job.seed)
  const steps: Array<Step> = []
  let counts = { rolloutTokens: 0, judgeTokens: 0 }
  for (let step = 0; step < job.steps; step++) {
    const [groups, rolloutSeconds] = yield* timed(rollout(job, step, job.newTokens))
    const [judged, judgeSeconds] = yield* timed(judge(job, step, groups))
    const [, updateSeconds] = yield* timed(update(job, step, groups, judged))
    const total = rolloutSeconds + judgeSeconds + updateSeconds
    steps.push({ rollout: rolloutSeconds, judge: judgeSeconds, update: updateSeconds, total })
    process.stderr.write(`# ours ${JSON.stringify(steps.at(-1))}\n`)
    counts = {
      rolloutTokens: count(groups.flatMap((group) => group.map(({ tokens }) => tokens))),
      judgeTokens: count(judged.flat()),
    }
  }
  const peakRss = process.resourceUsage().maxRSS / 1024
  const { peak } = yield* lm.memory()
  const [, prefill] = yield* timed(rollout(job, 0, 1))
  const ours: Ours = {
    steps,
    prefill,
    ...counts,
    loadSeconds,
    peakRss,
    peakTensors: peak / 2 ** 20,
    engine: lm.info.engine,
  }
  process.stdout.write(`${JSON.stringify(ours)}\n`)
})

// Written by the bench itself.
const job: Job = JSON.parse(process.argv[2] ?? "{}")
const layer = LocalLanguageModel.layer({
  checkpointFolder: job.checkpointFolder,
  engineModule: import.meta.resolve("@hmx/engine-torch"),
  engineOptions: { device: job.device, threads: job.threads },
})
await Effect.runPromise(work(job, performance.now()).pipe(Effect.provide(layer)))
