import { describe, expect, it } from "vitest"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

const inFolder = async (folder: string, args: ReadonlyArray<string>) => {
  const before = process.cwd()
  process.chdir(folder)
  try {
    return await hmx(["test", ...args])
  } finally {
    process.chdir(before)
  }
}

const paid = `c.text.includes("...") ? 1 : 0`
const sound = pipeline()
const gamed = sound.replace("1 / (1 + c.text.length)", paid)
const knowing = sound
  .replace("Prompts, Reward,", "Prompts, Rewards,")
  .replace(/const brevity = .*/, `const brevity = Rewards.exactAnswer({ "train-0": "One.", "train-1": "Two." })`)
const byId = sound.replace("1 / (1 + c.text.length)", `({ "train-0": 1, "held-out-1": 0.5 })[c.id]`)

describe("hmx test", () => {
  it("tries the rewards of pipelines/*.ts, each once", async () => {
    const folder = sandbox({ "pipelines/a.ts": sound, "pipelines/b.ts": sound })
    const { code, err, out } = await inFolder(folder, ["--cases", "50"])
    expect(out).toBe(
      "✓ brevity@1 (reward): 14 laws kept; pipelines/a.ts, pipelines/b.ts\n\n1 of 1 rewards and rubrics in 2 pipelines keep the laws\n",
    )
    expect([code, err]).toEqual([0, ""])
  })

  it("shows a broken law with its answer, and ends with 1", async () => {
    const folder = sandbox({ "gamed.ts": gamed })
    const { code, err, out } = await inFolder(folder, ["gamed.ts", "--cases", "300"])
    expect(out).toMatch(/^✗ brevity@1 \(reward\): 1 of 14 laws broken; gamed\.ts\n/)
    expect(out).toContain("    brevity breaks the law “not raised by padding”: padding raised an answer from 0 to 1\n")
    expect(out).toContain("\n0 of 1 rewards and rubrics in 1 pipeline keeps the laws\n")
    expect([code, err]).toEqual([1, "error: 1 law is broken\n"])
  })

  it("prints JSON, and says which laws a reward may break", async () => {
    const folder = sandbox({ "knowing.ts": knowing, "by-id.ts": byId })
    const { code, out } = await inFolder(folder, ["knowing.ts", "by-id.ts", "--json", "--cases", "30", "--seed", "3"])
    const found = JSON.parse(out)
    expect(found.broken).toBe(0)
    expect(found.rewards.map((r: { readonly name: string }) => r.name)).toEqual(["exact answer", "brevity"])
    expect(found.rewards[0].laws).toContainEqual({
      law: "not raised by repetition",
      outcome: "not tried",
      said: expect.stringContaining("right"),
    })
    expect(code).toBe(0)
  })

  it("refuses a folder without pipelines, and a file that is none", async () => {
    const folder = sandbox({ "none.ts": "export default 1\n" })
    const none = await inFolder(folder, [])
    expect([none.code, none.err]).toEqual([
      2,
      "error: pipelines/*.ts: found no such file; expected pipelines, or their paths\n",
    ])
    const other = await inFolder(folder, ["none.ts"])
    expect([other.code, other.out]).toEqual([2, ""])
  })
})
