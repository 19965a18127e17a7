/** The bench's checkpoint is one that HMX loads. */
import { openTokenizer } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { writeRandomCheckpoint } from "./grpo-step/checkpoint.ts"

test("a word of the bench's tokenizer is a token, there and back", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hmx-bench-"))
  try {
    await Effect.runPromise(writeRandomCheckpoint(folder, "small", "F32"))
    const tokenizer = await Effect.runPromise(openTokenizer(folder, 4096))
    expect(tokenizer.encode("w5 w17 w4095 w0")).toEqual([5, 17, 4095, 0])
    expect(tokenizer.decode([5, 17, 4095])).toBe("w5 w17 w4095")
  } finally {
    rmSync(folder, { recursive: true })
  }
})
