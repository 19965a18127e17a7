/** Runs experiments: plan, steps, recovery, checkpoints, and the run's folder. */
export { check } from "./check.ts"
export type { Locate } from "./dataService.ts"
export type { Event } from "./Event.ts"
export { Miswired, OverBudget, RunFailed } from "./Failures.ts"
export * as Memory from "./Memory.ts"
export type { Place } from "./makeFolder.ts"
export { type Loadable, type NewOptions, type Options, type Outcome, resume, run } from "./run.ts"
export * as RunFolder from "./RunFolder.ts"
