import { everAfter } from "@hmx/testing"
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { Engine } from "../src/Models.ts"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

const good = () => sandbox({ "brief.ts": pipeline() })

describe("hmx run", () => {
  it("trains, and ends with the table, answers and where the adapter lies", async () => {
    const folder = good()
    const { code, err, out } = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`])
    expect([code, err]).toEqual([0, ""])
    expect(out).toMatch(/^brief: 2 steps of scripted on script none → /)
    expect(out).toMatch(/^step 1\/2 {2}reward 0\.\d{3} /m)
    expect(out).toMatch(/^held_out\/brevity\n  score +2 /m)
    expect(out).toContain("answers before and after\n\n  What is ")
    expect(out).toMatch(/^adapter \(PEFT\): \S+\/run\/checkpoints\/step-2\n +digest: [0-9a-f]{16}\n$/m)
  })

  it.each(["x", "1.5", "1e99", ""])("refuses --seed %j in a sentence", async (seed) => {
    const { code, err } = await hmx(["run", `${good()}/brief.ts`, `--seed=${seed}`])
    expect([code, err]).toEqual([2, expect.stringMatching(/--seed.*a whole number of at least 0/)])
  })

  it("reads every flag", async () => {
    const folder = good()
    const args = ["--seed", "9", "--steps", "3", "--keep", "1", "--memory", "900 MiB", "--model", folder, "--json"]
    const { code, out } = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, ...args])
    expect(code).toBe(0)
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)._tag)
    expect(events.at(0)).toBe("Started")
    expect(events.at(-1)).toBe("Outcome")
    expect(readdirSync(`${folder}/run/checkpoints`)).toEqual(["step-3"])
    const record = JSON.parse(readFileSync(`${folder}/run/experiment.json`, "utf8"))
    expect(record).toMatchObject({ seed: 9, steps: 3, keep: 1, source: { file: "../brief.ts" } })
    expect(record.experiment.settings).toMatchObject({ memory: "900 MiB", model: { kind: "folder", path: folder } })
  })

  it("with --quiet prints the summary alone", async () => {
    const folder = good()
    const { out } = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, "--quiet"])
    expect(out).toMatch(/^\nbrief: 2 steps in /)
  })

  it("the same seed twice gives the same adapter", async () => {
    const folder = good()
    const digest = async (out: string) =>
      /digest: (\w+)/.exec(
        (await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/${out}`, "--store", "none"])).out,
      )?.[1]
    expect(await digest("a")).toBe(await digest("b"))
  })

  it("that fails says where, what was saved, and how to go on; and goes on", async () => {
    const folder = good()
    const { DeviceLost } = (await import("hmx")).Errors
    const failures = { sample: everAfter(6, new DeviceLost({ reason: "killed" })) }
    const { code, err } = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, "--quiet"], { failures })
    expect(code).toBe(1)
    expect(err).toMatch(
      /^error: Sample failed in step 2: the model's worker is gone: killed; it had been loaded again once; `hmx resume` goes on after the last step that is saved\nsaved: \S+step-1\ngo on with: npx hmx resume \S+run\n$/,
    )
    const resumed = await hmx(["resume", `${folder}/run`])
    expect([resumed.code, resumed.err]).toEqual([0, ""])
    expect(resumed.out).toContain("going on after step 1")
    expect(resumed.out).toMatch(/^brief: 1 of 2 steps in .*, the others before$/m)
    const whole = await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/whole`])
    const digest = /digest: \w+/
    expect(digest.exec(resumed.out)?.[0]).toBe(digest.exec(whole.out)?.[0])
    expect((await hmx(["runs", "show", `${folder}/run`])).out).toContain("adapter (PEFT)")
  })
})

describe("hmx resume", () => {
  it("takes the engine that the run began with", async () => {
    const folder = good()
    const { DeviceLost } = (await import("hmx")).Errors
    const failures = { sample: everAfter(6, new DeviceLost({ reason: "killed" })) }
    const engines: Array<Engine> = []
    const flags = ["--engine", "tfjs", "--backend", "cpu", "--compute", "f32", "--threads", "3", "--quiet"]
    await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, ...flags], { failures })
    // A record of before, which names tfjs's backend beside another engine.
    cpSync(`${folder}/run`, `${folder}/older`, { recursive: true })
    const record = `${folder}/older/experiment.json`
    writeFileSync(record, readFileSync(record, "utf8").replace(/"engine":\s*"tfjs"/, `"engine":"torch"`))
    const { code } = await hmx(["resume", `${folder}/run`, "--quiet"], {}, engines)
    expect(code).toBe(0)
    const flagsOf = { engine: "tfjs", backend: "cpu", compute: "f32", device: undefined, threads: 3 }
    expect(engines).toEqual([flagsOf])
    await hmx(["resume", `${folder}/older`, "--quiet"], {}, engines)
    expect(engines[1]).toEqual({ ...flagsOf, engine: "torch", backend: undefined })
  })
})

describe("hmx resume of a run that is done", () => {
  it("says how it ended and where its report is, and writes nothing", async () => {
    const folder = good()
    await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, "--quiet"])
    const files = () =>
      readdirSync(`${folder}/run`, { recursive: true, withFileTypes: true }).flatMap((entry) =>
        entry.isFile() ? [[entry.name, readFileSync(`${entry.parentPath}/${entry.name}`, "latin1")]] : [],
      )
    const before = files()
    const { code, err, out } = await hmx(["resume", `${folder}/run`])
    expect([code, err]).toEqual([0, ""])
    expect(out).toMatch(
      /^\S+run is done: it finished after 2 of 2 steps\nits report: npx hmx runs show \S+run \(\S+report\.json\)\n$/,
    )
    const json = await hmx(["resume", `${folder}/run`, "--json"])
    expect(JSON.parse(json.out)).toMatchObject({ _tag: "Outcome", name: "brief", doneBefore: 2, pieces: { made: 0 } })
    expect(files()).toEqual(before)
  })
})

describe("the summary", () => {
  it("has no figure for what was not measured then", async () => {
    const folder = sandbox({
      "after.ts": pipeline().replace(`tasks: [heldOut(brevity, "frozen")]`, `$&, when: ["after"]`),
    })
    const { out } = await hmx(["run", `${folder}/after.ts`, "--out", `${folder}/run`, "--quiet"])
    expect(out).toMatch(/^ {2}score +2 +– +\d\.\d{3} ± \d\.\d{3} +–$/m)
  })
})

describe("hmx plan", () => {
  it("says stages, reservations and the budget, and writes nothing", async () => {
    const folder = good()
    const { code, out } = await hmx(["plan", `${folder}/brief.ts`, "--steps", "5"])
    expect(code).toBe(0)
    expect(out).toContain("Sample → SelfJudge → GroupAdvantage → LoRAUpdate → Evaluate")
    expect(out).toContain("5 steps of 2 prompts, from 4 (2 held out); seed 7")
    expect(out).toMatch(/^LoRAUpdate +\S+ MiB +\S+ KiB +\S+ MiB +\S+ MiB +\d+ %$/m)
    expect(readdirSync(folder)).toEqual(["brief.ts", "node_modules"])
  })

  it("refuses what is over the budget, with the table", async () => {
    const folder = good()
    for (const command of ["plan", "run"]) {
      const { code, err, out } = await hmx([command, `${folder}/brief.ts`, "--memory", "16 MiB"])
      expect(code).toBe(2)
      expect(err).toMatch(/^error: memory: LoRAUpdate needs \S+ MiB with the weights, and the budget is 16\.0 MiB\n/)
      expect(err).toMatch(/✗ \S+ MiB over/)
      // Told once: by a plan as a part of it.
      const [said, not] = command === "plan" ? [out, err] : [err, out]
      expect(said).toMatch(
        /^smallest changes that would fit, each by itself\n(?: {2}\S+: .*\n)* {2}memory: 16 MiB → \d+ MiB/m,
      )
      expect(not).not.toContain("smallest changes")
    }
    expect(existsSync("runs/brief-7-1")).toBe(false)
  })
})

describe("bad input: one message, exit code 2, nothing written", () => {
  const files = {
    "brief.ts": pipeline(),
    "none.ts": "export const experiment = 1\n",
    "other.ts": `export default { kind: "sweep" }\n`,
    "throws.ts": pipeline({
      stages: ([, ...rest]) => ["Sample.stage({ groupSize: 1 + 0, maxNewTokens: 8 }),", ...rest],
    }),
    "missing.ts": pipeline({ stages: ([, ...rest]) => ["Sample.stage({ maxNewTokens: 8 }),", ...rest] }),
    "typo.ts": pipeline().replace("temperature", "tempreture"),
    "gone.ts": `import "./nothing.ts"\n`,
    "miswired.ts": pipeline({ stages: (all) => all.filter((s) => !s.startsWith("GroupAdvantage")) }),
    "prompts.ts": pipeline().replace(/Prompts\.inline\([^)]*\)/, `Prompts.jsonl("./x.jsonl", { perStep: 2 })`),
    "x.jsonl": `${Array.from({ length: 16 }, (_, i) => `{"id":"${i}","prompt":"Hm?"}\n`).join("")}{"id":\n`,
  }
  const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
    [["run"], /^error: Missing required argument: file\nsee: hmx run --help\n$/],
    [["rum"], /^error: Unknown subcommand "rum" for "hmx"; did you mean run\nsee: hmx --help\n$/],
    [["run", "brief.ts", "--sed", "3"], /^error: Unrecognized flag: --sed in command hmx run; did you mean --seed\n/],
    [["run", "brief.ts", "--seed", "x"], /^error: Invalid value for flag --seed: "x"/],
    [["run", "brief.ts", "--steps", "0"], /--steps: "0".*Expected: a whole number of at least 1\n/],
    [["run", "brief.ts", "--threads", "1.5"], /--threads/],
    [["run", "brief.ts", "--engine", "cuda"], /--engine: "cuda".*"tfjs"/],
    [["run", "brief.ts", "--backend", "gpu"], /--backend: "gpu".*wasm/],
    [
      ["run", "brief.ts", "--memory", "2GB"],
      /^error: --memory: found "2GB"; expected an amount such as "2 GiB" or "512 MiB"\n$/,
    ],
    [
      ["run", "nosuch.ts"],
      /^error: \S*nosuch.ts: found no such file; expected a pipeline file whose default export is an experiment\n$/,
    ],
    [["run", "."], /found a folder/],
    [["run", "none.ts"], /none\.ts: found no default export/],
    [["run", "other.ts"], /other\.ts: found a default export that is not an experiment \(a sweep\)/],
    [["run", "throws.ts"], /throws\.ts:16: groupSize must be a whole number of at least 2, not 1\n$/],
    [["run", "missing.ts"], /missing\.ts:16: groupSize is missing\n$/],
    [["run", "typo.ts"], /typo\.ts:16: Sample\.stage has no option tempreture: did you mean temperature\?\n$/],
    [["run", "gone.ts"], /nothing\.ts/],
    [
      ["run", "miswired.ts"],
      /^error: \S*miswired\.ts:18: ✗ LoRAUpdate cannot follow SelfJudge: SelfJudge does not produce \{ advantages \} \(GroupAdvantage does\)\n$/,
    ],
    [["run", "prompts.ts"], /^error: \S*x\.jsonl:17: found "\{\\"id\\":"; expected one JSON value on the line\n$/],
    [["run", "brief.ts", "--out", "brief.ts"], /found a file; expected a folder for the run/],
    [["run", "brief.ts", "--out", "."], /found a folder that is not empty/],
    [["run", "brief.ts", "--out", "brief.ts/x"], /^error: cannot read \S+: a part of the path is a file\n$/],
    [["resume", "nosuch"], /^error: cannot read \S*nosuch\/experiment.json: there is no such file or folder\n$/],
    [["runs", "show", "nosuch"], /^error: cannot read \S*nosuch\/experiment.json/],
  ]

  it.each(cases)("hmx %j", async (args, message) => {
    const folder = sandbox(files)
    const path = (word: string) => (/^\.$|\.ts(\/x)?$|^nosuch/.test(word) ? `${folder}/${word}` : word)
    const { code, err, out } = await hmx(args.map(path))
    expect(err).toMatch(message)
    expect([code, out]).toEqual([2, ""])
    expect(readdirSync(folder).toSorted()).toEqual([...Object.keys(files), "node_modules"].toSorted())
  })
})
