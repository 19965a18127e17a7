/** transformers' schedules as its source has them, so that the replay does not take the log's word for its own rate. */
export interface TransformersSchedule {
  readonly lr_scheduler_type: "constant" | "constant_with_warmup" | "linear" | "cosine"
  readonly learning_rate: number
  /** A share of `max_steps` below 1, rounded up, as of transformers 5. */
  readonly warmup_steps: number
  /** The older name of the share; it counts where `warmup_steps` is 0. */
  readonly warmup_ratio?: number | null | undefined
  readonly max_steps: number
}

/** Updates of the warm-up: `get_warmup_steps` of TrainingArguments. */
export const warmupUpdates = ({
  warmup_steps: steps,
  warmup_ratio: ratio,
  max_steps: total,
}: TransformersSchedule): number => {
  const given = steps > 0 ? steps : (ratio ?? 0)
  return given < 1 ? Math.ceil(given * total) : Math.trunc(given)
}

/**
 * The rate of the update with that index, from 0: `get_constant_schedule` (which ignores the warm-up),
 * `get_constant_schedule_with_warmup`, `get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup` (half a wave).
 */
export const transformersRate = (schedule: TransformersSchedule, step: number): number => {
  const { lr_scheduler_type: type, learning_rate: rate, max_steps: total } = schedule
  if (type === "constant") return rate
  const warmup = warmupUpdates(schedule)
  if (step < warmup) return rate * (step / Math.max(1, warmup))
  if (type === "constant_with_warmup") return rate
  const left = Math.max(1, total - warmup)
  return type === "linear"
    ? rate * Math.max(0, (total - step) / left)
    : rate * Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / left)))
}
