import { expect, test } from "vitest"
import { nvidiaRequirements, pipArguments, recipe } from "../../src/engine/recipes.ts"

test("of a wheel's requirements NVIDIA's are taken, an extra's without its marker", () => {
  const metadata = [
    "Name: tensorflow",
    "Requires-Dist: numpy>=1.26.0",
    `Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"`,
    `Requires-Dist: nvidia-cudnn-cu13==9.2; platform_system == "Linux"`,
    `Requires-Dist: cuda-toolkit[cublas]==13.0.2; platform_system == "Linux" and extra == "x"`,
    "Requires-Dist: sympy>=1.13.3",
  ].join("\n")
  expect(nvidiaRequirements(metadata)).toEqual([
    "nvidia-cublas-cu12<13.0,>=12.5.3.2",
    `nvidia-cudnn-cu13==9.2; platform_system == "Linux"`,
    `cuda-toolkit[cublas]==13.0.2; platform_system == "Linux"`,
  ])
})

test("whether a wheel was built for CUDA is read from its own file", () => {
  const torch = recipe("torch", true, "linux-x64")
  expect(torch.builtForCuda("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n")).toBe(false)
  expect(torch.builtForCuda("__version__ = '2.13.0'\ncuda: Optional[str] = '13.0'\n")).toBe(true)
  const tensorflow = recipe("tensorflow", true, "linux-x64")
  expect(tensorflow.builtForCuda("build_info = OrderedDict([('is_cuda_build', False)])")).toBe(false)
  expect(tensorflow.builtForCuda("build_info = OrderedDict([('is_cuda_build', True)])")).toBe(true)
})

test("versions are pinned, and dependencies stay out unless they are asked for", () => {
  for (const name of ["torch", "tensorflow"] as const)
    for (const cuda of [false, true])
      for (const wheel of recipe(name, cuda, "linux-x64").wheels) expect(wheel.requirement).toMatch(/==\d+\.\d+\.\d+/)
  expect(pipArguments(["a==1"], "/t")).toContain("--no-deps")
  expect(pipArguments(["a==1"], "/t", { dependencies: true })).not.toContain("--no-deps")
})
