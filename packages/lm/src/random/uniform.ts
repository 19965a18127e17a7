import { philox4x32, seedWords, unitInterval } from "./philox.ts"

/** What one token's random number depends on: never the batch it is sampled in, nor when. Each is an integer ≥ 0. */
export interface TokenKey {
  readonly seed: number
  readonly step: number
  readonly prompt: number
  readonly completion: number
  /** Index of the token in its completion. */
  readonly position: number
}

/** A uniform number in [0, 1) with 53 random bits. */
export const uniform = (key: TokenKey): number => {
  const [high, low] = philox4x32([key.position, key.completion, key.prompt, key.step], seedWords(key.seed))
  return unitInterval(high, low)
}
