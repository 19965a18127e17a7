import { everAfter } from "@hmx/testing"
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

const rubric = [
  `import { Rubric } from "hmx"`,
  `const criteria = [{ name: "warm", ask: "Is it warm?", anchors: { low: "cold", high: "warm" }, weight: 1 }]`,
  `export const warm = Rubric.make("warm", { version: 1, criteria, readOut: Rubric.yesNo(), scale: { min: 0, max: 1 } })`,
  `export const kind = Rubric.make("kind", { version: 1, criteria, readOut: Rubric.yesNo(), scale: { min: 0, max: 1 } })`,
  ``,
].join("\n")
/** A pipeline that judges by the rubric. */
const judged = pipeline({
  stages: (stages) =>
    stages.map((s) => (s.startsWith("SelfJudge") ? `SelfJudge.stage({ rubric: warm, judge: "frozen" }),` : s)),
})
  .replace("maxNewTokens: 8", "maxNewTokens: 90")
  .replace(`import { heldOut }`, `import { warm } from "./warm.ts"\nimport { heldOut }`)

/** A folder with a finished run in it. */
const ran = async () => {
  const folder = sandbox({ "brief.ts": judged, "warm.ts": rubric })
  const { code } = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, "--quiet"])
  expect(code).toBe(0)
  return folder
}
/** Makes every piece older than the hour that the collector leaves alone. */
const age = (folder: string): void => {
  const old = new Date(Date.now() - 2 * 3_600_000)
  for (const part of ["objects", "states"]) {
    for (const name of readdirSync(`${folder}/.store/${part}`, { recursive: true })) {
      utimesSync(`${folder}/.store/${part}/${String(name)}`, old, old)
    }
  }
}
const pieces = (folder: string) =>
  readdirSync(`${folder}/.store/objects`, { recursive: true, withFileTypes: true }).filter((e) => e.isFile())
/** What the working folder's own store holds: whoever has run a pipeline here has one. */
const storeHere = () =>
  new Set(existsSync("runs/.store") ? readdirSync("runs/.store", { recursive: true }).map(String) : [])

describe("hmx replay", () => {
  it("puts the old reward beside the new one, and writes it into the run", async () => {
    const folder = await ran()
    const { code, err, out } = await hmx(["replay", `${folder}/run`, "--reversed"])
    expect(code).toBe(0)
    expect(out).toMatch(/^stages\[1\]\.options\.rubric\.reverse: false → true$/m)
    expect(out).toMatch(/^ +1 +0\.\d{3} +0\.\d{3} +0\.\d{3} +0\.\d{3} +−1\.000 +0 → 0$/m)
    expect(out).toMatch(/^step +reward then +now +spread then +now +rank correlation +unscored then → now$/m)
    expect(out.trim().endsWith("run/replays/1.json")).toBe(true)
    expect(err).toMatch(/^step 1\/2 {2}reward then 0\.\d{3}, now 0\.\d{3} {2}rank correlation −1\.000\nstep 2\/2 /)
    const judge = await hmx(["replay", `${folder}/run`, "--judge", "live"])
    expect(judge.out).toMatch(/^stages\[1\]\.options\.judge: "frozen" → "live"\n\n/)
    const other = await hmx(["replay", `${folder}/run`, "--rubric", `${folder}/warm.ts#kind`, "--json"])
    expect(JSON.parse(other.out).changed[0]).toMatchObject({ field: "stages[1].options.rubric.name", now: "kind" })
    expect(existsSync(`${folder}/run/replays/3.json`)).toBe(true)
  })

  it.each([
    [["--rubric", "warm.ts"], /one of warm, kind|one of kind, warm/],
    [["--rubric", "warm.ts#cold"], /found cold/],
    [["--from", "Sample"], /--from: found Sample; expected one of SelfJudge, GroupAdvantage/],
    [["--from", "GroupAdvantage", "--reversed"], /--reversed: found no rubric/],
    [["--rubric", "warm-not-there.ts"], /no such file; expected a file that exports a rubric or another reward/],
    [["--store", "none"], /no store/],
  ])("refuses %j", async (args, words) => {
    const folder = await ran()
    const given = args.map((arg) => (arg.startsWith("warm") ? `${folder}/${arg}` : arg))
    const { code, err } = await hmx(["replay", `${folder}/run`, ...given])
    expect(code).toBe(2)
    expect(err).toMatch(words)
  })
})

