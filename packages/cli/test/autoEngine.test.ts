import { expect, test } from "vitest"
import { able, autoEngine } from "../src/autoEngine.ts"
import type { Engine } from "../src/engine/ls.ts"
import { engineSettings } from "../src/engineSettings.ts"

const tfjs: Engine = { name: "tfjs", present: true, device: "cpu", how: "part of HMX (wasm)" }
const torch: Engine = { name: "torch", present: true, version: "2.13.0", device: "cpu", how: "python3" }
const tensorflow: Engine = { name: "tensorflow", present: true, device: "cuda", how: "npm install" }

test("auto takes the best that is there, and a GPU only where there is one", () => {
  expect(autoEngine([tfjs], false)).toMatchObject({ engine: "tfjs", device: "cpu" })
  expect(autoEngine([tfjs, tensorflow, torch], true)).toMatchObject({ engine: "tensorflow", device: "cuda" })
  expect(autoEngine([tfjs, tensorflow, torch], false)).toMatchObject({ engine: "torch", device: "cpu" })
  expect(autoEngine([{ ...torch, present: false }, tfjs], true).engine).toBe("tfjs")
  expect(autoEngine([tfjs, torch], false).said).toBe("engine: torch 2.13.0 on cpu (python3)")
})

test("a device that is asked for is named, and only what can compute on it is taken", () => {
  expect(autoEngine([tfjs, tensorflow, torch], false, "cuda:1")).toMatchObject({
    engine: "tensorflow",
    device: "cuda:1",
    said: "engine: tensorflow on cuda:1 (npm install)",
  })
  expect(able([tfjs, torch], "cuda")).toEqual([])
  expect(able([tfjs, { ...torch, present: false }], "cpu")).toEqual([tfjs])
  const gpu = { ...torch, device: "cuda" } as const
  expect(autoEngine([gpu, tfjs], true, "cpu").said).toBe("engine: torch 2.13.0 on cpu (python3)")
})

test("each engine's module, options and environment", () => {
  const flags = { backend: "wasm", threads: 2 } as const
  expect(engineSettings({ ...flags, engine: "tfjs" }, {})).toEqual({
    module: "@hmx/engine-tfjs",
    options: { backend: "wasm", threads: 2 },
    env: {},
  })
  expect(engineSettings({ ...flags, engine: "torch", device: "cuda" }, {}).options).toEqual({
    threads: 2,
    device: "cuda",
  })
  const gpu = { ...flags, device: "cuda:1", engineMemory: 2 ** 30 } as const
  expect(engineSettings({ ...gpu, engine: "torch" }, {}).options).toEqual({
    threads: 2,
    device: "cuda:1",
    memory: 2 ** 30,
  })
  // TensorFlow sees the GPU that was asked for and no other.
  const second = engineSettings({ ...gpu, engine: "tensorflow" }, { CUDA_VISIBLE_DEVICES: "0" })
  expect(second.options).toMatchObject({ device: "cuda", memory: 2 ** 30 })
  expect(second.env).toMatchObject({ CUDA_VISIBLE_DEVICES: "1" })
  const { env, options } = engineSettings({ ...flags, engine: "tensorflow" }, { TF_CPP_MIN_LOG_LEVEL: "0" })
  expect(options).toEqual({ backend: "tensorflow", device: "cpu", threads: 2 })
  expect(env).toEqual({
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    TF_NUM_INTRAOP_THREADS: "2",
    CUDA_VISIBLE_DEVICES: "-1",
  })
})
