/** Runs experiments: plan, steps, recovery, checkpoints, and the run's folder. */
export { check } from "./check.ts"
export { dataService, type Locate } from "./dataService.ts"
export type { Event } from "./Event.ts"
export { BudgetUsed, Miswired, OverBudget, RunFailed } from "./Failures.ts"
export { inContext } from "./inContext.ts"
export * as Memory from "./Memory.ts"
export * as ItemRecords from "./ItemRecords.ts"
export * as Lock from "./Lock.ts"
export { makeFolder, type Place } from "./makeFolder.ts"
export * as Beside from "./plan/Beside.ts"
export { plan, type PlanOptions } from "./plan/plan.ts"
export { planMemory, tokenizerOf } from "./plan/planMemory.ts"
export { silent, unreserved, unreservedText } from "./plan/unreserved.ts"
export { Planned, PlannedArms, type PlannedStage } from "./plan/Planned.ts"
export type { Tokenizer } from "./plan/Rehearsal.ts"
export {
  changedSince,
  type Loadable,
  type NewOptions,
  type Options,
  type Outcome,
  type ResumeOptions,
  resume,
  run,
} from "./run.ts"
export * as Questions from "./Questions.ts"
export { replay, type ReplayOptions, type ReplayOutcome } from "./replay/replay.ts"
export { Replayed, type StepComparison } from "./replay/Replayed.ts"
export * as RunFolder from "./RunFolder.ts"
export { failing, makeFolders, writeFile } from "./Storage.ts"
export * as Store from "./store/index.ts"
export * as ArmsFolder from "./arms/ArmsFolder.ts"
export { group as armGroup } from "./arms/compare.ts"
export type { ArmResult, Comparison, Difference, Measured, OverSeeds, State } from "./arms/Comparison.ts"
export { look as lookAtArms } from "./arms/look.ts"
export { type ArmNow, sameArms } from "./arms/sameArms.ts"
export {
  type ArmEnd,
  type ArmsOptions,
  type ArmsOutcome,
  failureOf,
  type NewArmsOptions,
  resumeArms,
  runArms,
} from "./arms/runArms.ts"
export { runState } from "./runState.ts"
