import type { PolicyLossOptions } from "./LossInputs.ts"

/** Every option with a value: TRL's defaults stand in for absent ones. */
export const withDefaults = (options: PolicyLossOptions) => {
  const epsilon = options.epsilon ?? 0.2
  return {
    loss: options.loss,
    beta: options.beta ?? 0,
    epsilon,
    epsilonHigh: options.epsilonHigh ?? epsilon,
    delta: options.delta ?? Number.POSITIVE_INFINITY,
    biasCorrectionKl: options.biasCorrectionKl ?? true,
    importanceSampling: options.importanceSampling ?? (options.loss === "gspo" ? "sequence" : "token"),
    sapoTemperaturePos: options.sapoTemperaturePos ?? 1,
    sapoTemperatureNeg: options.sapoTemperatureNeg ?? 1.05,
    vespoKPos: options.vespoKPos ?? 2,
    vespoLambdaPos: options.vespoLambdaPos ?? 3,
    vespoKNeg: options.vespoKNeg ?? 3,
    vespoLambdaNeg: options.vespoLambdaNeg ?? 2,
    topEntropyQuantile: options.topEntropyQuantile ?? 1,
    offPolicyMaskThreshold: options.offPolicyMaskThreshold ?? Number.POSITIVE_INFINITY,
    entropyCoef: options.entropyCoef ?? 0,
  } as const
}

export type FullLossOptions = ReturnType<typeof withDefaults>
