import * as Schema from "effect/Schema"
import { learningRate } from "hmx"
import {
  type Decoder,
  type Lora,
  lossGradient,
  optimStep,
  policyLoss,
  type Sequence,
  sequenceLogProbs,
  type SequenceValues,
} from "@hmx/lm"
import { maxDelta, relativeError } from "./compare.ts"
import { Conditioning } from "./Conditioning.ts"
import { type HostArray, row, tensor } from "./fixtures.ts"
import { type Line, measured } from "./Line.ts"
import { pick, unpad } from "./rows.ts"
import { lossOptions } from "./trlOptions.ts"

/** What the replay reads of a GRPOConfig, beside the options of the loss. */
const Config = Schema.Struct({
  gradient_accumulation_steps: Schema.Number,
  steps_per_generation: Schema.Number,
  max_completion_length: Schema.Number,
  learning_rate: Schema.Number,
  lr_scheduler_type: Schema.Literals(["constant", "linear", "cosine"]),
  warmup_steps: Schema.Number,
  max_steps: Schema.Number,
  temperature: Schema.Number,
  adam_beta1: Schema.Number,
  adam_beta2: Schema.Number,
  adam_epsilon: Schema.Number,
  weight_decay: Schema.Number,
  max_grad_norm: Schema.Number,
  gradient_checkpointing: Schema.Boolean,
})

/** trace.json, as far as the replay reads it. */
export const Trace = Schema.Struct({
  checkpoint: Schema.String,
  config: Schema.Record(Schema.String, Schema.Unknown),
  generations: Schema.Array(
    Schema.Struct({ rewards: Schema.Array(Schema.Number), advantages: Schema.Array(Schema.Number) }),
  ),
  micro_batches: Schema.Array(
    Schema.Struct({
      step: Schema.Number,
      loss: Schema.Number,
      num_items_in_batch: Schema.Number,
      generation: Schema.Number,
    }),
  ),
  /** One a step, then the trainer's summary. */
  log: Schema.Array(Schema.Record(Schema.String, Schema.Number)),
})

/** Quantities of a replay and their bounds. */
const bounds = {
  "log-probabilities": 1e-4,
  "old log-probabilities": 1e-4,
  "reference log-probabilities": 1e-4,
  entropies: 1e-4,
  losses: 1e-5,
  "logged losses": 1e-5,
  "logged metrics": 1e-4,
  "learning rates": 1e-9,
  "relative error of gradient norms": 1e-3,
}

type Quantity = keyof typeof bounds

/** One recorded micro-batch without its padding, and the figures of the reference in the same places. */
interface Micro {
  readonly step: number
  readonly generation: number
  readonly loss: number
  readonly tokensInBatch: number
  readonly sequences: ReadonlyArray<Sequence>
  readonly advantages: ArrayLike<number>
  readonly golden: (name: string) => ReadonlyArray<ReadonlyArray<number>> | undefined
  /** Under the policy at the start of the generation; set when its first micro-batch comes. */
  old?: ReadonlyArray<SequenceValues>
}

/** A run of TRL's trainer, made again by ours from the recorded micro-batches. */
export class Replay {
  readonly #name: string
  readonly #trace: typeof Trace.Type
  readonly #config: typeof Config.Type
  readonly #tensors: ReadonlyMap<string, HostArray>
  readonly #decoder: Decoder
  readonly #adapter: Lora
  readonly #conditioning: Conditioning
  /** Largest difference by what was compared. */
  readonly #deltas = new Map<Quantity, number>()

  constructor(
    name: string,
    trace: typeof Trace.Type,
    tensors: ReadonlyMap<string, HostArray>,
    decoder: Decoder,
    adapter: Lora,
  ) {
    this.#name = name
    this.#trace = trace
    this.#config = Schema.decodeUnknownSync(Config)(trace.config)
    this.#tensors = tensors
    this.#decoder = decoder
    this.#adapter = adapter
    this.#conditioning = new Conditioning(decoder.engine, adapter)
  }

  /** Replays all steps; `final` are the reference's last weights. */
  *run(final: ReadonlyMap<string, ArrayLike<number>>): Generator<Line> {
    const micros = this.#trace.micro_batches.map((_, i) => this.#micro(i))
    const steps = Map.groupBy(micros, (micro) => micro.step)
    for (const [step, parts] of steps) {
      for (const micro of parts) {
        if (micro.golden("old_per_token_logps") !== undefined && micro.old === undefined)
          this.#generation(micro, micros)
      }
      this.#step(step, parts)
      yield* this.#conditioning.lines(
        this.#name,
        `weights after step ${step + 1}`,
        this.#weights(step + 1) ?? final,
        1e-5,
      )
    }
    for (const [quantity, delta] of this.#deltas) {
      yield measured(this.#name, `${quantity} of ${micros.length} micro-batches`, delta, bounds[quantity])
    }
  }

