import { ScriptedModel } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Errors, LanguageModel } from "hmx"
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { describe, expect, it, vi } from "vitest"
import { codeOf } from "../src/exit.ts"
import { program } from "../src/main.ts"
import { Models } from "../src/Models.ts"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

/** A contrast of two rewards over the pipeline of the tests, or another plan of it. */
const plan = (make: string, settings = ""): string =>
  pipeline()
    .replace("import { Evaluate,", "import { contrast, Evaluate,")
    .replace("SelfJudge } from", "SelfJudge, seeds, StopWhen, sweep } from")
    .replace("export default ", "const experiment = ")
    .replace("  seed: 7,", `  seed: 7,${settings}`)
    .concat(
      `const wordy = Reward.make("wordy", { version: 1, score: (c) => c.text.length / 100 })\n`,
      `const contrasted = contrast(experiment, { brief: (arm) => arm, wordy: (arm) => arm.reward(wordy) })\n`,
      `export default ${make}\n`,
    )
const folderOf = (make = "contrasted", settings = "") => sandbox({ "plan.ts": plan(make, settings) })

describe("hmx run of a contrast", () => {
  it("trains both arms and prints them side by side", async () => {
    const folder = folderOf()
    const { code, err, out } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`])
    expect([code, err]).toEqual([0, ""])
    expect(out).toMatch(/^brief {2}brief\/brief: 2 steps of scripted on script none → \S+run\/arms\/brief$/m)
    expect(out).toMatch(/^wordy {2}step 2\/2 {2}reward /m)
    expect(out).toMatch(/^brief: 2 arms\n\narm +state +steps +reward, first +last /m)
    expect(out).toMatch(/^brief +finished +2\/2 /m)
    expect(out).toMatch(/^measure +before +brief +change +wordy +change +brief − wordy \[95 %\] +p$/m)
    expect(readdirSync(`${folder}/run`).toSorted()).toEqual(["arms", "arms.json", "export", "report.json"])
    expect(out).toMatch(
      /^adapters \(PEFT\)\n {2}brief {2}\S+run\/arms\/brief\/checkpoints\/step-2\n {2}wordy {2}\S+run\/arms\/wordy\/checkpoints\/step-2$/m,
    )
    const shown = await hmx(["runs", "show", `${folder}/run`])
    expect(out).toContain(shown.out.trim())
    // Above the greatest pid of Linux: killed when all was done.
    for (const of of ["run", "run/arms/brief"]) writeFileSync(`${folder}/${of}/lock`, "4194305\n")
    const again = await hmx(["resume", `${folder}/run`, "--quiet"])
    expect([again.code, again.err]).toEqual([0, ""])
    for (const of of ["run", "run/arms/brief"]) expect(existsSync(`${folder}/${of}/lock`)).toBe(false)
    expect(again.out).toMatch(/run is done: its 2 arms have finished\nits report: npx hmx runs show /)
    for (const args of [
      ["runs", "diff", `${folder}/run`, `${folder}/run/arms/brief`],
      ["export", `${folder}/run`, "--out", `${folder}/out`],
      ["replay", `${folder}/run`],
      ["chat", "--adapter", `${folder}/run`],
      ["eval", "nano", "--tasks", "miniature", "--adapter", `${folder}/run`],
      ["eval", "show", `${folder}/run`],
    ]) {
      const one = await hmx(args)
      expect([args[0], one.code, one.err]).toEqual([
        args[0],
        2,
        expect.stringMatching(
          /run: found a contrast of 2 arms; expected one of its arms: \S+run\/arms\/brief, \S+run\/arms\/wordy\n$/,
        ),
      ])
    }
  })

  it("as JSON: events with their arm, and the comparison", async () => {
    const folder = folderOf()
    const { code, out } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--json"])
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(code).toBe(0)
    expect(new Set(lines.slice(0, -1).map(({ arm }) => arm))).toEqual(new Set(["brief", "wordy"]))
    expect(lines.at(-1)).toMatchObject({
      _tag: "Outcome",
      comparison: { kind: "contrast", arms: [{ name: "brief" }, { name: "wordy" }] },
    })
    // One difference in both of its tables.
    const { benchmarks, comparison } = lines.at(-1)
    const [figure] = benchmarks.figures
    const [found] = comparison.differences
    expect(figure).toMatchObject({ task: found.task, metric: found.metric })
    const { high, low, p, value } = figure.apart
    expect(found).toMatchObject({ value, low, high, p, pairs: 1 })
  })

  it("of benchmarks before and after: the paper's table is printed and exported, with the items' paired differences", async () => {
    const text = plan("contrasted").replace("[heldOut(brevity", "[miniature.bbq, heldOut(brevity")
    const folder = sandbox({ "plan.ts": text.replace("{ heldOut }", "{ heldOut, miniature }") })
    const { code, err, out } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"])
    expect([code, err]).toEqual([0, ""])
    expect(out).toMatch(/^miniature_bbq\n {2}accuracy_ambiguous +↑† +\d\.\d+ +\d\.\d+ +\S+ % .*\[.*\] +\d\.\d+$/m)
    expect(out).toMatch(/^held_out\/brevity\n {2}score +0\.\d+ +0\.\d+ .*\[.*\] +\d\.\d+$/m)
    expect(out).toMatch(
      /^brief: [\d.]+ % of \d+ headline figures improved or less than 2 % worse, [\d.]+ % more than 10 % worse$/m,
    )
    expect(out).toMatch(/^written\n {2}\S+export\/benchmarks\.csv$/m)
    const read = (path: string) => readFileSync(`${folder}/run/${path}`, "utf8")
    expect(read("export/benchmarks.csv")).toMatch(
      /^task,metric,better,headline,n,before,before stderr,brief,brief stderr,brief n,brief change %,wordy,.*,brief - wordy,low,high,p$/m,
    )
    expect(read("export/benchmarks.md")).toMatch(/^\| miniature\\_bbq \| accuracy\\_ambiguous \| ↑† \|/m)
    expect(JSON.parse(read("export/benchmarks.json"))).toMatchObject({
      figures: expect.arrayContaining([
        expect.objectContaining({ task: "held_out/brevity", apart: expect.objectContaining({ more: "brief" }) }),
      ]),
      shares: { brief: { judged: expect.any(Number) }, wordy: {} },
    })
    for (const results of ["brief/export/lm-eval/step-0", "brief/export/lm-eval/step-2", "wordy/export/lm-eval/step-2"])
      expect(JSON.parse(read(`arms/${results}/results.json`)).results).toHaveProperty("miniature_bbq")
    const compared = await hmx(["eval", "compare", `${folder}/run`])
    expect(out).toContain(compared.out.trim())
    const items = await hmx(["eval", "show", `${folder}/run/arms/wordy`, "--task", "held_out/brevity"])
    expect(items.out).toMatch(/^held_out\/brevity: 2 of 2 items/)
  }, 60_000)

  it("--arm runs one of them, as it is among the others; a resumed arm finds itself again", async () => {
    const folder = folderOf()
    await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"])
    const alone = await hmx(["run", `${folder}/plan.ts`, "--arm", "wordy", "--out", `${folder}/alone`, "--quiet"])
    expect([alone.code, alone.err]).toEqual([0, ""])
    const read = (run: string, name: string) => readFileSync(`${folder}/${run}/${name}`, "utf8")
    for (const name of ["metrics.jsonl", "report.json"]) expect(read("alone", name)).toBe(read("run/arms/wordy", name))
    const arm = await hmx(["resume", `${folder}/run/arms/wordy`, "--quiet"])
    expect([arm.code, arm.err]).toEqual([0, ""])
    const other = await hmx(["run", `${folder}/plan.ts`, "--arm", "wordi", "--out", `${folder}/other`])
    expect([other.code, other.err]).toEqual([2, "error: --arm: found wordi; expected one of: brief · wordy\n"])
  })

  it("a failed arm: the other is done, exit code 1, and resume makes it whole", async () => {
    const folder = folderOf()
    const lost = { createAdapter: { 2: new Errors.OutOfMemory({ need: 1024, where: "adapter" }) } }
    const { code, err } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"], {
      failures: lost,
    })
    expect(code).toBe(1)
    expect(err).toMatch(/^error: (brief|wordy): .*\ngo on with: npx hmx resume \S+run\n$/)
    expect((await hmx(["runs", "show", `${folder}/run`])).out).toMatch(/^(brief|wordy) +(not begun|failed) /m)
    const { code: then, out } = await hmx(["resume", `${folder}/run`])
    expect(then).toBe(0)
    expect(out).toMatch(/^brief +finished .*\n.*wordy +finished /m)
  })

  it("none of which can begin: exit code 2, and nothing to go on with", async () => {
    const folder = folderOf()
    const bad = new Errors.BadInput({ where: "a file", found: "nothing", expected: "lines" })
    const { code, err } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"], {
      failures: { createAdapter: { 1: bad, 2: bad } },
    })
    const words = "a file: found nothing; expected lines\n"
    expect([code, err]).toEqual([2, `error: brief: ${words}error: wordy: ${words}`])
    expect(existsSync(`${folder}/run`)).toBe(false)
  })

  it("a table that cannot be written takes nothing back of arms that are done", async () => {
    const folder = folderOf()
    const lost = { createAdapter: { 2: new Errors.OutOfMemory({ need: 1024, where: "adapter" }) } }
    await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"], { failures: lost })
    writeFileSync(`${folder}/run/export`, "in the way")
    const { code, err, out } = await hmx(["resume", `${folder}/run`, "--quiet"])
    expect([code, err]).toEqual([0, expect.stringMatching(/^the table of benchmarks is left out: .*export/)])
    expect(out).toMatch(/^measure +before +brief +wordy +brief − wordy \[95 %\]$/m)
    expect(out).toContain("[95 %]: paired bootstrap over items, clusters whole")
  })

  it("what cannot run is refused as a single experiment is, with nothing written", async () => {
    const folder = folderOf()
    const { code, err } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--memory", "1 MiB"])
    expect(code).toBe(2)
    expect(err).toMatch(/^error: memory: /)
    expect(existsSync(`${folder}/run`)).toBe(false)
  })
})

/** A contrast of which one arm has not begun, beside another text of its pipeline. */
const movedTo = async (text: string) => {
  const folder = folderOf()
  const lost = { createAdapter: { 2: new Errors.OutOfMemory({ need: 1024, where: "adapter" }) } }
  await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"], { failures: lost })
  const other = sandbox({ "plan.ts": text })
  cpSync(`${folder}/run`, `${other}/run`, { recursive: true })
  return other
}

describe("hmx resume of a contrast that has changed", () => {
  it("is refused with what changed, exit code 2, and nothing run; as it was it goes on", async () => {
    const other = await movedTo(plan("contrasted").replace("steps: 2,", "steps: 3,"))
    const before = readdirSync(`${other}/run/arms`)
    const { code, err } = await hmx(["resume", `${other}/run`, "--quiet"])
    expect(err).toMatch(
      /^error: \S+run\/arms\.json: found brief · wordy: a change of settings\.steps: 2 → 3; expected the arms as they were started, [^\n]*\n$/,
    )
    expect([code, readdirSync(`${other}/run/arms`)]).toEqual([2, before])
    const forced = await hmx(["resume", `${other}/run`, "--force"])
    expect([forced.code, forced.err]).toEqual([2, expect.stringMatching(/^error: --force: found .* arms are compared/)])
    const same = await hmx(["resume", `${await movedTo(plan("contrasted"))}/run`, "--quiet"])
    expect([same.code, same.err]).toEqual([0, ""])
  })
})

/** What a command says that is interrupted while it loads the model. */
const interruptedLoading = async (args: ReadonlyArray<string>) => {
  const layer = ScriptedModel.layer({})
  const { info } = await Effect.runPromise(Effect.provide(Effect.service(LanguageModel), layer))
  const loading = Layer.effect(LanguageModel, Effect.interrupt)
  const find = () => Effect.succeed({ name: info.name, shape: info.shape, layer: loading })
  let err = ""
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true))
  const work = Effect.provide(program(args), Layer.succeed(Models, { find }))
  return { code: codeOf(await Effect.runPromiseExit(work).finally(() => spy.mockRestore())), err }
}

describe("interrupted while the model is loaded", () => {
  it("a resumed run and resumed arms say how they go on, a new one that nothing was saved", async () => {
    const folder = folderOf()
    const lost = { createAdapter: { 2: new Errors.OutOfMemory({ need: 1024, where: "adapter" }) } }
    await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"], { failures: lost })
    const goOn = `go on with: npx hmx resume ${folder}/`
    expect(await interruptedLoading(["resume", `${folder}/run`])).toEqual({ code: 130, err: `\nstopped; ${goOn}run\n` })
    const alone = ["--out", `${folder}/alone`, "--arm", "wordy"]
    expect(await interruptedLoading(["run", `${folder}/plan.ts`, ...alone])).toEqual({
      code: 130,
      err: "\nstopped; nothing was saved\n",
    })
    await hmx(["run", `${folder}/plan.ts`, ...alone, "--max-tokens", "5", "--quiet"])
    expect(await interruptedLoading(["resume", `${folder}/alone`])).toEqual({
      code: 130,
      err: `\nstopped; saved: ${folder}/alone/checkpoints/step-1\n${goOn}alone\n`,
    })
  })
})

describe("a contrast whose arms.json is gone", () => {
  it("is told what is missing and what to do, by every command", async () => {
    const folder = folderOf()
    await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"])
    rmSync(`${folder}/run/arms.json`)
    for (const args of [
      ["resume", `${folder}/run`],
      ["resume", `${folder}/run`, "--force"],
      ["runs", "show", `${folder}/run`],
      ["export", `${folder}/run`, "--out", `${folder}/out`],
    ]) {
      const { code, err } = await hmx(args)
      expect(err).toMatch(/run\/arms\.json: found no such file; expected what the arms beside it are: put it back, or /)
      expect(code).toBe(2)
    }
  })
})

describe("hmx run of a sweep and of seeds", () => {
  it("numbers many arms, and names them beside their numbers", async () => {
    const folder = folderOf(`sweep(experiment, { learningRate: [1e-2, 2e-2], rank: [1, 2, 3] })`)
    const { code, out } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"])
    expect(code).toBe(0)
    expect(out).toMatch(/^#6 +learningRate=0\.02,rank=3 +finished +2\/2 /m)
    expect(readdirSync(`${folder}/run/arms`)).toContain("learningRate=0.01,rank=2")
  })

  it("of two points: the difference is that of their items' pairs; without records that of two means", async () => {
    const folder = folderOf(`sweep(experiment, { learningRate: [1e-2, 2e-2] })`)
    const { code, out } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"])
    expect(code).toBe(0)
    expect(out).toContain("[95 %]: paired bootstrap over items, clusters whole\n")
    const shown = await hmx(["runs", "show", `${folder}/run`])
    expect(out).toContain(shown.out.trim())
    rmSync(`${folder}/run/arms/learningRate=0.02/evaluations/step-2`, { recursive: true })
    const { out: without } = await hmx(["runs", "show", `${folder}/run`])
    expect(without).toContain("their errors taken as independent")
  })

  it("of a contrast under seeds: pairs by seed, and what the seeds say together", async () => {
    const folder = folderOf(`seeds(contrasted, 2)`)
    const { code, out } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--quiet"])
    expect(code).toBe(0)
    expect(out).toContain("mean of 2 differences of runs that share a seed, by Student's t")
    expect(out).toMatch(/^over 2 seeds\n\nmeasure +brief +wordy$/m)
    const seeded = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/other`, "--seed", "3"])
    expect([seeded.code, seeded.err]).toEqual([
      2,
      "error: --seed: found 3; expected no seed: the pipeline has several of its own\n",
    ])
  })
})

