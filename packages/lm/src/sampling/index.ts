export * from "./greedy.ts"
export * from "./logprobAt.ts"
export * from "./processLogits.ts"
export * from "./sampleToken.ts"
