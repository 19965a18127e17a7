/** Every rubric and reward under rubrics/ keeps the laws, in all the forms that a pipeline can ask for. */
import { checkReward } from "@hmx/testing"
import type { Reward, Rubric } from "hmx"
import { globSync } from "node:fs"
import { describe, expect, it } from "vitest"

const folder = new URL("../rubrics/", import.meta.url)

const isReward = (value: unknown): value is Reward.Reward =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  (value.kind === "rubric" || value.kind === "function" || value.kind === "mix")

const isScaled = (rubric: Rubric.Rubric): rubric is Rubric.Rubric<string, Reward.Range> => rubric.scale !== undefined

const forms = (reward: Reward.Reward): ReadonlyArray<readonly [form: string, reward: Reward.Reward]> => {
  if (reward.kind !== "rubric") return [["as it is", reward]]
  const turned = isScaled(reward) ? [reward, reward.reversed()] : [reward]
  return turned.flatMap((rubric) => {
    const form = rubric.reverse ? "reversed" : "plain"
    return [[form, rubric] as const, [`${form}, guided`, rubric.guided()] as const]
  })
}

const modules = await Promise.all(
  globSync("*.ts", { cwd: folder }).map(async (file) => {
    const module: unknown = await import(new URL(file, folder).href)
    return { file, exports: typeof module === "object" && module !== null ? Object.values(module) : [] }
  }),
)
const shipped = modules.flatMap(({ file, exports }) =>
  exports
    .filter(isReward)
    .flatMap(forms)
    .map(([form, reward]) => ({ file, name: reward.name, form, reward })),
)

it("there are four forms of the human-like rubric", () => {
  expect(shipped.filter(({ name }) => name === "human-like").map(({ form }) => form)).toEqual([
    "plain",
    "plain, guided",
    "reversed",
    "reversed, guided",
  ])
})

describe.each(shipped)("$file $name ($form)", ({ reward }) => {
  it("keeps the laws", () => checkReward(reward))
})
