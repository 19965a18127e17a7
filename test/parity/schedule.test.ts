import { expect, test } from "vitest"
import { type TransformersSchedule, transformersRate } from "./schedule.ts"

const rates = (schedule: Partial<TransformersSchedule>) => {
  const whole = { lr_scheduler_type: "linear", learning_rate: 10, warmup_steps: 2, max_steps: 10, ...schedule } as const
  return Array.from({ length: 10 }, (_, step) => transformersRate(whole, step))
}

/** The values that transformers' own tests of its optimisation module expect. */
test.each<[TransformersSchedule["lr_scheduler_type"], number, ReadonlyArray<number>]>([
  ["constant", 4, [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]],
  ["constant_with_warmup", 4, [0, 2.5, 5, 7.5, 10, 10, 10, 10, 10, 10]],
  ["linear", 2, [0, 5, 10, 8.75, 7.5, 6.25, 5, 3.75, 2.5, 1.25]],
  ["cosine", 2, [0, 5, 10, 9.61, 8.53, 6.91, 5, 3.08, 1.46, 0.38]],
])("%s", (type, warmup, expected) => {
  const found = rates({ lr_scheduler_type: type, warmup_steps: warmup })
  found.forEach((rate, step) => expect(Math.abs(rate - (expected[step] ?? 0)), `step ${step}`).toBeLessThan(0.01))
})

test("a share of the steps is rounded up, by either name", () => {
  expect(rates({ warmup_steps: 0.11 })).toEqual(rates({ warmup_steps: 2 }))
  expect(rates({ warmup_steps: 0, warmup_ratio: 0.2 })).toEqual(rates({ warmup_steps: 2 }))
})
