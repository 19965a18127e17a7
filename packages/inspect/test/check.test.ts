/** Whole checks of files: what is found where, what is refused, what is kept. The compiler's share is in the command line's tests. */
import { Artefact, Errors } from "hmx"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { applyFixes, check, codes } from "../src/index.ts"
import { pipeline, sandbox } from "./sandbox.ts"

const fast = (file: string) => check([file], { types: false, cache: false })
const only = async (files: { readonly [name: string]: string }, name = "a.ts") => {
  const folder = sandbox(files)
  return { folder, ...(await fast(join(folder, name))) }
}
const questions = { train: [], heldOut: [] }
const root = fileURLToPath(new URL("../../..", import.meta.url))

describe("a file that cannot be checked", () => {
  it.each([
    ["a syntax error", { "a.ts": `// one\nexport default (\n` }, /a\.ts:2:17: found a syntax error: /],
    [
      "a syntax error in what it imports",
      { "a.ts": `import "./b.ts"\n`, "b.ts": `const x = ;\n` },
      /b\.ts:1:11: found a syntax error: /,
    ],
    [
      "no default export",
      { "a.ts": `export const a = 1\n` },
      /a\.ts: found no default export; expected a pipeline file/,
    ],
    ["another default export", { "a.ts": `export default 7\n` }, /found a default export that is not an experiment; /],
    ["a rubric", { "a.ts": `export default { kind: "rubric", name: "r" }\n` }, /not an experiment \(a rubric\)/],
    ["an empty sweep", { "a.ts": `export default { kind: "sweep", points: [] }\n` }, /not an experiment \(a sweep\)/],
    [
      "a module that throws",
      { "a.ts": `const a: any = undefined\n\nexport default a.b.c\n` },
      /a\.ts:3: found Cannot read properties/,
    ],
    ["an import that is not there", { "a.ts": `import "./none.ts"\nexport default 1\n` }, /found Cannot find module/],
    ["an empty file", { "a.ts": "" }, /a\.ts: found no default export; /],
    ["what is no text", { "a.ts": "\ufffe\0\u0001" }, /a\.ts:1:1: found a syntax error: /],
    ["a promise", { "a.ts": `export default Promise.resolve(1)\n` }, /not an experiment; /],
    ["a contrast of nothing", { "a.ts": `export default { kind: "contrast", arms: { a: 1 } }\n` }, /\(a contrast\)/],
    [
      "a module that ends the process",
      { "a.ts": `process.exit(0)\n` },
      /a\.ts:1: found the module calls process\.exit while it is loaded; /,
    ],
    ["a module that throws what is no error", { "a.ts": `throw null\n` }, /found a module that throws null; /],
    ["a name too long", { "a.ts": "" }, /found ENAMETOOLONG/, `${"a".repeat(5000)}.ts`],
    ["another language", { "a.ts": "", "a.py": "print()" }, /a \.py file/, "a.py"],
    ["a folder", { "a.ts": "", "b/c.ts": "" }, /found a folder/, "b"],
    ["nothing", { "a.ts": "" }, /found no such file/, "none.ts"],
  ])("%s is refused in one sentence", async (_, files, message, name = "a.ts") => {
    const { findings, refused } = await only(files, name)
    expect(findings).toEqual([])
    expect(refused).toHaveLength(1)
    expect(refused[0]?.message).toMatch(message)
  })

  it("outside of any project is refused", async () => {
    const path = join(tmpdir(), `hmx-outside-${process.pid}.ts`)
    writeFileSync(path, pipeline())
    const { refused } = await fast(path)
    expect(refused[0]?.message).toContain("found a file outside of any project with hmx")
  })

  it("does not keep another one from being checked", async () => {
    const folder = sandbox({
      "a.ts": `export const a = 1\n`,
      "b.ts": pipeline({ reward: `let brevity = Reward.make("brevity", { version: 1, score: () => 1 })` }),
    })
    const { findings, refused } = await check([join(folder, "a.ts"), join(folder, "b.ts")], {
      types: false,
      cache: false,
    })
    expect(refused).toHaveLength(1)
    expect(findings.map((f) => [f.file, f.code])).toEqual([[join(folder, "b.ts"), "HMX308"]])
  })
})

