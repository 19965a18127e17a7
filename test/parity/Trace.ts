import * as Schema from "effect/Schema"

/** What the replay reads of a GRPOConfig, beside the options of the loss. */
export const ReplayConfig = Schema.Struct({
  gradient_accumulation_steps: Schema.Number,
  steps_per_generation: Schema.Number,
  num_iterations: Schema.Number,
  max_completion_length: Schema.Number,
  learning_rate: Schema.Number,
  lr_scheduler_type: Schema.Literals(["constant", "constant_with_warmup", "linear", "cosine"]),
  warmup_steps: Schema.Number,
  warmup_ratio: Schema.optionalKey(Schema.NullOr(Schema.Number)),
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
export type Trace = typeof Trace.Type
