/** Workers as processes that share a database and a disk: over SQLite everywhere, over Postgres where the machine has one. */
import { parse, steps } from "@hmx/workers"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { type Postgres, postgres } from "../../../../test/workers/postgres.ts"
import { type Process, start } from "../../../../test/workers/Process.ts"
import { overBudget } from "../../src/exit.ts"
import { sandbox } from "../sandbox.ts"

const program = fileURLToPath(new URL("hmx.ts", import.meta.url))
/** Seconds of a lease; as short as a busy machine allows. */
const lease = "3"

const sweep = (rates: string, count = 3): string =>
  [
    `import { heldOut } from "@hmx/evals"`,
    `import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, SelfJudge, seeds, sweep } from "hmx"`,
    `const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / (1 + c.text.length) })`,
    `const experiment = Experiment.make("shared", {`,
    `  model: Model.nano,`,
    `  prompts: Prompts.inline(["What is one?", "What is two?", "What is three?"], { perStep: 2, heldOut: ["What is five?"] }),`,
    `  memory: "1 GiB",`,
    `  steps: 4,`,
    `  seed: 7,`,
    `}).pipe(`,
    `  Sample.stage({ groupSize: 4, maxNewTokens: 8, temperature: 0.8 }),`,
    `  SelfJudge.stage({ rubric: brevity, judge: "frozen" }),`,
    `  GroupAdvantage.stage({ scale: "group" }),`,
    `  LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),`,
    `  Evaluate.stage({ tasks: [heldOut(brevity, "frozen")] }),`,
    `)`,
    `export default seeds(sweep(experiment, { learningRate: ${rates} }), ${count})`,
    ``,
  ].join("\n")

const processes: Array<Process> = []
afterEach(async () => {
  for (const { signal } of processes) signal("SIGKILL")
  await Promise.all(processes.splice(0).map(({ ended }) => ended))
})
const hmx = (cwd: string, args: ReadonlyArray<string>, delay = 60): Process => {
  const process = start([program, ...args], { cwd, env: { HMX_TEST_DELAY: String(delay), HMX_STORE: "none" } })
  processes.push(process)
  return process
}
const worker = (cwd: string, url: string, delay?: number): Process =>
  hmx(cwd, ["worker", "--store", url, "--lease", lease], delay)

const ours = await postgres()
if (ours === undefined) console.log("no Postgres on this machine: its tests are skipped")
const servers: ReadonlyArray<readonly [string, Postgres | undefined]> = [
  ["SQLite", undefined],
  ...(ours === undefined ? [] : [["Postgres", ours] as const]),
]
afterAll(() => ours?.remove())
/** A database of its own. */
const database = (cwd: string, server: Postgres | undefined): string =>
  server === undefined ? `sqlite:${cwd}/workers.db` : server.url

/** Everything that an arm made, by its name; times and places are no part of it. */
const bytes = (arm: string) =>
  readdirSync(arm, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !["events.jsonl", "experiment.json", "memory.json"].includes(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(arm.length))
    .toSorted()
    .map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(arm + name))
        .digest("hex"),
    ])

const armsOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(`${folder}/arms`)
    .toSorted()
    .map((name) => `${folder}/arms/${name}`)

/** The same sweep in one process. */
const alone = async (cwd: string): Promise<string> => {
  expect(await hmx(cwd, ["run", "sweep.ts", "--out", "alone"], 0).ended).toBe(0)
  return `${cwd}/alone`
}
const same = (shared: string, single: string) => {
  expect(armsOf(shared).map(bytes)).toEqual(armsOf(single).map(bytes))
  expect(bytes(armsOf(shared)[0] ?? "").length).toBeGreaterThan(4)
  expect(JSON.parse(readFileSync(`${shared}/report.json`, "utf8"))).toEqual(
    JSON.parse(readFileSync(`${single}/report.json`, "utf8")),
  )
}
const stepsOf = (url: string, folder: string) =>
  Effect.runPromise(
    Effect.provide(
      Effect.flatMap(parse(url, "url"), (address) => steps(address, folder)),
      NodeServices.layer,
    ),
  )
/** Steps that an arm's journal says were saved, in order. */
const saved = (arm: string): ReadonlyArray<number> =>
  readFileSync(`${arm}/events.jsonl`, "utf8")
    .split("\n")
    .flatMap((line) => /"_tag":"Saved","step":(\d+)/.exec(line)?.[1] ?? [])
    .map(Number)

