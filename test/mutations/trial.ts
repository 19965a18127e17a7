/** Whether the laws find a planted defect, and leave the sound reward alone. */
import { brokenLaws, LawBroken, rewardLaws } from "@hmx/testing"
import type { Reward } from "hmx"
import { type Defect, reward, type Sound, sound } from "./defects.ts"

export interface Trial {
  readonly reward: string
  readonly defect: string
  readonly law: Reward.Law
  /** Laws that broke. */
  readonly broke: ReadonlyArray<Reward.Law>
}

const broke = (one: Sound, make: Sound["make"], seed: number) =>
  brokenLaws(reward(one, make), { seed }).map(({ law }) => law)

export const tried = (one: Sound, defect: Defect, seed = 1): Trial => ({
  reward: one.name,
  defect: defect.name,
  law: defect.law,
  broke: broke(one, defect.make, seed),
})

export const found = (trial: Trial): boolean => trial.broke.includes(trial.law)

/** Whether the defect's law by itself finds it. */
export const finds = (one: Sound, defect: Defect, seed: number): boolean => {
  try {
    rewardLaws(reward(one, defect.make), { seed })
      .find(({ law }) => law === defect.law)
      ?.run()
    return false
  } catch (error) {
    return error instanceof LawBroken && error.law === defect.law
  }
}

/** Every defect with its reward. */
export const planted: ReadonlyArray<readonly [Sound, Defect]> = sound.flatMap((one) =>
  one.defects.map((defect) => [one, defect] as const),
)

/** Laws that a sound reward broke: false alarms. */
export const alarms = (one: Sound, seed = 1): ReadonlyArray<Reward.Law> => broke(one, one.make, seed)
