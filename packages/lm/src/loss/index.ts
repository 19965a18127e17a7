export * from "./LossInputs.ts"
export * from "./policyLoss.ts"
