/** What is wrong with the database or with what is asked of workers: one sentence, exit code 2, no secret in it. */
import { cpSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import { hmx, pipeline, sandbox } from "../sandbox.ts"

const arms =
  pipeline().replace("export default Experiment", "const one = Experiment") + "export default seeds(one, 2)\n"
const files = { "brief.ts": pipeline(), "arms.ts": arms.replace("SelfJudge }", "SelfJudge, seeds }") }

const inFolder = async (args: (folder: string) => ReadonlyArray<string>, prepare = (_folder: string) => {}) => {
  const folder = sandbox(files)
  prepare(folder)
  const said = await hmx(args(folder))
  expect(said.err.trim().split("\n")).toHaveLength(1)
  expect(said.code).toBe(2)
  return said.err
}

describe("a worker", () => {
  it.each([
    ["mysql://ann:geheim@db/lab", /^error: --store: found a URL of mysql:; expected postgres:/],
    ["runs/workers.db", /^error: --store: found no URL; expected postgres:/],
    ["postgres://ann:geheim@db", /^error: --store: found a URL of postgres: without a database/],
    [
      "sqlite:/no/such/folder/w.db",
      /^error: sqlite:\/no\/such\/folder\/w\.db: found no database that answers \(unable/,
    ],
  ])("refuses --store %s", async (url, message) => {
    const err = await inFolder(() => ["worker", "--store", url])
    expect(err).toMatch(message)
    expect(err).not.toContain("geheim")
  })

  it("names a database that does not answer, after it has waited", async () => {
    const err = await inFolder(() => ["worker", "--store", "postgres://ann:geheim@127.0.0.1:1/lab"])
    expect(err).toMatch(/^error: postgres:\/\/ann@127\.0\.0\.1:1\/lab: found no database that answers \(.*ECONNREFUSED/)
    expect(err).not.toContain("geheim")
  })

  it("refuses tables of another version", async () => {
    const err = await inFolder(
      (folder) => ["worker", "--store", `sqlite:${folder}/w.db`],
      (folder) => {
        const db = new DatabaseSync(`${folder}/w.db`)
        db.exec("CREATE TABLE hmx_format (format INTEGER NOT NULL); INSERT INTO hmx_format VALUES (7)")
        db.close()
      },
    )
    expect(err).toMatch(/w\.db: found tables of format 7; expected format 1/)
  })
})

describe("a run", () => {
  it.each([
    ["one experiment", ["run", "FOLDER/brief.ts", "--workers", "sqlite:w.db"], /--workers: found a single experiment/],
    [
      "one arm",
      ["run", "FOLDER/arms.ts", "--arm", "seed=7", "--workers", "sqlite:w.db"],
      /--workers: found a single arm/,
    ],
    ["nobody to go on without it", ["run", "FOLDER/arms.ts", "--detach"], /--detach: found no --workers/],
    ["a URL that is none", ["run", "FOLDER/arms.ts", "--workers", "x"], /--workers: found no URL/],
  ])("with %s is refused", async (_, args, message) => {
    expect(await inFolder((folder) => args.map((arg) => arg.replace("FOLDER", folder)))).toMatch(message)
  })

  it("whose arms have changed since they were given is refused with what changed; how to follow it can be pasted", async () => {
    const folder = sandbox(files)
    const workers = ["--workers", `sqlite:${folder}/my w.db`]
    const given = await hmx(["run", `${folder}/arms.ts`, ...workers, "--detach", "--out", `${folder}/my run`])
    expect([given.code, given.err]).toEqual([0, ""])
    expect(given.out).toContain(`follow with: npx hmx resume '${folder}/my run' --workers 'sqlite:${folder}/my w.db'\n`)
    const other = sandbox({ "arms.ts": files["arms.ts"].replace("steps: 2,", "steps: 3,") })
    cpSync(`${folder}/my run`, `${other}/run`, { recursive: true })
    const { code, err } = await hmx(["resume", `${other}/run`, ...workers, "--detach"])
    expect(err).toMatch(
      /run\/arms\.json: found seed=7 · seed=8: a change of settings\.steps: 2 → 3; expected the arms as/,
    )
    expect(code).toBe(2)
  })
})