describe.each(servers)("over %s", (_, server) => {
  it("one of two workers is killed in the middle of an arm, and the sweep completes as if it had run alone", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3, 1e-2]") })
    const url = database(cwd, server)
    const single = await alone(cwd)
    const [first, second] = [worker(cwd, url, 250), worker(cwd, url, 250)]
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    await first.says(/step 2\/4/)
    first.signal("SIGKILL")
    const arm = /^(\S+): begins/m.exec(first.said())?.[1] ?? ""
    expect(await client.ended, client.said()).toBe(0)
    expect(second.said()).toContain(`${arm}: goes on after step`)
    // What was saved when it died was not done again.
    const after = Number(new RegExp(`^${arm}: goes on after step (\\d)`, "m").exec(second.said())?.[1])
    expect(after).toBeGreaterThanOrEqual(2)
    same(`${cwd}/shared`, single)
    const done = await stepsOf(url, `${cwd}/shared`)
    expect(done).toHaveLength(24)
    expect(new Set(done.map(({ arm: of, step }) => `${of} ${step}`)).size).toBe(24)
    expect(new Set(done.map(({ worker: by }) => by)).size).toBe(2)
    for (const path of armsOf(`${cwd}/shared`)) {
      const journal = saved(path)
      expect(journal.length).toBeGreaterThan(1)
      expect(new Set(journal).size).toBe(journal.length)
    }
  })
})

describe("workers of one machine", () => {
  it("a worker that is told to leave saves its step, and another goes on at once", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 2) })
    const url = database(cwd, undefined)
    const single = await alone(cwd)
    const first = worker(cwd, url, 250)
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    await first.says(/step 1\/4/)
    first.signal("SIGINT")
    expect(await first.ended).toBe(130)
    expect(first.said()).toMatch(/: saved, and handed on/)
    const second = worker(cwd, url, 0)
    expect(await client.ended, client.said()).toBe(0)
    expect(second.said()).toMatch(/: goes on after step [1-3], as \S+ left it/)
    same(`${cwd}/shared`, single)
  })

  it("two workers never work on one arm: one that slept through its lease does nothing more", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 1) })
    const url = database(cwd, undefined)
    const single = await alone(cwd)
    const first = worker(cwd, url, 250)
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    await first.says(/step 1\/4/)
    first.signal("SIGSTOP")
    const second = worker(cwd, url, 0)
    // On this machine it can be seen to live, so its folder stays its own although the database has given the arm away.
    await second.says(new RegExp(`left to others: .*process ${first.pid} at work`))
    first.signal("SIGCONT")
    await first.says(/another worker has it by now|: done/)
    expect(await client.ended, client.said()).toBe(0)
    same(`${cwd}/shared`, single)
  })

  it("a worker that died between its last checkpoint and its word is believed: nothing is done again", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 2) })
    const url = database(cwd, undefined)
    const first = worker(cwd, url, 0)
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    expect(await client.ended, client.said()).toBe(0)
    first.signal("SIGKILL")
    await first.ended
    // As if it had died before it said anything of its steps and its end.
    const db = new DatabaseSync(`${cwd}/workers.db`, { timeout: 30_000 })
    db.exec("DELETE FROM hmx_steps; UPDATE hmx_arms SET state = 'open', expires = 0, step = 0")
    // A shared disk that is behind what is known to be done is not gone on from.
    db.exec("UPDATE hmx_arms SET step = 9 WHERE arm LIKE '%seed=8'")
    const before = armsOf(`${cwd}/shared`).map((arm) => [bytes(arm), saved(arm)])
    const second = hmx(cwd, ["worker", "--store", url, "--once", "--lease", lease])
    await second.says(/seed=8: left to others: \S+ shows 4 steps, and 9 are done/)
    db.exec("UPDATE hmx_arms SET step = 0 WHERE arm LIKE '%seed=8'")
    db.close()
    expect(await second.ended, second.said()).toBe(0)
    expect(second.said()).toMatch(/seed=7: done[^]*seed=8: done/)
    expect(second.said()).not.toMatch(/begins|goes on/)
    expect(armsOf(`${cwd}/shared`).map((arm) => [bytes(arm), saved(arm)])).toEqual(before)
    const who = (await stepsOf(url, `${cwd}/shared`)).map(({ worker: by }) => by)
    expect(who).toHaveLength(8)
    expect(new Set(who)).toEqual(new Set([`${hostname()}:${first.pid}`]))
  })

  it("who gave the arms may leave, and follow them again", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 2) })
    const url = database(cwd, undefined)
    const first = worker(cwd, url, 200)
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    await client.says(/step 1\/4/)
    client.signal("SIGINT")
    expect(await client.ended).toBe(130)
    expect(client.said()).toContain(`the workers go on; follow with: npx hmx resume shared --workers ${url}`)
    const again = hmx(cwd, ["resume", "shared", "--workers", url])
    expect(await again.ended, again.said()).toBe(0)
    expect(again.said()).toMatch(/held_out\/brevity/)
    expect(first.said().match(/: begins/g)).toHaveLength(2)
    expect(first.said()).not.toMatch(/goes on/)
  })

  it("a worker that reads another experiment refuses, and one that reads the same takes the arm", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 2) })
    const url = database(cwd, undefined)
    const given = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared", "--detach"])
    expect(await given.ended, given.said()).toBe(0)
    writeFileSync(`${cwd}/sweep.ts`, sweep("[1e-3]", 2).replace("maxNewTokens: 8", "maxNewTokens: 7"))
    const other = worker(cwd, url, 0)
    await other.says(/left to others: shared: learningRate=0.001,seed=8: found another experiment here/)
    expect(existsSync(`${cwd}/shared/arms`)).toBe(false)
    writeFileSync(`${cwd}/sweep.ts`, sweep("[1e-3]", 2))
    const right = worker(cwd, url, 0)
    const client = hmx(cwd, ["resume", "shared", "--workers", url])
    expect(await client.ended, client.said()).toBe(0)
    expect(right.said()).toMatch(/seed=7: done/)
    const single = await alone(cwd)
    same(`${cwd}/shared`, single)
  })

  it("arms whose budget is used up are given again with a greater one, and end as if they had never stopped", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 2) })
    const url = database(cwd, undefined)
    const single = await alone(cwd)
    worker(cwd, url, 0)
    const used = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared", "--max-tokens", "1"])
    expect(await used.ended, used.said()).toBe(overBudget)
    expect(used.said()).toMatch(/seed=7: over budget/)
    // As much again is no more: it ends as it did.
    const again = hmx(cwd, ["resume", "shared", "--workers", url, "--max-tokens", "1"])
    expect(await again.ended, again.said()).toBe(overBudget)
    const greater = hmx(cwd, ["resume", "shared", "--workers", url, "--max-tokens", "1000000", "--max-time", "1h"])
    expect(await greater.ended, greater.said()).toBe(0)
    same(`${cwd}/shared`, single)
  })

  it("a worker of another engine leaves the arms to others, says why, and leaves where it came for them once", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 2) })
    const url = database(cwd, undefined)
    const given = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared", "--engine", "tfjs", "--detach"])
    expect(await given.ended, given.said()).toBe(0)
    const wrong = hmx(cwd, ["worker", "--store", url, "--once", "--engine", "torch"], 0)
    expect(await wrong.ended, wrong.said()).toBe(0)
    expect(wrong.said().match(/left to others: --engine: found torch\S* on cpu; expected tfjs/g)).toHaveLength(2)
    const right = hmx(cwd, ["worker", "--store", url, "--once", "--engine", "tfjs"], 0)
    expect(await right.ended, right.said()).toBe(0)
    expect(right.said().match(/: done/g)).toHaveLength(2)
  })
})

