import { create, presentTensorflow } from "@hmx/engine-tfjs"
import { spawnSync } from "node:child_process"
import { expect, test } from "vitest"
import { conformance } from "../../lm/test/engineConformance.ts"

const present = presentTensorflow()

if (typeof present === "string") {
  console.warn(`engine tensorflow is absent, its tests are skipped. ${present}`)
  test.skip("tensorflow", () => {})
} else {
  conformance("tensorflow", (options) => create({ ...options, backend: "tensorflow" }))

  test("says TensorFlow's version, not the binding's", async () => {
    const { info } = await create({ backend: "tensorflow" })
    expect(info).toMatchObject({ name: "tfjs-tensorflow", compute: "f32" })
    expect(Number(info.version.split(".")[0])).toBeGreaterThanOrEqual(2)
    expect(info.version).not.toBe("4.22.0")
  })

  test("nothing is said beside what TensorFlow's own library says", () => {
    const text = `import { create } from "@hmx/engine-tfjs"; await create({ backend: "tensorflow" })`
    const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", text], {
      cwd: import.meta.dirname,
      encoding: "utf8",
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" },
    })
    const own = /^WARNING: All log messages before absl|^[IWE]0000 |^To enable the following instructions/
    expect(`${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !own.test(line))).toEqual([])
  })

  test("a worker with it ends without taking the process down", () => {
    const text = `
      import { Worker } from "node:worker_threads"
      const worker = new Worker(\`
        import { parentPort } from "node:worker_threads"
        import { create } from "@hmx/engine-tfjs"
        const e = await create({ backend: "tensorflow" })
        parentPort.on("message", () => {}).postMessage(e.info.name)
      \`, { eval: true, type: "module", execArgv: ["--input-type=module"] })
      worker.on("message", async (name) => { console.log(name); await worker.terminate() })
    `
    const { signal, status, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", text], {
      cwd: import.meta.dirname,
      encoding: "utf8",
    })
    expect({ signal, status, said: stdout.trim() }).toEqual({ signal: null, status: 0, said: "tfjs-tensorflow" })
  })

  test.skipIf(present.cuda !== false)("a build without CUDA on a CUDA request is refused", async () => {
    await expect(create({ backend: "tensorflow", device: "cuda" })).rejects.toThrow(
      /^engine tensorflow: found no GPU that it can use .*; expected an NVIDIA driver and `hmx engine install tensorflow --cuda`/,
    )
  })

  test("threads that TensorFlow does not have are refused", async () => {
    await expect(create({ backend: "tensorflow", threads: 511 })).rejects.toThrow(/TF_NUM_INTRAOP_THREADS/)
  })
}
