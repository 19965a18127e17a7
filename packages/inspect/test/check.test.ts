/** Whole checks of files: what is found where, what is refused, what is kept. The compiler's share is in the command line's tests. */
import { Errors } from "hmx"
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
      examine: async () => ({ questions: { train: [], heldOut: [] }, overBudget: "too much", noModel: bad }),
    })
    expect(found.map((f) => [f.line, f.code])).toEqual([
      [6, "HMX502"],
      [8, "HMX501"],
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
