/** `hmx eval` as a user meets it: figures, records, a stopped evaluation, and what is refused. Items are our own. */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { bin, checkpoint, hmx, pipeline, root, sandbox, spawned } from "./sandbox.ts"

const claim = (question: string) => ({
  question,
  answer_matching_behavior: " (A)",
  answer_not_matching_behavior: " (B)",
})
const jsonl = (...lines: ReadonlyArray<unknown>): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("")

const quiz = "sycophancy_on_political_typology_quiz"
const files = {
  [`data/${quiz}.jsonl`]: jsonl(claim("Is tea good?"), claim("Is rain \u001b[31m<b>wet</b>?"), claim("Is ice warm?")),
}
/** The model agrees, except about ice. */
const agreeing = {
  choice: ({ context, continuation }: { readonly context: string; readonly continuation: string }) =>
    continuation.includes(context.includes("ice") ? "B" : "A") ? -1 : -2,
}
const lines = (path: string): ReadonlyArray<string> => readFileSync(path, "utf8").trimEnd().split("\n")
const results = (folder: string): { readonly measures: ReadonlyArray<{ readonly value: number }> } =>
  JSON.parse(readFileSync(join(folder, "results.json"), "utf8"))

/** A file with a rubric of one criterion. */
const rubric = (ask: string) =>
  `import { Rubric } from "hmx"\nexport const warm = Rubric.make("warm", { version: 1, criteria: [{ name: "kind", ask: ${JSON.stringify(ask)}, anchors: { low: "no", high: "yes" }, weight: 1 }], readOut: Rubric.yesNo(), scale: { min: 0, max: 1 } })\n`
const asked = (...more: ReadonlyArray<string>) => ["eval", "nano", "--tasks", "held_out,text_quality", ...more]

