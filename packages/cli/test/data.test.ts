/** `hmx data` as a user meets it. Files are our own. */
import { createHash } from "node:crypto"
import { appendFileSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { afterEach, describe, expect, it, vi } from "vitest"
import { hmx, sandbox } from "./sandbox.ts"

const text = `${JSON.stringify({ question: "1 + 1?", answer: "#### 2" })}\n`
const sha256 = createHash("sha256").update(text).digest("hex")

const home = () => {
  const folder = sandbox({ "mine.jsonl": text, "bad.jsonl": `${text}{"question":"2 + 2?"}\n` })
  vi.stubEnv("HMX_HOME", `${folder}/home`)
  vi.stubEnv("HF_HUB_CACHE", `${folder}/hub`)
  return folder
}
afterEach(() => vi.unstubAllEnvs())

const gsm8k = (out: string) => /^gsm8k .*$/m.exec(out)?.[0] ?? ""

describe("hmx data", () => {
  it("adds a file with its digest and licence, lists it, and finds out when it changes", async () => {
    const folder = home()
    expect(gsm8k((await hmx(["data", "ls"])).out)).toMatch(/gsm8k +missing +– +MIT +https/)
    const added = await hmx(["data", "add", "gsm8k", `${folder}/mine.jsonl`])
    expect(added.code).toBe(0)
    expect(added.out).toContain("1 items")
    expect(added.out).toContain(`sha-256 ${sha256}`)
    // There is another gsm8k/test.jsonl, and this is not it.
    expect(added.out).toContain("not the published version")
    expect(gsm8k((await hmx(["data", "ls"])).out)).toMatch(/gsm8k +added +1 +MIT/)
    const registry = JSON.parse(readFileSync(`${folder}/home/data/registry.json`, "utf8"))
    expect(registry).toMatchObject([{ dataset: "gsm8k", file: "test.jsonl", sha256, licence: "MIT" }])
    expect(JSON.stringify(registry)).not.toContain("1 + 1")
    const verified = await hmx(["data", "verify"])
    expect(verified).toMatchObject({ code: 0, err: "" })
    expect(verified.out).toMatch(/✓ .*gsm8k\/test\.jsonl: as recorded, MIT/)
    // What was added is what eval reads.
    const { code } = await hmx(["eval", "nano", "--tasks", "gsm8k", "--out", `${folder}/e`], { answer: () => "#### 2" })
    expect(code).toBe(0)

    appendFileSync(`${folder}/home/data/gsm8k/test.jsonl`, "\n")
    const changed = await hmx(["data", "verify"])
    expect(changed.code).toBe(1)
    expect(changed.out).toMatch(/✗ .*gsm8k\/test\.jsonl: changed/)
    // Nor is it used, by whatever way it is found.
    for (const more of [[], ["--data", `${folder}/home/data`]]) {
      const used = await hmx(["eval", "nano", "--tasks", "gsm8k", "--out", `${folder}/f`, ...more])
      expect(used).toMatchObject({ code: 2, out: "" })
      expect(used.err).toMatch(
        /gsm8k\/test\.jsonl: found sha-256 \w{16}…; expected \w{16}…, which npx hmx data add recorded/,
      )
    }
    const scored = await hmx(["eval", "score", "gsm8k", `${folder}/mine.jsonl`])
    expect(scored).toMatchObject({ code: 2, out: "" })
  })

  it("refuses a file of another format, another digest and a name that could be any file, and keeps nothing", async () => {
    const folder = home()
    const bad = await hmx(["data", "add", "gsm8k", `${folder}/bad.jsonl`])
    expect(bad.code).toBe(2)
    expect(bad.err).toMatch(/bad\.jsonl, line 2, field answer: found nothing; expected a text/)
    const other = await hmx(["data", "add", "gsm8k", `${folder}/mine.jsonl`, "--sha256", "00"])
    expect(other.code).toBe(2)
    expect(other.err).toContain(`found sha-256 ${sha256}; expected 00`)
    const any = await hmx(["data", "add", "bbq", `${folder}/mine.jsonl`])
    expect(any.code).toBe(2)
    expect(any.err).toMatch(/found a file named mine\.jsonl; expected one of Age\.jsonl/)
    expect((await hmx(["data", "verify"])).out).toBe("no files with a digest\n")
  })

  it("takes a file from an address, and says what the address answers", async () => {
    home()
    const server = createServer((request, response) => {
      response.statusCode = request.url === "/test.jsonl" ? 200 : 404
      response.end(text)
    })
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    const address = server.address()
    const base = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
    try {
      const added = await hmx(["data", "add", "gsm8k", `${base}/test.jsonl`, "--licence", "CC0", "--sha256", sha256])
      expect(added).toMatchObject({ code: 0, err: "" })
      expect(added.out).toContain("CC0")
      const none = await hmx(["data", "add", "gsm8k", `${base}/none.jsonl`])
      expect(none.err).toBe(`error: ${base}/none.jsonl does not answer: 404 Not Found\n`)
    } finally {
      server.close()
    }
  })

  it("finds files in the hub's cache", async () => {
    const folder = home()
    const name = "datasets--meg-tong--sycophancy-eval/snapshots/0123"
    const hub = sandbox({ [`${name}/are_you_sure.jsonl`]: "{}\n", "datasets--x--y/snapshots/1/TruthfulQA.csv": "" })
    vi.stubEnv("HF_HUB_CACHE", hub)
    const { out } = await hmx(["data", "ls"])
    expect(out).toMatch(/sycophancy_eval_are_you_sure +hub's cache +1/)
    // Only data sets that are known to have a benchmark's own files.
    expect(out).toMatch(/truthfulqa_mc1 +missing/)
    expect(out).toMatch(/^miniature_bbq +shipped +1 +Apache-2\.0 +hmx$/m)
    expect(out).toMatch(/^groups: .*\bminiature\b.*\ball\b/m)
    expect(folder).not.toBe(hub)
  })
})
