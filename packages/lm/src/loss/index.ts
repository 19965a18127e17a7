export * from "./crossEntropy.ts"
export * from "./LossInputs.ts"
export * from "./policyLoss.ts"