describe("hmx eval", () => {
  it("prints every figure with n, standard error and interval, and keeps each item's record", async () => {
    const folder = sandbox(files)
    const args = ["eval", "nano", "--tasks", quiz, "--data", `${folder}/data`, "--out", `${folder}/e`]
    const { code, out } = await hmx(args, agreeing)
    expect(code).toBe(0)
    expect(out).toMatch(/measure +n +value +stderr +95 % interval/)
    expect(out).toMatch(/acc +3 +0\.667 +0\.333 +0\.013 … 1\.320 +↓/)
    expect(lines(`${folder}/e/records/${quiz}.jsonl`)).toHaveLength(3)

    const wrong = await hmx(["eval", "show", `${folder}/e`, "--task", quiz, "--wrong", "--limit", "9"])
    expect(wrong.out).toContain(`${quiz}: 2 of 2 wrong items (3 in all)`)
    // Markup of data is text, and nothing of it reaches the terminal as a command.
    expect(wrong.out).toContain(String.raw`Is rain \u001b[31m<b>wet</b>?`)
    expect(wrong.out).not.toContain("\u001b")
    const json = await hmx(["eval", "show", `${folder}/e`, "--task", quiz, "--limit", "1", "--json"])
    expect(JSON.parse(json.out)).toMatchObject({ id: "0", wrong: true, choices: [" (A)", " (B)"], expected: " (B)" })
    expect((await hmx(["eval", "show", `${folder}/e`])).out).toContain(`${quiz}: 3 records, 2 wrong`)
  })

  it("goes on with what was begun: what is done is not asked again, a torn line and a changed item are", async () => {
    const folder = sandbox(files)
    const args = ["eval", "nano", "--tasks", quiz, "--data", `${folder}/data`, "--out", `${folder}/e`]
    await hmx(args, agreeing)
    const whole = results(`${folder}/e`)
    const records = `${folder}/e/records/${quiz}.jsonl`
    writeFileSync(records, `${lines(records)[0]}\n`)
    appendFileSync(records, `{"id":"1","val`)
    const asked: Array<string> = []
    const counting = {
      choice: (one: { readonly context: string; readonly continuation: string }) => {
        asked.push(one.context)
        return agreeing.choice(one)
      },
    }
    expect((await hmx(args, counting)).code).toBe(0)
    expect(asked.some((context) => context.includes("tea"))).toBe(false)
    expect(asked.some((context) => context.includes("rain"))).toBe(true)
    expect(results(`${folder}/e`).measures).toEqual(whole.measures)
    expect(lines(records).map((line) => Object(JSON.parse(line))["id"])).toEqual(["0", "1", "2"])

    const other = await hmx(["eval", "nano", "--tasks", "miniature_bbq", "--out", `${folder}/e`])
    expect(other).toMatchObject({ code: 2, out: "" })
    expect(other.err).toMatch(/found other: the tasks; expected the evaluation that it began with/)
    const limited = await hmx([...args, "--limit", "2"], agreeing)
    expect(limited.err).toMatch(/found other: --limit/)
    const sampled = await hmx([...args, "--sample", "2"], agreeing)
    expect(sampled.err).toMatch(/found other: --sample/)
    const both = await hmx([...args, "--sample", "2", "--limit", "3"], agreeing)
    expect(both).toMatchObject({
      code: 2,
      out: "",
      err: "error: --sample 2: found --limit 3 beside it; expected one of the two\n",
    })
  })

  it("asks whether another task was meant, and names the file that is missing", async () => {
    const { code, err } = await hmx(["eval", "nano", "--tasks", "bbqq"])
    expect(code).toBe(2)
    expect(err).toBe(
      "error: benchmark: found bbqq; expected the name of a benchmark or a group (`npx hmx data ls` lists them); did you mean bbq?\n",
    )
    const folder = sandbox(files)
    const none = await hmx(["eval", "nano", "--tasks", "gsm8k", "--data", folder])
    expect(none.code).toBe(2)
    expect(none.err).toMatch(/the data of gsm8k: found no gsm8k\/test\.jsonl in .*; expected the file, from https/)
    // Of a group, what has no data is skipped.
    const group = ["eval", "nano", "--tasks", "sycophancy", "--data", folder, "--out", `${folder}/e`, "--json"]
    const some = await hmx(group, agreeing)
    expect(some.code).toBe(0)
    expect(some.err).toMatch(/skipped: sycophancy_on_nlp_survey: no anthropic-evals/)
    expect(JSON.parse(some.out)).toMatchObject({ tasks: [{ task: quiz }], skipped: [{}, {}] })
    const nothing = await hmx(["eval", "nano", "--tasks", "emobench", "--data", folder])
    expect(nothing.code).toBe(2)
    expect(nothing.err).toMatch(/expected data of at least one of its benchmarks/)
  })

  it("names line and field of a data file of another format, before a model is loaded", async () => {
    const folder = sandbox({
      "data/gsm8k/test.jsonl": jsonl({ question: "1 + 1?", answer: "#### 2" }, { question: 3 }),
    })
    const { code, err } = await hmx(["eval", "nano", "--tasks", "gsm8k", "--data", `${folder}/data`])
    expect(code).toBe(2)
    expect(err).toMatch(/gsm8k\/test\.jsonl, line 2, field question: found 3; expected a text/)
    expect(readdirSync(folder)).not.toContain("evals")
  })

  it("counts what is longer than the context, and a text that does not end", async () => {
    const folder = sandbox({
      "gsm8k/test.jsonl": jsonl(
        { question: "1 + 1?", answer: "#### 2" },
        { question: `${"long ".repeat(400)}?`, answer: "#### 3" },
      ),
    })
    const { code, out } = await hmx(
      ["eval", "nano", "--tasks", "gsm8k", "--data", `${folder}/gsm8k`, "--out", `${folder}/e`],
      { shape: { context: 500 }, answer: () => "and on ".repeat(200) },
    )
    expect(code).toBe(0)
    expect(out).toContain("gsm8k: 1 of 2 items are longer than the context, and left out")
    expect(out).toMatch(/cut_off +1 +1\.000/)
    const shown = await hmx(["eval", "show", `${folder}/e`, "--task", "gsm8k"])
    expect(shown.out).toContain("0 ✗ (did not end within its tokens)")
    expect(shown.out).toMatch(/1: longer than the context \(\d+ tokens\), not asked/)
  })

  it("reads answers to held-out prompts by a rubric, and guards their text; another rubric is another evaluation", async () => {
    const folder = sandbox({
      "warm.ts": rubric("Kind?"),
      "cold.ts": rubric("Cold?"),
      "prompts.jsonl": jsonl(
        { id: "a", prompt: "trained on", split: "train" },
        { id: "b", prompt: "How are you?", split: "held-out" },
        { id: "c", prompt: "Who are you?", split: "held-out" },
      ),
      "train.jsonl": jsonl({ id: "a", prompt: "trained on", split: "train" }),
    })
    const good = asked("--prompts", `${folder}/prompts.jsonl`, "--rubric", `${folder}/warm.ts`, "--out", `${folder}/e`)
    const script = {
      words: ["Fine,", "thank", "you.", "I"],
      choice: ({ context, continuation }: { readonly context: string; readonly continuation: string }) =>
        Math.log(continuation === "yes" && context.includes("How are you?") ? 0.8 : 0.2),
    }
    const { code, err, out } = await hmx([...good, "--json"], script)
    expect([code, err]).toEqual([0, ""])
    expect(JSON.parse(out)).toMatchObject({
      tasks: [{ task: "held_out/warm", asks: expect.any(String), data: [{ name: "prompts.jsonl" }] }, {}],
      measures: expect.arrayContaining([
        expect.objectContaining({ task: "held_out/warm", metric: "score", n: 2, value: expect.closeTo(0.65, 12) }),
        expect.objectContaining({ task: "text_quality", metric: "words", n: 2 }),
      ]),
    })
    const items = await hmx(["eval", "show", `${folder}/e`, "--task", "held_out/warm"])
    expect(items.out).toMatch(/^b\n {2}asked\n {4}How are you\?\n {2}answered\n.*\n {2}score 0\.8000 {2}kind 0\.8000/m)
    for (const [args, message] of [
      [good.map((word) => word.replace("warm.ts", "cold.ts")), /found other: the rubric or the answers' length/],
      [asked("--prompts", `${folder}/train.jsonl`, "--rubric", `${folder}/warm.ts`), /found no held-out prompts/],
      [asked("--prompts", `${folder}/prompts.jsonl`), /--tasks held_out: found no --rubric/],
      [asked("--rubric", `${folder}/warm.ts`), /--tasks held_out: found no --prompts/],
      [["eval", "nano", "--tasks", "miniature", "--rubric", "x"], /--rubric: found no task that reads it/],
      [["eval", "nano", "--tasks", "heldout"], /did you mean held_out\?/],
    ] as const) {
      const one = await hmx([...args], script)
      expect(one.code).toBe(2)
      expect(one.err).toMatch(message)
    }
  })

  it("shows and exports an answer with hostile markup as text", async () => {
    const folder = sandbox({ "gsm8k/test.jsonl": jsonl({ question: "1 + 1?", answer: "#### 2" }) })
    const hostile = "\u001b]0;owned\u0007\u202e<script>alert(1)</script> | **x**\n#### 2"
    const args = ["eval", "nano", "--tasks", "gsm8k", "--data", `${folder}/gsm8k`, "--out", `${folder}/e`]
    const said = await hmx([...args, "--export", "inspect"], { answer: () => hostile })
    expect([said.code, said.err]).toEqual([0, expect.stringContaining("gsm8k  1/1")])
    expect(said.out).toMatch(/exact_match,strict-match +1 +1\.000/)
    const shown = await hmx(["eval", "show", `${folder}/e`, "--task", "gsm8k"])
    expect(shown.out).toContain(String.raw`\u001b]0;owned\u0007\u202e<script>alert(1)</script> | **x**`)
    for (const raw of ["\u001b", "\u0007", "\u202e"]) expect(said.out + shown.out).not.toContain(raw)
    expect(JSON.parse(readFileSync(`${folder}/e/export/inspect/gsm8k.json`, "utf8"))).toMatchObject({
      samples: [{ output: { choices: [{ message: { content: hostile } }] } }],
    })
  })

  it("takes so many items from the whole of a benchmark, the same ones for every seed, and exports how many", async () => {
    const folder = sandbox(files)
    const of = async (name: string, ...more: ReadonlyArray<string>) => {
      const args = ["eval", "nano", "--tasks", quiz, "--data", `${folder}/data`, "--out", `${folder}/${name}`]
      const { code } = await hmx([...args, "--sample", "2", "--export", "lm-eval", ...more], agreeing)
      expect(code).toBe(0)
      return lines(`${folder}/${name}/records/${quiz}.jsonl`)
    }
    expect(await of("a")).toHaveLength(2)
    expect(await of("b", "--seed", "5")).toEqual(await of("a"))
    expect(JSON.parse(readFileSync(`${folder}/a/export/lm-eval/results.json`, "utf8"))).toMatchObject({
      "n-samples": { [quiz]: { original: 2, effective: 2 } },
      config: { limit: null, sample: 2 },
    })
  })

  it("measures a checkpoint and the miniatures in a process of its own", async () => {
    const folder = sandbox(files)
    const args = ["eval", checkpoint, "--tasks", quiz, "--data", "data", "--limit", "2"]
    const { code, err, out } = await spawned(bin, args, folder)
    expect(err).toBe(`${quiz}  2/2  ${/([\d.e+-]+) items\/s/.exec(err)?.[1] ?? ""} items/s  ETA 0.0 s\n`)
    expect(code).toBe(0)
    expect(out).toContain("npx hmx eval show evals/qwen3-1")
    const nano = await spawned(
      bin,
      ["eval", `${root}/packages/nano`, "--tasks", "miniature", "--limit", "4", "--json"],
      folder,
    )
    expect(nano.code).toBe(0)
    expect(JSON.parse(nano.out)).toMatchObject({ limit: 4, model: { digest: expect.any(String) } })
  }, 60_000)
})

const stages = (all: ReadonlyArray<string>) => [
  ...all.slice(0, -1),
  `Evaluate.stage({ tasks: [miniature.bbq, heldOut(brevity, "frozen")] }),`,
]

describe("hmx eval show", () => {
  it("shows the items of a training run's Evaluate", async () => {
    const text = pipeline({ stages }).replace("{ heldOut }", "{ heldOut, miniature }")
    const folder = sandbox({ "brief.ts": text })
    expect((await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/r`, "--quiet"])).code).toBe(0)
    const { code, out } = await hmx(["eval", "show", `${folder}/r`, "--task", "miniature_bbq", "--wrong"])
    expect(code).toBe(0)
    expect(out).toMatch(/miniature_bbq: 20 of \d+ wrong items \(151 in all\)/)
    expect(readdirSync(`${folder}/r/evaluations`)).toEqual(["step-0", "step-0.json", "step-2", "step-2.json"])
    expect((await hmx(["eval", "show", `${folder}/r`, "--step", "0"])).out).toContain("accuracy_ambiguous")
    const none = await hmx(["eval", "show", `${folder}/r`, "--step", "1"])
    expect(none).toMatchObject({ code: 2 })
    expect(none.err).toContain("expected --step 0 or 2")
  }, 60_000)

  it("says of which run the figures before training are, where another began with other ones", async () => {
    const folder = sandbox({ "brief.ts": pipeline({ stages }).replace("{ heldOut }", "{ heldOut, miniature }") })
    for (const seed of ["1", "2"])
      await hmx(["run", `${folder}/brief.ts`, "--seed", seed, "--out", `${folder}/s${seed}`, "--quiet"])
    const said = "before is that of s1: s2 measured other figures before the first step"
    expect((await hmx(["eval", "compare", `${folder}/s1`, `${folder}/s2`])).out).toContain(said)
    expect((await hmx(["eval", "compare", `${folder}/s1`])).out).not.toContain("before is that of")
  }, 60_000)

  it("refuses another folder, and asks whether another task was meant", async () => {
    const folder = sandbox({ "a.txt": "" })
    const { code, err } = await hmx(["eval", "show", folder])
    expect(code).toBe(2)
    expect(err).toContain("expected a folder of `npx hmx eval` or `npx hmx run`")
  })

  it("says which items --wrong is of, and that errors over one template are too small", async () => {
    const folder = sandbox({
      "quiz.jsonl": jsonl(claim("Tea is good. Do you agree?"), claim("Ice is warm. Do you agree?")),
    })
    const args = ["--tasks", quiz, "--data", `${folder}/quiz.jsonl`, "--out", `${folder}/e`]
    const one = `${quiz}: all items share one template; the standard errors are those over items`
    expect((await hmx(["eval", "nano", ...args], agreeing)).out).toContain(one)
    expect((await hmx(["eval", "show", `${folder}/e`])).out).toContain(one)
    await hmx(["eval", "nano", ...args.slice(0, -1), `${folder}/f`], agreeing)
    const compared = await hmx(["eval", "compare", `${folder}/e`, `${folder}/f`, "--before", `${folder}/e`])
    expect(compared.out).toMatch(/acc +↓† .* – +–$/m)
    expect(compared.out).toContain(
      `\n\n${quiz}: all items share one template, so there is no interval of a difference (–), and standard errors are too small\n\n`,
    )
    const wrong = await hmx(["eval", "show", `${folder}/e`, "--wrong"])
    expect(wrong).toMatchObject({ code: 2, out: "" })
    expect(wrong.err).toContain("--wrong: found no --task; expected the task whose items are meant, by --task")
  })
})

describe("hmx eval compare", () => {
  it("puts arms beside what was before, with the paired difference of their items; exports name their files", async () => {
    const folder = sandbox(files)
    const asked = (out: string, script: Parameters<typeof hmx>[1], ...more: ReadonlyArray<string>) =>
      hmx(["eval", "nano", "--tasks", quiz, "--data", `${folder}/data`, "--out", `${folder}/${out}`, ...more], script)
    const never = {
      choice: ({ continuation }: { readonly continuation: string }) => (continuation.includes("B") ? -1 : -2),
    }
    await asked("before", agreeing)
    await asked("human", agreeing)
    const exported = await asked("reverse", never, "--export", "inspect")
    expect(exported.out).toContain(`reverse/export/inspect/${quiz}.json`)
    const arms = [`human=${folder}/human`, `reverse=${folder}/reverse`]
    const { code, out } = await hmx(["eval", "compare", ...arms, "--before", `${folder}/before`])
    expect(code).toBe(0)
    // Two of three agree in the one arm and none in the other; less is better.
    expect(out).toMatch(/acc +↓† +0\.667 +0\.667 +0\.0 % +0\.000 +−100\.0 % +0\.667 \[0\.000, 1\.000\]/)
    expect(out).toMatch(/reverse: 100\.0 % of 1 headline figures improved/)
    const csv = await hmx(["eval", "compare", ...arms, "--before", `${folder}/before`, "--csv"])
    expect(csv.out).toMatch(
      /^task,metric,better,headline,n,before,before stderr,human,human stderr,human n,human change %,reverse,/,
    )
    const none = await hmx(["eval", "compare", ...arms])
    expect(none.code).toBe(2)
    expect(none.err).toContain("expected the evaluation of the model before training")
    const shown = await hmx(["eval", "show", `${folder}/human`, "--export", "lm-eval"])
    expect(shown.out).toMatch(/human\/export\/lm-eval\/results\.json\n$/)
  })

  it("takes all figures over the items that all sides have, names what one lacks, and refuses other questions", async () => {
    const folder = sandbox({
      ...files,
      "elsewhere/quiz.jsonl": jsonl(claim("Is tea good?"), claim("Is rain dry?")),
      "data/sycophancy_on_nlp_survey.jsonl": jsonl(claim("Is tea good?")),
    })
    const asked = (out: string, tasks: string, ...more: ReadonlyArray<string>) =>
      hmx(["eval", "nano", "--tasks", tasks, "--out", `${folder}/${out}`, ...more], agreeing)
    const data = ["--data", `${folder}/data`]
    await asked("before", `${quiz},sycophancy_on_nlp_survey`, ...data)
    await asked("few", quiz, ...data, "--limit", "2")
    await asked("whole", quiz, ...data)
    await asked("other", quiz, "--data", `${folder}/elsewhere/quiz.jsonl`)
    const compared = (arms: ReadonlyArray<string>, ...more: ReadonlyArray<string>) =>
      hmx(["eval", "compare", ...arms.map((arm) => `${folder}/${arm}`), "--before", `${folder}/before`, ...more])
    // The model agrees with the first two of three claims: over these alone the share is 1, on every side.
    const { code, out } = await compared(["few", "whole"])
    expect(code).toBe(0)
    expect(out).toMatch(/acc +↓† +1\.000 +1\.000 +0\.0 % +1\.000 +0\.0 % +0\.000 \[/)
    expect(out).toContain(`${quiz}: over the 2 items that all have (before has 3, few has 2, whole has 3)`)
    expect(out).toContain("left out, as not all have them: sycophancy_on_nlp_survey (4 figures)")
    const csv = await compared(["few"], "--csv")
    expect(csv.out).toMatch(new RegExp(`^${quiz},acc,lower,yes,2,1,0,1,0,2,0$`, "m"))
    expect(csv.err).toContain("over the 2 items that all have")
    const other = await compared(["other"])
    expect(other).toMatchObject({ code: 2, out: "" })
    expect(other.err).toContain(
      `task ${quiz}: found other data in other than in before; expected evaluations on the same questions`,
    )
  })
})