describe("a file that can", () => {
  it.each([
    ["as it is", { "a.ts": pipeline() }],
    [
      "that imports in a circle",
      {
        "a.ts": pipeline({ head: `import { brevity } from "./b.ts"\nexport const most = () => 9`, reward: "" }),
        "b.ts": `import { Reward } from "hmx"\nimport { most } from "./a.ts"\nexport const brevity = Reward.make("brevity", { version: 1, score: (c) => Math.min(1, most() / (1 + c.tokens)) })`,
      },
    ],
    [
      "under a tsconfig of its own",
      {
        "a.ts": pipeline(),
        "tsconfig.json": `{ "compilerOptions": { "strict": false, "module": "commonjs", "noLib": true, "paths": { "hmx": ["./none"] } } }`,
      },
    ],
  ])("%s has no findings", async (_, files) => {
    expect(await only(files)).toMatchObject({ findings: [], refused: [], files: 1 })
  })

  it.each([
    ["with a byte order mark", `\ufeff${pipeline()}`],
    ["with the line ends of Windows", pipeline().replaceAll("\n", "\r\n")],
    [
      "with a list longer than a call may have arguments",
      `${pipeline()}export const list = [${'"x",'.repeat(200_000)}]\n`,
    ],
  ])("%s has no findings", async (_, text) => {
    expect(await only({ "a.ts": text })).toMatchObject({ findings: [], refused: [], files: 1 })
  })

  it("of ten thousand lines is read to its end", async () => {
    const lines = Array.from(
      { length: 10_000 },
      (_, i) => `export const f${i} = (x: number): number => f${Math.max(0, i - 1)}(x - 1) + ${i}`,
    )
    const text = pipeline({
      head: lines.join("\n"),
      reward: `const brevity = Reward.make("brevity", { version: 1, score: (c) => Math.random() / c.tokens })`,
    })
    const { findings } = await only({ "a.ts": text })
    expect(findings.map((f) => [f.line, f.code])).toEqual([[10_003, "HMX302"]])
  })

  it("in a chain ten thousand calls long is followed to its end", async () => {
    const lines = Array.from(
      { length: 10_000 },
      (_, i) => `const f${i} = (x: number): number => ${i === 0 ? "Math.random()" : `f${i - 1}(x)`}`,
    )
    const { findings } = await only({
      "a.ts": pipeline({
        head: lines.join("\n"),
        reward: `const brevity = Reward.make("brevity", { version: 1, score: (c) => f9999(c.tokens) })`,
      }),
    })
    expect(findings.map((f) => [f.line, f.code])).toEqual([[3, "HMX302"]])
  })

  it("in JavaScript is checked as well", async () => {
    const { findings } = await only(
      { "a.mjs": pipeline({ sample: `Sample.stage({ groupSize: 2, maxNewTokens: 8, tempreture: 1 })` }) },
      "a.mjs",
    )
    expect(findings.map((f) => [f.code, f.line, f.column])).toEqual([["HMX201", 12, 49]])
  })

  it("with two files of one reward's name is told apart", async () => {
    const bad = `const brevity = Reward.make("brevity", { version: 1, score: (c) => c.text.length })`
    const folder = sandbox({ "a.ts": pipeline(), "b.ts": pipeline({ reward: bad }) })
    const { findings } = await check([join(folder, "a.ts"), join(folder, "b.ts")], { types: false, cache: false })
    expect(findings.map((f) => [f.file, f.code, f.line])).toEqual([[join(folder, "b.ts"), "HMX306", 4]])
  })
})

