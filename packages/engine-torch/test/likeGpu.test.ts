/** The suite for all engines on the code that a GPU runs, as far as it runs without one. */
import { mkdtempSync, openSync, readSync, closeSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { conformance } from "../../lm/test/engineConformance.ts"
import { CudaRuntime } from "../src/CudaRuntime.ts"
import { likeGpu } from "./_internals/likeGpu.ts"
import { absent } from "./_internals/present.ts"

// The processor's kernels mind the rows beside one another, for which the engine does something on a processor only.
if (absent === undefined) conformance("torch, as on a GPU", likeGpu, 6, { alone: false })
else test.skip("torch, as on a GPU", () => {})

const none = () => 1

/** A device of so many bytes, of which a third is taken. */
class Card extends CudaRuntime {
  readonly #total: number
  constructor(total: number) {
    const memory = new ArrayBuffer(1024)
    const [f32, f64] = [new Float32Array(memory), new Float64Array(memory)]
    const scratch = { base: 0, f32, f64, i32: new Int32Array(memory), u32: new Uint32Array(memory) }
    super({ attribute: none, memoryInfo: none, getDevice: none, setDevice: none }, scratch)
    this.#total = total
  }
  override capability() {
    return { major: 8, minor: 6 }
  }
  override memory() {
    return { total: 3 * this.#total, free: 2 * this.#total }
  }
}

describe.skipIf(absent !== undefined)("a GPU", () => {
  test("its memory is the limit, what is taken of it is said, and what it is decides the products' type", async () => {
    const gpu = await likeGpu({ cuda: new Card(1000) })
    expect(gpu.memory()).toMatchObject({ limit: 3000, reserved: 1000 })
    expect(() => gpu.upload(new Float32Array(1000), [1000], "f32")).toThrow("3.91 KiB wanted")
    gpu.upload(new Uint16Array(2), [2], "bf16")
    expect(gpu.info.compute).toBe("bf16")
    expect(gpu.info.notes).toEqual(["bf16 weights are computed with in bf16: the GPU's compute capability is 8.6"])
    gpu.close()
    const smaller = await likeGpu({ cuda: new Card(1000), memory: 2000 })
    expect(smaller.memory().limit).toBe(2000)
    smaller.close()
  })

  test.each([0, 2])(
    "a file's tensor takes its own bytes, not the host's beside them (from byte %i)",
    async (offset) => {
      const folder = mkdtempSync(join(tmpdir(), "hmx-gpu-"))
      const path = join(folder, "weights")
      writeFileSync(path, new Uint8Array(offset + 4096))
      const fd = openSync(path, "r")
      const gpu = await likeGpu({ memory: 4096 + 4 })
      try {
        // What lies askew cannot be mapped, and is read.
        const read = (target: Uint8Array, position: number) =>
          void readSync(fd, target, 0, target.byteLength, offset + position)
        gpu.resetPeak()
        const t = gpu.fromFile({ path, offset, read }, [1024], "f32", () => {})
        expect(gpu.download(t)).toEqual(new Float32Array(1024))
        expect(gpu.memory()).toMatchObject({ bytes: 4096, peak: 4096 })
      } finally {
        gpu.close()
        closeSync(fd)
        rmSync(folder, { recursive: true })
      }
    },
  )
})
