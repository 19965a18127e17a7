/**
 * Learning-rate schedules by transformers' definitions (`get_{constant,linear,cosine}_schedule_with_warmup`), but for the warm-up:
 * transformers gives update 1 the factor 0 / warmup, which makes `warmup_steps=1` a no-op; here update t of w has the factor t / w.
 */
export type Schedule = "constant" | "linear" | "cosine"

export interface ScheduleOptions {
  readonly schedule: Schedule
  /** The rate after warm-up. */
  readonly learningRate: number
  readonly warmupSteps: number
  /** Updates of the whole run. */
  readonly steps: number
}

/** The rate of update `step`, from 1. */
export const learningRate = (options: ScheduleOptions, step: number): number => {
  const { learningRate: rate, schedule, steps, warmupSteps: warmup } = options
  if (step <= warmup) return rate * (step / warmup)
  const done = Math.min(1, (step - 1 - warmup) / Math.max(1, steps - warmup))
  if (schedule === "constant") return rate
  return schedule === "linear" ? rate * (1 - done) : rate * 0.5 * (1 + Math.cos(Math.PI * done))
}