describe("fixes", () => {
  it("are made in the file, and nothing else of it changes", async () => {
    const wrong = pipeline({ sample: `Sample.stage({ groupSize: 2, maxNewTokenz: 8, tempreture: 0.5 })` })
    const { findings, folder } = await only({ "a.mjs": wrong }, "a.mjs")
    expect(applyFixes(findings)).toHaveLength(2)
    expect(readFileSync(join(folder, "a.mjs"), "utf8")).toBe(
      wrong.replace("maxNewTokenz", "maxNewTokens").replace("tempreture", "temperature"),
    )
    expect(readdirSync(folder)).toEqual(["a.mjs"])
  })

  it("are not offered where two names are as near, or the name is given already", async () => {
    const { findings } = await only(
      {
        "a.mjs": pipeline({
          sample: `Sample.stage({ groupSize: 2, maxNewTokens: 8, topX: 1, temperature: 1, temperatur: 1 })`,
        }),
      },
      "a.mjs",
    )
    expect(findings.map((f) => [f.code, f.fix])).toEqual([
      ["HMX201", undefined],
      ["HMX201", undefined],
    ])
  })

  it("write the names of HMX for those of another library, codemod by codemod, until nothing is left to mend", async () => {
    const text = pipeline({ sample: `Sample.stage({ num_generations: 2, max_completion_length, top_k: 4 })` })
      .replace("const brevity", "const max_completion_length = 8\nconst brevity")
      .replace(`rank: 2, learningRate: 1e-2, loss: "dapo"`, `r: 2, learning_rate: 1e-2, loss_type: "dapo"`)
    const folder = sandbox({ "a.ts": text })
    const { findings } = await fast(join(folder, "a.ts"))
    expect(findings.map((f) => [f.code, f.how])).toEqual(
      ["groupSize", "maxNewTokens", "topK", "rank", "learningRate", "loss"].map((name) => ["HMX201", `write ${name}`]),
    )
    applyFixes(findings)
    const mended = readFileSync(join(folder, "a.ts"), "utf8")
    expect(mended).toContain("Sample.stage({ groupSize: 2, maxNewTokens: max_completion_length, topK: 4 })")
    writeFileSync(join(folder, "b.ts"), mended)
    expect(await fast(join(folder, "b.ts"))).toMatchObject({ findings: [], refused: [] })
  })

  it("of a name are not offered where the option is given under its own as well", async () => {
    const { findings } = await only(
      {
        "a.mjs": pipeline({ sample: `Sample.stage({ groupSize: 2, maxNewTokens: 8, topK: 4, top_k: 4 })` }),
      },
      "a.mjs",
    )
    expect(findings.map((f) => [f.code, f.fix])).toEqual([["HMX201", undefined]])
  })

  it("take an option without effect away, in the middle and at the end", async () => {
    const text = pipeline()
      .replace(`{ scale: "group" }`, `{ stdEpsilon: 0.1, scale: "none" }`)
      .replace(`loss: "dapo" }`, `loss: "sapo", delta: 3 }`)
    const { findings, folder } = await only({ "a.ts": text })
    expect(findings.map((f) => f.code)).toEqual(["HMX202", "HMX202"])
    applyFixes(findings)
    expect(readFileSync(join(folder, "a.ts"), "utf8")).toBe(
      text.replace("stdEpsilon: 0.1, ", "").replace(", delta: 3", ""),
    )
  })

  it("of a folder that cannot be written are a typed error", () => {
    const fix = { file: "/none/a.ts", from: 0, to: 0, text: "" }
    const finding = { file: "/none/a.ts", line: 1, column: 1, code: "HMX201", why: "", how: "", fix } as const
    expect(() => applyFixes([finding])).toThrow(Errors.StorageFailed)
  })
})

const examined = async (given: Parameters<typeof check>[1] & {}) => {
  const folder = sandbox({ "a.ts": pipeline() })
  return (await check([join(folder, "a.ts")], { types: false, cache: false, ...given })).findings
}

describe("what only a runtime knows", () => {
  it("stands at the setting that it is about", async () => {
    const bad = new Errors.BadInput({ where: "model", found: "nothing", expected: "a folder" })
    const found = await examined({
      examine: async () => ({
        questions: { train: [], heldOut: [] },
        overBudget: "too much",
        noModel: bad,
        unreserved: [{ index: 1, why: "SelfJudge reserves nothing" }],
      }),
    })
    expect(found.map((f) => [f.line, f.code])).toEqual([
      [6, "HMX502"],
      [8, "HMX501"],
      [13, "HMX503"],
      [16, "HMX402"],
    ])
  })
  it.each([
    [`id "a" again`, "HMX401"],
    ["3 prompts to train on", "HMX403"],
    ["half a line", "HMX404"],
  ])("questions with %s are %s", async (what, code) => {
    const refused = new Errors.BadInput({ where: "prompts", found: what, expected: "something else" })
    expect((await examined({ examine: async () => ({ questions: refused }) })).map((f) => [f.line, f.code])).toEqual([
      [7, code],
    ])
  })
})

const prompt = (id: string, content: string) =>
  new Artefact.Prompt({ id, index: 0, messages: [{ role: "user", content }] })

const asked = async (train: ReadonlyArray<Artefact.Prompt>, text = pipeline()) => {
  const folder = sandbox({ "a.ts": text })
  const examine = async () => ({ questions: { train, heldOut: [prompt("h", "And you?")] } })
  const { findings } = await check([join(folder, "a.ts")], { types: false, cache: false, examine })
  return findings.map((f) => [f.code, f.why])
}
const knowing = pipeline({ reward: `const brevity = Rewards.exactAnswer({ a: "One." })` }).replace(
  "Reward,",
  "Rewards,",
)

