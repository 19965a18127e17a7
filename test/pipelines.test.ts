/** The shipped pipelines, as a newcomer finds them: whole, a pair, and refused in one sentence when a stage is taken out. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Experiment, identity } from "hmx"
import { afterAll, describe, expect, it } from "vitest"
import human from "../pipelines/human.ts"
import hmxFeel from "../pipelines/hmx-feel.ts"
import reverse from "../pipelines/reverse.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
mkdirSync(join(root, ".hmx"), { recursive: true })
const folder = mkdtempSync(join(root, ".hmx", "pipelines-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("the shipped pipelines", () => {
  it("have no problem that values can show", () => {
    expect(Experiment.problems(human)).toEqual([])
    expect(Experiment.problems(reverse)).toEqual([])
    // Without data of any benchmark too, as here.
    for (const arm of Object.values(hmxFeel.arms)) expect(Experiment.problems(arm)).toEqual([])
  })

  it("refuse a wrong variable before anything is loaded, and name it", () => {
    const bin = join(root, "packages", "cli", "src", "bin.ts")
    const { status, stderr, stdout } = spawnSync(process.execPath, [bin, "run", "pipelines/hmx-feel.ts"], {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, HMX_EVALDATA: "/nonexistent" },
    })
    expect([status, stdout]).toEqual([2, ""])
    expect(stderr).toMatch(
      /^error: pipelines\/hmx-feel\.ts:\d+: HMX_EVALDATA: found \/nonexistent, which is no folder; /,
    )
  })

  it("differ in the reward, and in their names, alone", () => {
    const [a, b] = [human, reverse].map((x) => identity(x).canonical.split(","))
    const differ = a?.flatMap((part, i) => (part === b?.[i] ? [] : [`${part} | ${b?.[i]}`]))
    expect(differ).toEqual(['"name":"human" | "name":"reverse"', '"reverse":false | "reverse":true'])
  })

  it("without GroupAdvantage, tsc and hmx run say one and the same sentence at the same line", () => {
    for (const name of ["pipelines", "rubrics"]) cpSync(join(root, name), join(folder, name), { recursive: true })
    const file = join(folder, "pipelines", "reverse.ts")
    const lines = readFileSync(file, "utf8").split("\n")
    const at = lines.findIndex((line) => line.includes("GroupAdvantage.stage("))
    lines.splice(at, 1)
    writeFileSync(file, lines.join("\n"))
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", include: ["pipelines/reverse.ts"], exclude: [] }),
    )
    const sentence =
      "✗ LoRAUpdate cannot follow SelfJudge: SelfJudge does not produce { advantages } (GroupAdvantage does)"

    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    const typed = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { cwd: root, encoding: "utf8" })
    const errors = typed.stdout.trimEnd().split("\n")
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain(`pipelines/reverse.ts(${at + 1},`)
    expect(errors[0]).toContain(sentence)

    const bin = join(root, "packages", "cli", "src", "bin.ts")
    const ran = spawnSync(process.execPath, [bin, "run", "pipelines/reverse.ts"], { cwd: folder, encoding: "utf8" })
    expect(ran.stderr).toBe(`error: pipelines/reverse.ts:${at + 1}: ${sentence}\n`)
    expect(ran.status).toBe(2)
  })
})
