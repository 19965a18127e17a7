import { expect, test } from "vitest"
import { able, autoEngine } from "../src/autoEngine.ts"
import type { Engine } from "../src/engine/ls.ts"
import { engineAsked, engineFlaw, engineSettings } from "../src/engineSettings.ts"

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
  expect(engineSettings({ ...flags, engine: "torch", device: "cuda", compute: "stored" }, {}).options).toEqual({
    threads: 2,
    device: "cuda",
    compute: "stored",
  })
  const gpu = { ...flags, device: "cuda:1", engineMemory: 2 ** 30 } as const
  expect(engineSettings({ ...gpu, engine: "torch" }, {}).options).toEqual({
    threads: 2,
    device: "cuda:1",
    memory: 2 ** 30,
  })
  // TensorFlow sees the GPU that was asked for and no other.
  const second = engineSettings({ ...gpu, engine: "tensorflow" }, {})
  expect(second.options).toMatchObject({ device: "cuda:1", memory: 2 ** 30 })
  expect(second.env).toMatchObject({ CUDA_VISIBLE_DEVICES: "1" })
  // Of those that were given to it, as they are called there.
  const given = (visible: string) =>
    engineSettings({ ...gpu, engine: "tensorflow" }, { CUDA_VISIBLE_DEVICES: visible }).env["CUDA_VISIBLE_DEVICES"]
  expect([given("2,3"), given("GPU-ab, GPU-cd")]).toEqual(["3", "GPU-cd"])
  const { env, options } = engineSettings({ ...flags, engine: "tensorflow" }, { TF_CPP_MIN_LOG_LEVEL: "0" })
  expect(options).toEqual({ backend: "tensorflow", device: "cpu", threads: 2 })
  expect(env).toEqual({
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    TF_NUM_INTRAOP_THREADS: "2",
    CUDA_VISIBLE_DEVICES: "-1",
  })
})

test("workers know by its name what computes alike: engine, device and type of products; of auto the type alone", () => {
  expect(engineAsked({ engine: "torch", device: "cuda", compute: "f32" })).toBe("torch on cuda in f32")
  expect(engineAsked({ engine: "torch" })).toBe("torch on cpu")
  expect(engineAsked({ engine: "auto" })).toBe("auto")
  expect(engineAsked({ engine: "auto", compute: "f32" })).toBe("auto in f32")
  expect(engineAsked({ engine: "auto", compute: "stored" })).toBe("auto in stored")
})

test.each([
  [{ engine: "torch", backend: "cpu" }, "--backend", "cpu with the engine torch"],
  [{ engine: "auto", backend: "wasm" }, "--backend", "wasm with the engine auto"],
  [{ engine: "tfjs", compute: "stored" }, "--compute", "stored with the engine tfjs"],
  [{ engine: "tensorflow", compute: "stored" }, "--compute", "stored with the engine tensorflow"],
  [{ engine: "tensorflow", device: "cuda:2" }, "--device", "cuda:2", "one of the GPUs in CUDA_VISIBLE_DEVICES=2,3"],
] as const)("%o: what the engine does not have is refused by its flag", (engine, where, found, expected?: string) => {
  const flaw = engineFlaw(engine, { CUDA_VISIBLE_DEVICES: "2,3" })
  expect(flaw).toMatchObject({ where, found, ...(expected === undefined ? {} : { expected }) })
})

test("flags that an engine has are no flaw", () => {
  for (const engine of [
    { engine: "tfjs", backend: "cpu", compute: "f32" },
    { engine: "torch", compute: "stored", device: "cuda:7" },
    { engine: "tensorflow", device: "cuda:1", compute: "f32" },
    { engine: "tensorflow", device: "cuda" },
  ] as const)
    expect(engineFlaw(engine, { CUDA_VISIBLE_DEVICES: "2,3" })).toBeUndefined()
  expect(engineFlaw({ engine: "tensorflow", device: "cuda:1" }, {})).toBeUndefined()
  // CUDA looks no further than the first that is none.
  const none = { CUDA_VISIBLE_DEVICES: "0,-1,1" }
  expect(engineFlaw({ engine: "tensorflow", device: "cuda:1" }, none)).toBeDefined()
})