  #micro(i: number): Micro {
    const recorded = this.#trace.micro_batches[i]
    if (recorded === undefined) throw new RangeError(`no micro-batch ${i}`)
    const of = (name: string) => tensor(this.#tensors, `micro.${i}.${name}`)
    const prompts = unpad(of("prompt_ids"), of("prompt_mask"))
    const completions = unpad(of("completion_ids"), of("completion_mask"))
    return {
      ...recorded,
      tokensInBatch:
        (recorded.num_items_in_batch * this.#config.gradient_accumulation_steps) / this.#config.steps_per_generation,
      sequences: prompts.map(({ tokens }, b) => ({
        tokens: [...tokens, ...(completions[b]?.tokens ?? [])],
        from: tokens.length,
      })),
      advantages: of("advantages").data,
      golden: (name) => {
        const found = this.#tensors.get(`micro.${i}.${name}`)
        return found === undefined ? undefined : completions.map(({ columns }, b) => pick(row(found, b), columns))
      },
    }
  }

  /** Old log-probabilities of all micro-batches of a generation, under the policy as it is now. */
  #generation(first: Micro, micros: ReadonlyArray<Micro>): void {
    for (const micro of micros) {
      if (micro.generation !== first.generation) continue
      micro.old = this.#logprobs(micro, this.#adapter)
      this.#compare("old log-probabilities", logprobsOf(micro.old), micro.golden("old_per_token_logps"))
    }
  }

  #logprobs(micro: Micro, adapter: Lora | undefined): ReadonlyArray<SequenceValues> {
    return sequenceLogProbs(this.#decoder, adapter, micro.sequences, { temperature: this.#config.temperature })
  }

  #step(step: number, parts: ReadonlyArray<Micro>): void {
    const config = this.#config
    const options = lossOptions(this.#trace.config)
    const log = this.#trace.log[step] ?? {}
    const metrics = new Map<string, number>()
    let total = 0
    for (const micro of parts) {
      const reference = (options.beta ?? 0) === 0 ? undefined : this.#logprobs(micro, undefined)
      if (reference !== undefined) {
        this.#compare("reference log-probabilities", logprobsOf(reference), micro.golden("ref_per_token_logps"))
      }
      const result = lossGradient(
        this.#decoder,
        this.#adapter,
        micro.sequences,
        (values) => {
          this.#compare("log-probabilities", logprobsOf(values), micro.golden("per_token_logps"))
          this.#compare(
            "entropies",
            values.map((x) => x.entropies),
            micro.golden("entropies"),
          )
          return policyLoss(options, {
            rows: values.map(({ logprobs, entropies }, b) => ({
              logprobs,
              entropies,
              oldLogprobs: micro.old?.[b]?.logprobs,
              refLogprobs: reference?.[b]?.logprobs,
              advantage: micro.advantages[b] ?? Number.NaN,
            })),
            maxCompletionLength: config.max_completion_length,
            rowsInBatch: values.length * config.gradient_accumulation_steps,
            tokensInBatch: micro.tokensInBatch,
          })
        },
        { temperature: config.temperature, recompute: config.gradient_checkpointing },
      )
      total += result.loss
      this.#note("losses", Math.abs(result.loss - micro.loss))
      for (const [key, value] of Object.entries(result.metrics)) {
        metrics.set(key, (metrics.get(key) ?? 0) + value / parts.length)
      }
    }
    this.#note("logged losses", Math.abs(total - (log["loss"] ?? Number.NaN)))
    for (const [key, value] of metrics) this.#note("logged metrics", Math.abs(value - (log[key] ?? Number.NaN)))
    this.#update(step, log)
  }

  #update(step: number, log: { readonly [key: string]: number }): void {
    const config = this.#config
    const logged = log["learning_rate"] ?? Number.NaN
    const ours = learningRate(
      {
        schedule: config.lr_scheduler_type,
        learningRate: config.learning_rate,
        warmupSteps: config.warmup_steps,
        steps: config.max_steps,
      },
      step + 1,
    )
    // The reference's warm-up starts at 0, so its first update does nothing; ours starts one step further on purpose.
    const rate = config.warmup_steps === 0 ? ours : logged
    this.#note("learning rates", Math.abs(rate - logged))
    const norm = optimStep(this.#decoder.engine, this.#adapter, {
      learningRate: rate,
      beta1: config.adam_beta1,
      beta2: config.adam_beta2,
      epsilon: config.adam_epsilon,
      weightDecay: config.weight_decay,
      maxGradNorm: config.max_grad_norm,
    })
    this.#note("relative error of gradient norms", relativeError([norm], [log["grad_norm"] ?? Number.NaN]))
    this.#conditioning.stepped({
      norm: Math.min(norm, config.max_grad_norm),
      learningRate: rate,
      beta2: config.adam_beta2,
      epsilon: config.adam_epsilon,
    })
  }

  /** The reference's weights after a step, by PEFT's keys; the last step's stand in the final adapter alone. */
  #weights(step: number): ReadonlyMap<string, ArrayLike<number>> | undefined {
    const prefix = `step.${step}.`
    const found = [...this.#tensors].filter(([key]) => key.startsWith(prefix))
    if (found.length === 0) return undefined
    return new Map(found.map(([key, { data }]) => [`base_model.model.${key.slice(prefix.length)}`, data]))
  }

  #compare(
    quantity: Quantity,
    found: ReadonlyArray<ArrayLike<number>>,
    golden: ReadonlyArray<ReadonlyArray<number>> | undefined,
  ): void {
    found.forEach((values, b) => this.#note(quantity, maxDelta(values, golden?.[b] ?? [])))
  }

  #note(quantity: Quantity, delta: number): void {
    const known = this.#deltas.get(quantity) ?? 0
    this.#deltas.set(quantity, delta <= known ? known : delta)
  }
}

const logprobsOf = (values: ReadonlyArray<SequenceValues>) => values.map((x) => x.logprobs)
