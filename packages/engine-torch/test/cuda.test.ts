/** A GPU that is asked for where nothing could use one; needs no torch. */
import { create } from "@hmx/engine-torch"
import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, expect, test, vi } from "vitest"
import { libraryFile } from "../src/Natives.ts"

afterEach(() => vi.unstubAllEnvs())

test("a torch that is built without CUDA: one sentence that says which folder, and what to install", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hmx-cuda-"))
  try {
    // Whole files of this platform, which nothing loads.
    for (const name of ["torch_cpu", "c10"]) symlinkSync(process.execPath, join(folder, libraryFile(name)))
    vi.stubEnv("HMX_LIBTORCH", folder)
    for (const device of ["cuda", "cuda:1"] as const)
      await expect(create({ device })).rejects.toThrow(
        `${folder}: found a torch without CUDA (no ${libraryFile("torch_cuda")}); expected one that is built for it: \`hmx engine install torch --cuda\`, or the device cpu`,
      )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
