/** What cannot be run, or gone on with: one sentence, exit code 2, and nothing written. */
import { everAfter } from "@hmx/testing"
import { Errors } from "hmx"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { expect, it } from "vitest"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

/** A folder with a pipeline, and a run of it that has failed in its second step. */
const begun = async () => {
  const folder = sandbox({ "brief.ts": pipeline() })
  const failures = { sample: everAfter(6, new Errors.DeviceLost({ reason: "killed" })) }
  expect((await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, "--quiet"], { failures })).code).toBe(1)
  return folder
}
/** Every file of a folder with its text. */
const all = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [entry.name, readFileSync(`${entry.parentPath}/${entry.name}`, "latin1")])

it("a store of another format version, for a new run and for one that goes on", async () => {
  const folder = await begun()
  writeFileSync(`${folder}/.store/format.json`, `{"format":99}\n`)
  const before = all(`${folder}/run`)
  const sentence =
    /^error: \S+\.store\/format\.json: found \{"format":99\}; expected \{"format":\d+\}, as this version of hmx writes it \(name another folder by --store, or remove this one\)\n$/
  const fresh = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/new`, "--quiet"])
  expect([fresh.code, fresh.err]).toEqual([2, expect.stringMatching(sentence)])
  expect(existsSync(`${folder}/new`)).toBe(false)
  const resumed = await hmx(["resume", `${folder}/run`, "--quiet"])
  expect([resumed.code, resumed.err]).toEqual([2, expect.stringMatching(sentence)])
  expect(all(`${folder}/run`)).toEqual(before)
})

it("runs rm of a file", async () => {
  const folder = sandbox({ run: "mine" })
  const { code, err } = await hmx(["runs", "rm", `${folder}/run`, "--yes"])
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/^error: \S+run: found no run; expected the folder of a run\n$/),
  ])
  expect(readFileSync(`${folder}/run`, "utf8")).toBe("mine")
})

it("a run that is a file, or a folder without a run", async () => {
  const folder = sandbox({ "brief.ts": pipeline(), run: "mine" })
  mkdirSync(`${folder}/empty`)
  const under = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run/deeper`])
  expect([under.code, under.err]).toEqual([
    2,
    expect.stringMatching(/^error: cannot \w+ \S+: a part of the path is a file\n$/),
  ])
  for (const of of ["run", "empty", "nothing"]) {
    const { code, err } = await hmx(["resume", `${folder}/${of}`])
    expect([of, code, err]).toEqual([of, 2, expect.stringMatching(new RegExp(`^error: .*${of}.*\n$`))])
  }
  expect(readFileSync(`${folder}/run`, "utf8")).toBe("mine")
  expect(readdirSync(`${folder}/empty`)).toEqual([])
})

it("a budget under the smallest possible: says what needs most, and writes nothing", async () => {
  const folder = sandbox({ "brief.ts": pipeline().replace(/memory: "[^"]+"/, `memory: "1 MiB"`) })
  const { code, err } = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`])
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/^error: memory: \S+ needs \S+ MiB with the weights, and the budget is 1\.0+ MiB\n/),
  ])
  expect(existsSync(`${folder}/run`)).toBe(false)
})