describe("hmx store", () => {
  it("says what it holds, and that all is whole", async () => {
    const folder = await ran()
    const { out } = await hmx(["store", "ls"])
    expect(out).toMatch(/used by 1 run$/m)
    expect(out).toMatch(/^Sample@1 +4 /m)
    expect(out).toMatch(/^adapters, records +4 /m)
    expect(await hmx(["store", "verify"])).toMatchObject({ code: 0, out: expect.stringMatching(/all whole/) })
    const [first] = pieces(folder)
    writeFileSync(`${first?.parentPath}/${first?.name}`, "half")
    expect(await hmx(["store", "verify"])).toMatchObject({ code: 1, out: expect.stringMatching(/^damaged: /) })
    expect(await hmx(["store", "verify", "--remove"])).toMatchObject({ code: 0 })
    expect(await hmx(["store", "verify"])).toMatchObject({ code: 0 })
  })

  it("gc keeps what runs and their replays use, and removes the rest once it is old", async () => {
    const folder = await ran()
    await hmx(["replay", `${folder}/run`, "--reversed"])
    const all = pieces(folder).length
    mkdirSync(`${folder}/.store/objects/00`, { recursive: true })
    writeFileSync(`${folder}/.store/objects/00/${"0".repeat(32)}.tmp-99-1`, "half-written")
    expect((await hmx(["store", "gc"])).out).toMatch(
      /removed 0 pieces, 0 folders of adapters and records, and 0 half-written files/,
    )
    age(folder)
    expect((await hmx(["store", "gc", "--dry-run"])).out).toMatch(
      /would remove 0 pieces, 0 folders of adapters and records, and 1 half-written file:/,
    )
    expect((await hmx(["store", "gc"])).out).toMatch(
      /removed 0 pieces, 0 folders of adapters and records, and 1 half-written file:/,
    )
    expect(pieces(folder)).toHaveLength(all)
    // The run finds all of it still.
    const again = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/again`, "--json"])
    expect(JSON.parse(again.out.trim().split("\n").at(-1) ?? "").pieces.made).toBe(0)
    for (const run of ["run", "again"]) expect((await hmx(["runs", "rm", `${folder}/${run}`, "--yes"])).code).toBe(0)
    expect((await hmx(["store", "gc"])).out).toMatch(
      new RegExp(`removed ${all} pieces, 4 folders of adapters and records, and`),
    )
    expect(pieces(folder)).toHaveLength(0)
  })

  it("that is not there is no mistake; one of another version is", async () => {
    const folder = sandbox({})
    expect(await hmx(["store", "ls"])).toMatchObject({ code: 0, out: expect.stringMatching(/no store/) })
    mkdirSync(`${folder}/.store`)
    writeFileSync(`${folder}/.store/format.json`, `{"format":99}\n`)
    for (const command of ["ls", "gc", "verify"]) {
      expect((await hmx(["store", command])).code).toBe(2)
      const { code, err } = await hmx(["store", command, "--store", `${folder}/nosuch`])
      expect([code, err]).toEqual([2, expect.stringMatching(/nosuch: found no store; expected the folder of a store/)])
    }
    expect(existsSync(`${folder}/nosuch`)).toBe(false)
  })
})

describe("hmx runs", () => {
  it("diff names what differs and puts the figures side by side", async () => {
    const folder = await ran()
    await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/other`, "--seed", "8", "--quiet"])
    const { code, out } = await hmx(["runs", "diff", `${folder}/run`, `${folder}/other`])
    expect(code).toBe(0)
    expect(out).toMatch(/^experiment\.settings\.seed +7 +8$/m)
    expect(out).toMatch(/^reward +\S+ +\S+ +\S+$/m)
    expect(out).toMatch(/^held_out\/brevity score +\S+ +\S+ +\S+$/m)
    expect(out).not.toMatch(/^step /m)
    expect(out).toMatch(/^the same in both: .*held_out\/brevity unscored/m)
    const same = await hmx(["runs", "diff", `${folder}/run`, `${folder}/run`])
    expect(same.out).toMatch(/^the same experiment\n\nno figure differs\n\nthe same in both: .*reward/)
    await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/longer`, "--steps", "3", "--quiet"])
    const longer = await hmx(["runs", "diff", `${folder}/run`, `${folder}/longer`])
    expect(longer.out).toMatch(/^figures of different steps: after 2, and after 3\n\n/m)
    const again = await hmx(["plan", `${folder}/brief.ts`])
    expect(again.out).toMatch(/^all of it is in the store already: a run finds it there, and makes nothing$/m)
    expect(again.out).not.toMatch(/0\.0 s at the most/)
  })

  it("rm wants --yes where nobody can be asked, and refuses what is no run or is in work", async () => {
    const folder = await ran()
    expect(await hmx(["runs", "rm", `${folder}/run`])).toMatchObject({ code: 2, err: expect.stringMatching(/--yes/) })
    expect(await hmx(["runs", "rm", folder, "--yes"])).toMatchObject({ code: 2, err: expect.stringMatching(/no run/) })
    writeFileSync(`${folder}/run/lock`, `${process.ppid}\n`)
    const refused = await hmx(["runs", "rm", `${folder}/run`, "--yes"])
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/process \d+ at work/)])
    expect(existsSync(`${folder}/run/experiment.json`)).toBe(true)
    expect(existsSync(`${folder}/brief.ts`)).toBe(true)
  })
})

describe("hmx resume", () => {
  it("without a run takes the unfinished one that began last, and none where another process is at work", async () => {
    const folder = sandbox({ "brief.ts": judged, "warm.ts": rubric })
    const before = process.cwd()
    process.chdir(folder)
    try {
      expect((await hmx(["resume"])).err).toMatch(/runs\/: found no unfinished run/)
      const { DeviceLost } = (await import("hmx")).Errors
      const failures = () => ({ sample: everAfter(3, new DeviceLost({ reason: "killed" })) })
      const none = ["--store", "none", "--quiet"]
      for (const name of ["a", "b"]) {
        const args = ["run", "brief.ts", "--out", `runs/${name}`, ...none]
        expect((await hmx(args, name === "a" ? {} : { failures: failures() })).code).toBe(name === "a" ? 0 : 1)
      }
      // Of two unfinished ones the first is the older.
      expect((await hmx(["run", "brief.ts", "--out", "runs/old", ...none], { failures: failures() })).code).toBe(1)
      const old = new Date(Date.now() - 60_000)
      utimesSync("runs/old/experiment.json", old, old)
      writeFileSync("runs/b/lock", `${process.ppid}\n`)
      expect((await hmx(["resume", "--quiet"])).out).toMatch(/adapter \(PEFT\): runs\/old\//)
      writeFileSync("runs/b/lock", "")
      expect((await hmx(["resume", "--quiet"])).out).toMatch(/adapter \(PEFT\): runs\/b\//)
      expect((await hmx(["resume"])).code).toBe(2)
    } finally {
      process.chdir(before)
    }
  })

  it("--force on a run without a step left changes no record", async () => {
    const folder = await ran()
    const file = `${folder}/brief.ts`
    writeFileSync(`${folder}/changed.ts`, readFileSync(file, "utf8").replace("maxNewTokens: 90", "maxNewTokens: 80"))
    const path = `${folder}/run/experiment.json`
    const record = JSON.parse(readFileSync(path, "utf8"))
    const text = JSON.stringify({ ...record, source: { ...record.source, file: "../changed.ts" } })
    writeFileSync(path, text)
    const { code, err } = await hmx(["resume", `${folder}/run`, "--force"])
    expect(code).toBe(2)
    expect(err).toMatch(/found a change of stages\[0\]\.options\.maxNewTokens.*, and no step left: 2 of 2 are done/)
    expect(readFileSync(path, "utf8")).toBe(text)
  })

  it("--force goes on with a changed pipeline, with the store of the run's start", async () => {
    const before = storeHere()
    const folder = await ran()
    const file = `${folder}/brief.ts`
    writeFileSync(file, readFileSync(file, "utf8").replace("steps: 2", "steps: 3"))
    delete process.env["HMX_STORE"]
    // Node keeps the module that it has imported; the changed file is another one.
    writeFileSync(`${folder}/changed.ts`, readFileSync(file, "utf8"))
    const record = JSON.parse(readFileSync(`${folder}/run/experiment.json`, "utf8"))
    expect(record.source).toMatchObject({ file: "../brief.ts", store: "../.store" })
    writeFileSync(
      `${folder}/run/experiment.json`,
      JSON.stringify({ ...record, source: { ...record.source, file: "../changed.ts" } }),
    )
    // It is done, whatever its pipeline says now.
    const without = await hmx(["resume", `${folder}/run`])
    expect([without.code, without.out]).toEqual([
      0,
      expect.stringMatching(/run is done: it finished after 2 of 2 steps\n/),
    ])
    const { code, out } = await hmx(["resume", `${folder}/run`, "--force", "--json"])
    expect(code).toBe(0)
    expect(out).toMatch(/goes on with a change of settings\.steps/)
    expect(storeHere()).toEqual(before)
  })
})
