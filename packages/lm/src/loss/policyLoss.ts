import type { LossInputs, LossResult, PolicyLossOptions } from "./LossInputs.ts"

/** Loss, its gradient with respect to every log-probability, and TRL's metrics; f64 throughout. */
export const policyLoss = (options: PolicyLossOptions, inputs: LossInputs): LossResult => {
  throw new RangeError(`${options.loss} over ${inputs.rows.length} rows`)
}
