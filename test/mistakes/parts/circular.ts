/** Half of a circle: the pipeline imports this reward, which imports the pipeline's limit. */
import { Reward } from "hmx"
import { most } from "../correct/19-circular.ts"

export const brevity = Reward.make("brevity", {
  version: 1,
  score: ({ tokens }) => Math.min(1, most() / Math.max(1, tokens)),
})