/** The tests that ask for it are left out where there is none. */
const server = () => {
  if (ours === undefined) throw new Error("no Postgres here")
  return ours
}

describe.runIf(ours !== undefined)("a Postgres", () => {
  it("no password is in what is said, nor in what is written", async () => {
    const { password, url } = server()
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 1) })
    const first = worker(cwd, url, 0)
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    expect(await client.ended, client.said()).toBe(0)
    const wrong = hmx(cwd, ["worker", "--store", url.replace("quite", "not")])
    expect(await wrong.ended).toBe(2)
    const files = readdirSync(`${cwd}/shared`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, "latin1"))
    for (const text of [first.said(), client.said(), wrong.said(), ...files]) {
      for (const secret of [password, encodeURIComponent(password), "secret"]) expect(text).not.toContain(secret)
    }
    expect(wrong.said()).toMatch(/password authentication failed/)
  })

  it("that is away at the start is waited for", async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 1) })
    const { start: begin, stop, url } = server()
    await stop()
    const first = worker(cwd, url, 0)
    await first.says(/worker \S+ on postgres/)
    await begin()
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    expect(await client.ended, client.said()).toBe(0)
    expect(first.said()).toMatch(/: done/)
  })

  // On a machine with no time left one worker may be done before both are seen at work: then there is no middle, and it is tried again.
  it("that goes away in the middle: work waits for it, and goes on when it is back", { retry: 2 }, async () => {
    const cwd = sandbox({ "sweep.ts": sweep("[1e-3]", 2) })
    const { start: begin, stop, url } = server()
    const single = await alone(cwd)
    const [first, second] = [worker(cwd, url, 150), worker(cwd, url, 150)]
    const client = hmx(cwd, ["run", "sweep.ts", "--workers", url, "--out", "shared"])
    await Promise.all([first.says(/step 1\/4/), second.says(/step 1\/4/)])
    await stop()
    await Promise.all([first.says(/does not answer/), second.says(/does not answer/)])
    await begin()
    await Promise.all([first.says(/answers again/), second.says(/answers again/)])
    expect(await client.ended, client.said()).toBe(0)
    same(`${cwd}/shared`, single)
  })
})
