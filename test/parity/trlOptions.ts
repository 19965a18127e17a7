import type { PolicyLossOptions } from "@hmx/lm"

/** TRL's names for the options of a loss, and ours. */
const names: { readonly [trl: string]: keyof PolicyLossOptions } = {
  beta: "beta",
  epsilon: "epsilon",
  epsilon_high: "epsilonHigh",
  delta: "delta",
  use_bias_correction_kl: "biasCorrectionKl",
  importance_sampling_level: "importanceSampling",
  sapo_temperature_pos: "sapoTemperaturePos",
  sapo_temperature_neg: "sapoTemperatureNeg",
  vespo_k_pos: "vespoKPos",
  vespo_lambda_pos: "vespoLambdaPos",
  vespo_k_neg: "vespoKNeg",
  vespo_lambda_neg: "vespoLambdaNeg",
  top_entropy_quantile: "topEntropyQuantile",
  off_policy_mask_threshold: "offPolicyMaskThreshold",
  entropy_coef: "entropyCoef",
  loss_type: "loss",
}

/** The options of a loss in a GRPOConfig; null stands for absent. Other keys are not of the loss. */
export const lossOptions = (config: { readonly [key: string]: unknown }): PolicyLossOptions => {
  const entries = Object.entries(config).flatMap(([key, value]) => {
    const name = names[key]
    return name === undefined || value === null ? [] : [[name, value] as const]
  })
  return { loss: "dapo", ...Object.fromEntries(entries) }
}
