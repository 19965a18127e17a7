import { expect, test } from "vitest"
import { gpuMemory } from "../src/gpuMemory.ts"

test.each([
  [undefined, "0"],
  ["2,3", "2"],
  ["GPU-ab12", "GPU-ab12"],
])("the first GPU under CUDA_VISIBLE_DEVICES=%s is %s", (visible, id) => {
  const asked: Array<ReadonlyArray<string>> = []
  const ask = (args: ReadonlyArray<string>) => {
    asked.push(args)
    return "24576\n"
  }
  expect(gpuMemory({ CUDA_VISIBLE_DEVICES: visible }, ask)).toBe(24 * 2 ** 30)
  expect(asked).toEqual([[`--id=${id}`, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]])
})

test("what nvidia-smi does not say is not known", () => {
  for (const said of [undefined, "", "No devices were found", "[N/A]"])
    expect(gpuMemory({}, () => said)).toBeUndefined()
})
