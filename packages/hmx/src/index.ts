export { amount } from "./amount.ts"
export * as Artefact from "./Artefact.ts"
export { batchAdvantages } from "./advantage/batchAdvantages.ts"
export { groupAdvantages, type GroupAdvantages } from "./advantage/groupAdvantages.ts"
export { normalizeThenSum } from "./advantage/normalizeThenSum.ts"
export { rewardMetrics } from "./advantage/rewardMetrics.ts"
export { statistics } from "./advantage/statistics.ts"
export { weightedSum } from "./advantage/weightedSum.ts"
export * as Chat from "./Chat.ts"
export { Data, type Line } from "./Data.ts"
export * as Errors from "./Errors.ts"
export { Experiment } from "./Experiment.ts"
export * as Feed from "./Feed.ts"
export { identity } from "./identity.ts"
export * as Judge from "./Judge.ts"
export * from "./LanguageModel.ts"
export type { LossOptions, LossType } from "./Loss.ts"
export * as Memory from "./memory.ts"
export * as Model from "./Model.ts"
export {
  type Any as Plan,
  type Arm,
  type At,
  type Contrast,
  contrast,
  type Entry,
  isPlan,
  seeds,
  type Sweep,
  sweep,
} from "./Plans.ts"
export { edits, nearest } from "./nearest.ts"
export * as Prompts from "./Prompts.ts"
export { type AnsweredItem, type ItemAnswer, ItemRecord, type LongItem, Records } from "./Records.ts"
export { type Asking, Rehearsing } from "./Rehearsing.ts"
export { RemoteJudge, Tried } from "./RemoteJudge.ts"
export { Reserved } from "./Reserved.ts"
export * as Reward from "./Reward.ts"
export * as Rewards from "./rewards/index.ts"
export * as Rubric from "./Rubric.ts"
export type { Problem } from "./Rules.ts"
export { learningRate } from "./schedule/learningRate.ts"
export * as Settings from "./Settings.ts"
export * as Stage from "./Stage.ts"
export { Evaluate, type EvaluateOptions, type When } from "./stages/Evaluate.ts"
export { GroupAdvantage, type GroupAdvantageOptions } from "./stages/GroupAdvantage.ts"
export { LoRAUpdate, type LoRAUpdateOptions } from "./stages/LoRAUpdate.ts"
export { Sample, type SampleOptions } from "./stages/Sample.ts"
export { SelfJudge, type SelfJudgeOptions } from "./stages/SelfJudge.ts"
export { Step } from "./Step.ts"
export * as StopWhen from "./StopWhen.ts"
export * as Task from "./Task.ts"