describe("how a run ended, by its exit code", () => {
  const stopping = `\n  stopWhen: StopWhen.metric("reward").above(-1),`

  it("3: a condition is met; it is done, and resume says so", async () => {
    const folder = folderOf("experiment", stopping)
    const { code, err, out } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`])
    expect([code, err]).toEqual([3, ""])
    expect(out).toMatch(/^stopped early after step 1: reward was above -1: /m)
    expect(out).toMatch(/^brief: 1 step in .*\n\nstopped early, and done: reward was above -1/m)
    const again = await hmx(["resume", `${folder}/run`, "--quiet"])
    expect(again.code).toBe(3)
    expect(again.out).toMatch(/run is done: it stopped early after 1 of 2 steps: reward was above/)
  })

  it("4: the budget is used up; a greater one goes on, the same one does not", async () => {
    const folder = folderOf("experiment")
    const { code, err } = await hmx([
      "run",
      `${folder}/plan.ts`,
      "--out",
      `${folder}/run`,
      "--quiet",
      "--max-tokens",
      "5",
    ])
    expect(code).toBe(4)
    expect(err).toMatch(
      /^stopped: the budget is used up after step 1 of 2: \d+ tokens, of 5\nsaved: \S+step-1\ngo on with: npx hmx resume \S+run --max-tokens N\n$/,
    )
    expect((await hmx(["runs", "show", `${folder}/run`])).out).toContain(
      "1 of 2 steps, over budget: the budget is used up",
    )
    const still = await hmx(["resume", `${folder}/run`, "--quiet"])
    expect([still.code, still.err]).toEqual([4, err])
    const more = await hmx(["resume", `${folder}/run`, "--quiet", "--max-tokens", "100000", "--max-time", "2h"])
    expect([more.code, more.err]).toEqual([0, ""])
  })

  it("of arms the worst: 4 before 3", async () => {
    const folder = folderOf("contrasted", stopping)
    const early = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/early`, "--quiet"])
    expect(early.code).toBe(3)
    const over = await hmx(["run", `${folderOf()}/plan.ts`, "--out", `${folder}/over`, "--quiet", "--max-tokens", "5"])
    expect(over.code).toBe(4)
    expect(over.err).toMatch(/go on with: npx hmx resume \S+over with a greater --max-time or --max-tokens\n$/)
  })

  it("2: a length of time that is none", async () => {
    const folder = folderOf("experiment")
    const { code, err } = await hmx(["run", `${folder}/plan.ts`, "--out", `${folder}/run`, "--max-time", "20"])
    expect([code, err]).toEqual([
      2,
      'error: --max-time: found "20"; expected a length of time such as "90 s", "20 min" or "2 h"\n',
    ])
  })
})
