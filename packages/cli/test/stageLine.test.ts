import { describe, expect, it } from "vitest"
import { stageLine } from "../src/stageLine.ts"

const source = `import { Sample } from "hmx"
// Sample.stage({ … }) in a comment is not one
const own = Stage.make("Own stage", { version: 1 })
export default Experiment.make("x Sample.stage(", {}).pipe(
  Sample.stage({ groupSize: 2 }),
  own,
  Sample
    .stage({ groupSize: 4 }).pipe(Stage.retry({ times: 2 })),
  lib.LoRAUpdate.stage({}),
)
`
const names = ["Sample", "Own stage", "Sample", "LoRAUpdate", "Elsewhere"]

describe("stageLine", () => {
  it.each([
    [0, 5],
    [1, 3],
    [2, 7],
    [3, 9],
    [4, undefined],
  ])("stage %i is on line %s", (index, line) => {
    expect(stageLine(source, names, index)).toBe(line)
  })
})
