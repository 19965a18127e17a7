/** Tasks of Evaluate: benchmarks as data, and their scoring. */
export type { SampleOptions } from "./answers.ts"
export { type Count, counted } from "./counted.ts"
export { heldOut, type HeldOutOptions } from "./heldOut.ts"
export { humanLikeWords } from "./humanLikeWords.ts"
export * as miniature from "./miniature/index.ts"