describe("what the questions show", () => {
  it("a question twice, told once for each time more", async () => {
    const found = await asked([prompt("a", "How are you?"), prompt("b", "Tea?"), prompt("c", "how  are you")])
    expect(found).toEqual([["HMX405", expect.stringContaining("the question c is a again")]])
  })
  it("marks of a chat template, and no other angle brackets", async () => {
    const found = await asked([prompt("a", "[INST] Tea? [/INST]"), prompt("b", "Is 1 <| 2 |> 3 <b>?")])
    expect(found).toEqual([["HMX406", expect.stringContaining("the question a holds [INST]")]])
  })
  it("a reward whose references are another data set's; one of the ids is enough", async () => {
    const found = await asked([prompt("x", "One?"), prompt("y", "Two?")], knowing)
    expect(found).toEqual([
      ["HMX309", expect.stringContaining("knows the questions a, and none of them is trained on")],
    ])
    expect(await asked([prompt("a", "One?"), prompt("y", "Two?")], knowing)).toEqual([])
  })
  it("answers as long as the model's context", async () => {
    const questions = { train: [], heldOut: [prompt("h", "?")] }
    const at = (context: number) => examined({ examine: async () => ({ questions, context }) })
    expect((await at(8)).map((f) => [f.line, f.column, f.code])).toEqual([[12, 32, "HMX212"]])
    expect(await at(9)).toEqual([])
  })
})

const changed = async (change: Parameters<typeof pipeline>[0], from = "", to = "") =>
  (await only({ "a.ts": pipeline(change).replace(from, to) })).findings.map((f) => [f.code, f.line])

describe("what sampling and training show", () => {
  it.each([
    ["topK: 1", "HMX210"],
    ["minP: 1", "HMX210"],
    ["topP: 0.01", "HMX210"],
    ["temperature: 0.01", "HMX210"],
  ])("answers of a group that are one, by %s", async (option, code) => {
    expect(await changed({ sample: `Sample.stage({ groupSize: 2, maxNewTokens: 8, ${option} })` })).toEqual([
      [code, 12],
    ])
  })
  it.each(["topK: 2", "minP: 0.9", "topP: 0.1", "temperature: 0.1"])("not by %s", async (option) => {
    expect(await changed({ sample: `Sample.stage({ groupSize: 2, maxNewTokens: 8, ${option} })` })).toEqual([])
  })
  it("answers without room for an end, unless they are judged as they stand", async () => {
    const sample = "Sample.stage({ groupSize: 2, maxNewTokens: 1 })"
    expect(await changed({ sample })).toEqual([["HMX212", 12]])
    expect(await changed({ sample }, `judge: "frozen" })`, `judge: "frozen", unfinished: "judge" })`)).toEqual([])
  })
  it("a learning rate above 0.1", async () => {
    expect(await changed({}, "1e-2", "1")).toEqual([["HMX211", 15]])
    expect(await changed({}, "1e-2", "0.1")).toEqual([])
  })
  it.each(["sapoTemperaturePos: 2", "vespoKNeg: 2", "microBatchGroups: 3"])("%s that nothing reads", async (option) => {
    expect(await changed({}, `loss: "dapo"`, `loss: "dapo", ${option}`)).toEqual([["HMX202", 15]])
  })
  it("a reward that writes into the answer", async () => {
    const score = `(c) => Object.assign(c, { text: c.text.trim() }).text.length > 8 ? 1 : 0`
    const found = await only({
      "a.ts": pipeline({ reward: `const brevity = Reward.make("brevity", { version: 1, score: ${score} })` }),
    })
    expect(found.findings.map((f) => [f.code, f.why])).toEqual([
      ["HMX306", expect.stringContaining("Cannot assign to read only")],
    ])
  })
})

describe("the cache", () => {
  it("gives what was found, until something that it depends on changes", async () => {
    const bad = `import { Reward } from "hmx"\nexport const brevity = Reward.make("brevity", { version: 1, score: () => 1 })\n`
    const folder = sandbox({ "a.ts": pipeline({ head: `import { brevity } from "./b.ts"`, reward: "" }), "b.ts": bad })
    const file = join(folder, "a.ts")
    let asked = 0
    const again = async () =>
      (await check([file], { types: false, examine: async () => (asked++, { questions }) })).findings.map((f) => f.code)
    const first = ["HMX402", "HMX308"]
    expect([await again(), asked]).toEqual([first, 1])
    expect([await again(), asked]).toEqual([first, 1])
    writeFileSync(join(folder, "b.ts"), `// longer\n${bad}`)
    expect([await again(), asked]).toEqual([first, 2])
    expect([await again(), asked]).toEqual([first, 2])
  })

  it("keeps nothing of a file that was refused", async () => {
    const folder = sandbox({ "a.ts": `export default 7\n` })
    for (let i = 0; i < 2; i++) expect((await check([join(folder, "a.ts")], { types: false })).refused).toHaveLength(1)
  })
})

describe("the codes", () => {
  it("are those of docs/check.md, in its order", () => {
    const text = readFileSync(resolve(root, "docs/check.md"), "utf8")
    expect([...text.matchAll(/^### (HMX\d+): (.*)$/gm)].map(([, code, title]) => [code, title])).toEqual(
      Object.entries(codes),
    )
  })
})
