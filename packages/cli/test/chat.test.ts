/** `hmx chat` and `hmx export` as a user meets them: a short run, its adapter in a conversation, and both ways out. */
import { openCheckpoint, readAdapter } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { bin, pipeline, root, type Said, sandbox, spawned } from "./sandbox.ts"

/** One whose short run finds something to learn. */
const checkpoint = join(root, "test/fixtures/parity/checkpoints/qwen25")
const folder = sandbox({ "brief.ts": pipeline({ model: `Model.folder(${JSON.stringify(checkpoint)})` }) })
const run = "runs/brief-7-1"

/** Runs hmx with these lines on its standard input. */
const talking = (args: ReadonlyArray<string>, lines: ReadonlyArray<string>): Promise<Said> =>
  new Promise((done) => {
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: "pipe" })
    const said = { out: "", err: "" }
    child.stdout.on("data", (part) => (said.out += String(part)))
    child.stderr.on("data", (part) => (said.err += String(part)))
    child.on("close", (code) => done({ code: code ?? -1, ...said }))
    child.stdin.end(lines.map((line) => `${line}\n`).join(""))
  })

beforeAll(async () => {
  const { code, err } = await spawned(bin, ["run", "brief.ts", "--quiet"], folder)
  expect(err).toBe("")
  expect(code).toBe(0)
}, 60_000)

describe("hmx chat", () => {
  const greedy = ["chat", "--model", checkpoint, "--tokens", "12", "--temperature", "0"]
  it("answers every line, the same way each time, and otherwise with an adapter", async () => {
    const base = await talking(greedy, ["What is one?", "", "And two?"])
    expect(base.err).toBe("")
    expect(base.code).toBe(0)
    expect(base.out.length).toBeGreaterThan(10)
    expect(await talking(greedy, ["What is one?", "And two?"])).toEqual(base)
    const adapted = await talking([...greedy, "--adapter", run], ["What is one?", "And two?"])
    expect(adapted.code).toBe(0)
    expect(adapted.out).not.toBe(base.out)
  }, 60_000)
  it("an adapter that is none: one message, exit code 2", async () => {
    const { code, err } = await talking([...greedy, "--adapter", "nowhere"], [])
    expect(err).toBe(
      "error: --adapter nowhere: found neither; expected a run's folder, or an adapter in PEFT's format\n",
    )
    expect(code).toBe(2)
  }, 60_000)
})

describe("hmx export", () => {
  it("writes the adapter for PEFT, and the merged model; never into a folder with files in it", async () => {
    const plain = await spawned(bin, ["export", run, "--out", "adapter"], folder)
    expect(plain).toMatchObject({ code: 0, err: "" })
    const base = Effect.runSync(openCheckpoint(checkpoint))
    const adapter = Effect.runSync(readAdapter(join(folder, "adapter"), base.config))
    expect(adapter).toEqual(Effect.runSync(readAdapter(join(folder, run, "checkpoints/step-2"), base.config)))
    const merged = await spawned(bin, ["export", run, "--out", "merged", "--merged"], folder)
    expect(merged).toMatchObject({ code: 0, err: "" })
    const opened = Effect.runSync(openCheckpoint(join(folder, "merged")))
    expect([...opened.tensors.keys()]).toEqual([...base.tensors.keys()])
    expect(readFileSync(join(folder, "merged/model.safetensors"))).not.toEqual(
      readFileSync(join(checkpoint, "model.safetensors")),
    )
    const again = await spawned(bin, ["export", run, "--out", "merged"], folder)
    expect(again).toMatchObject({ code: 2, out: "" })
    expect(again.err).toMatch(/--out merged: found a folder with files in it; expected a new folder/)
  }, 60_000)
})
