/** `hmx check`, `hmx graph` and `hmx new` as a user meets them: what is printed, where, and the exit code. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import { bin, checkpoint, hmx, pipeline, root, sandbox, spawned } from "./sandbox.ts"

const misspelled = pipeline({ stages: (all) => all.map((s) => s.replace("temperature", "tempreture")) })
const swapped = pipeline({ stages: (all) => [0, 2, 1, 3, 4].flatMap((i) => all[i] ?? []) })
const reverse = join(root, "pipelines/reverse.ts")
const fast = ["--fast", "--no-cache"]

describe("hmx check", () => {
  it("says nothing against a pipeline that is in order", async () => {
    const folder = sandbox({ "a.ts": pipeline() })
    expect(await hmx(["check", ...fast, join(folder, "a.ts")])).toEqual({
      code: 0,
      out: "no findings in 1 file\n",
      err: "",
    })
  })

  it("prints place, code, why and how, and ends with 1", async () => {
    const folder = sandbox({ "a.ts": misspelled })
    const { code, err, out } = await hmx(["check", ...fast, join(folder, "a.ts")])
    expect([code, err]).toEqual([1, ""])
    expect(out).toMatch(
      /a\.ts:16:49 HMX201 Sample has no option tempreture, so nothing reads it\n {2}how: write temperature \(--fix does it\)\n1 finding in 1 file\n$/,
    )
  })

  it("says a bad file on stderr, the findings of the others on stdout, and ends with 2", async () => {
    const folder = sandbox({ "a.ts": misspelled, "b.ts": "export const b = 1\n" })
    const { code, err, out } = await hmx(["check", ...fast, join(folder, "b.ts"), join(folder, "a.ts")])
    expect(code).toBe(2)
    expect(err).toMatch(
      /^error: .*b\.ts: found no default export; expected a pipeline file whose default export is an experiment\n$/,
    )
    expect(out).toMatch(/ HMX201 .*\n.*\n1 finding in 2 files, 1 that could not be checked\n$/)
  })

  it("says that imports in a circle read what is not made yet", async () => {
    const folder = sandbox({
      "a.ts": `import { b } from "./b.ts"\nexport const a: number = b + 1\nexport default a\n`,
      "b.ts": `import { a } from "./a.ts"\nexport const b: number = a + 1\n`,
    })
    const { code, err } = await spawned(bin, ["check", ...fast, "a.ts"], folder)
    expect(err).toMatch(/b\.ts:2: found Cannot access 'a' before initialization: .* import each other in a circle; /)
    expect(code).toBe(2)
  })

  it("prints one JSON value", async () => {
    const folder = sandbox({ "a.ts": misspelled, "b.ts": "export const b = 1\n" })
    const { out } = await hmx(["check", "--json", ...fast, join(folder, "a.ts"), join(folder, "b.ts")])
    expect(JSON.parse(out)).toMatchObject({
      findings: [{ line: 16, column: 49, code: "HMX201", how: "write temperature", fix: { text: "temperature" } }],
      refused: [{ found: "no default export" }],
    })
  })

  it("keeps what a module prints out of its answer", async () => {
    const folder = sandbox({ "a.ts": `console.log("from the module")\n${pipeline()}` })
    const checked = await spawned(bin, ["check", "--json", ...fast, "a.ts"], folder)
    expect(checked).toEqual({ code: 0, out: '{"findings":[],"refused":[]}\n', err: "from the module\n" })
    const drawn = await spawned(bin, ["graph", "--mermaid", "a.ts"], folder)
    expect([drawn.out.split("\n")[0], drawn.err]).toEqual(["flowchart LR", "from the module\n"])
  })

  it("prints annotations in which the user's text cannot begin another command", async () => {
    const text = pipeline({ stages: (all) => all.map((s) => s.replace("temperature", `"a%\\n::error::b"`)) })
    const folder = sandbox({ "a,b:c.ts": text })
    const { out } = await hmx(["check", "--github", ...fast, join(folder, "a,b:c.ts")])
    expect(out.trimEnd().split("\n")).toHaveLength(1)
    expect(out).toMatch(
      /^::error file=.*a%2Cb%3Ac\.ts,line=16,col=49,title=HMX201::Sample has no option a%25%0A::error::b, so/,
    )
  })

  it("makes control characters of the user's visible in a terminal", async () => {
    const folder = sandbox({
      "a.ts": pipeline({ stages: (all) => all.map((s) => s.replace("temperature", `"\\u001b[31m"`)) }),
    })
    const { out } = await hmx(["check", ...fast, join(folder, "a.ts")])
    expect(out).toContain(String.raw`no option \u001b[31m`)
  })

  it("--fix mends the file, says so, and the next check is clean", async () => {
    const folder = sandbox({ "a.ts": misspelled })
    const file = join(folder, "a.ts")
    const first = await hmx(["check", "--fix", ...fast, file])
    expect([first.code, first.out]).toEqual([
      0,
      expect.stringMatching(/a\.ts:16 mended: write temperature\nno findings in 1 file\n$/),
    ])
    expect(readFileSync(file, "utf8")).toBe(pipeline())
    expect((await spawned(bin, ["check", "--fast", "--no-cache", "a.ts"], folder)).code).toBe(0)
  })

  it("says what is wrong with the questions, at their line", async () => {
    const lines = [
      `{"id":"a","prompt":"How are you?"}`,
      `{"id":"b","prompt":"how  are you"  ,"split":"held-out"}`,
      `{"id":"c","prompt":"Tea?"}`,
    ]
    const text = pipeline().replace(/Prompts\.inline\([^]*?\n {2}\),/, `Prompts.jsonl("./q.jsonl", { perStep: 2 }),`)
    const folder = sandbox({ "a.ts": text, "q.jsonl": lines.join("\n") })
    const { out } = await hmx(["check", ...fast, join(folder, "a.ts")])
    expect(out).toMatch(/q\.jsonl:2:1 HMX401 the held-out question b is trained on as a: "how {2}are you"\n/)
    writeFileSync(join(folder, "q.jsonl"), lines.slice(0, 1).join("\n"))
    expect((await hmx(["check", ...fast, join(folder, "a.ts")])).out).toMatch(/ HMX403 .*found 1 prompts to train on; /)
  })

  it("says which question is longer than the model's context, at its line", async () => {
    const text = pipeline().replace(/Prompts\.inline\([^]*?\n {2}\),/, `Prompts.jsonl("./q.jsonl", { perStep: 1 }),`)
    const lines = [
      { id: "a", prompt: "Tea?" },
      { id: "b", prompt: "Tea and cake? ".repeat(400) },
    ].map((one) => JSON.stringify(one))
    const folder = sandbox({
      "a.ts": text,
      "q.jsonl": [...lines, '{"id":"c","prompt":"Ice?","split":"held-out"}'].join("\n"),
    })
    const { code, out } = await spawned(bin, ["check", ...fast, "a.ts"], folder)
    expect(out).toMatch(
      /^q\.jsonl:2:1 HMX404 q\.jsonl:2: found the prompt "b" of \d+ tokens; expected at most 504: the model's context of 512 less Sample's maxNewTokens 8\n/,
    )
    expect(code).toBe(1)
  })

  it("says a plan over its budget", async () => {
    const folder = sandbox({
      "a.ts": pipeline({ model: `Model.folder(${JSON.stringify(checkpoint)})` }).replace("1 GiB", "1 MiB"),
    })
    const { code, out } = await spawned(bin, ["check", ...fast, "a.ts"], folder)
    expect(out).toMatch(
      /^a\.ts:12:3 HMX501 memory: LoRAUpdate needs [\d.]+ MiB with the weights, and the budget is 1\.00 MiB\n/,
    )
    expect(code).toBe(1)
  })
})

describe("hmx check with types", () => {
  it("says the compiler's sentence once, whatever the user's own settings are", async () => {
    const folder = sandbox({
      "a.ts": swapped,
      "tsconfig.json": `{ "compilerOptions": { "strict": false, "module": "commonjs", "noLib": true }, "files": [] }`,
    })
    const { code, out } = await spawned(bin, ["check", "--no-cache", "a.ts"], folder)
    expect(out).toMatch(
      /^a\.ts:17:3 HMX101 ✗ GroupAdvantage cannot follow Sample: Sample does not produce \{ verdicts \} \(SelfJudge does\)\n.*\n1 finding in 1 file\n$/,
    )
    expect(code).toBe(1)
  })

  it("finds what only types show, and nothing in another person's JavaScript", async () => {
    const wrong = pipeline().replace("1 / (1 + c.text.length)", "c.txt.length ? 1 : 0")
    const folder = sandbox({ "a.ts": wrong, "b.mjs": `const f = (x) => x.y\nf({})\n${pipeline()}` })
    const { out } = await spawned(bin, ["check", "--no-cache", "a.ts", "b.mjs"], folder)
    const lines = out.split("\n").filter((line) => line.includes(" HMX"))
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^a\.ts:4:17 HMX306 the reward brevity throws on the empty answer: /)
    expect(lines[1]).toMatch(/^a\.ts:4:\d+ HMX106 Property 'txt' does not exist/)
  })

  it("refuses what Node cannot strip, and says why", async () => {
    const folder = sandbox({ "a.ts": `enum A { B }\nexport default A.B\n` })
    const { code, out } = await spawned(bin, ["check", "--no-cache", "a.ts"], folder)
    expect(out).toContain("a.ts:1:6 HMX106 This syntax is not allowed when 'erasableSyntaxOnly' is enabled.")
    expect(code).toBe(1)
  })

  it("takes findings from the cache without a compiler, and anew when the file changes", async () => {
    const folder = sandbox({ "a.ts": swapped })
    const first = await spawned(bin, ["check", "a.ts"], folder)
    // Whatever would load the compiler's package, or the pipeline itself, fails.
    const guard = `data:text/javascript,import{registerHooks}from"node:module";registerHooks({resolve(s,c,n){if(/ts-morph|typescript|\\/a\\.ts/.test(s))throw new Error("loaded "+s);return n(s,c)}})`
    const again = () =>
      spawnSync(process.execPath, ["--import", guard, bin, "check", "a.ts"], { cwd: folder, encoding: "utf8" })
    expect(again()).toMatchObject({ stdout: first.out, status: 1, stderr: "" })
    writeFileSync(join(folder, "a.ts"), `${swapped}\n// changed\n`)
    expect(again().stderr).toContain("loaded ")
  })
})

const holds = (text: string) => Array.from(text.matchAll(/holds [\d.]+ \w+/g), ([said]) => said)

describe("hmx graph", () => {
  it("prints lines, a picture or Mermaid", async () => {
    const folder = sandbox({ "a.ts": pipeline() })
    const said = (...flags: ReadonlyArray<string>) => hmx(["graph", ...flags, join(folder, "a.ts")])
    expect((await said()).out).toMatch(
      /^brief\n {2}Sample \(a group at a time; holds [\d.]+ \w+\)\n {4}prompt: Prompt ← questions\n/,
    )
    expect((await said("--svg")).out).toMatch(/^<svg [^]*>rollouts: Rollouts<[^]*<\/svg>\n$/)
    expect((await said("--mermaid")).out).toMatch(
      /^flowchart LR\n[^]* -->\|"rollouts: Rollouts<br\/>holds [\d.]+ \w+"\| /,
    )
    expect(await said("--svg", "--mermaid")).toMatchObject({ code: 2, out: "" })
  })

  it("holds what `hmx plan` says", async () => {
    const [graph, plan] = [await hmx(["graph", "--mermaid", reverse]), await hmx(["plan", "--mermaid", reverse])]
    expect(holds(graph.out)).not.toHaveLength(0)
    expect(holds(graph.out)).toEqual(holds(plan.out))
  })

  it("draws a pipeline that does not fit together, and refuses what is none", async () => {
    const folder = sandbox({ "a.ts": swapped, "b.ts": "export default 7\n" })
    expect(await hmx(["graph", join(folder, "a.ts")])).toMatchObject({
      code: 0,
      out: expect.stringContaining("verdicts ← nothing makes it"),
    })
    expect(await hmx(["graph", join(folder, "b.ts")])).toMatchObject({
      code: 2,
      err: expect.stringContaining("not an experiment"),
    })
  })
})

describe("hmx new", () => {
  it("writes files that compile, that check finds nothing in, and whose tests pass", async () => {
    const folder = sandbox({
      "package.json": `{ "type": "module" }`,
      "tsconfig.json": JSON.stringify({ extends: `${root}/tsconfig.json`, include: ["*/*.ts"], exclude: [] }),
    })
    for (const kind of ["pipeline", "reward", "stage"]) {
      const { code, out } = await spawned(bin, ["new", kind, `my-${kind}`], folder)
      expect([code, out]).toEqual([
        0,
        expect.stringMatching(/^wrote \w+\/my-\w+\.ts\nwrote test\/my-\w+\.test\.ts\nnext: /),
      ])
    }
    const run = (path: string, ...args: ReadonlyArray<string>) =>
      spawnSync(process.execPath, [join(root, "node_modules", path), ...args], { cwd: folder, encoding: "utf8" })
    expect(run("typescript/bin/tsc", "-p", ".").stdout).toBe("")
    expect((await spawned(bin, ["check", "--no-cache", "pipelines/my-pipeline.ts"], folder)).out).toBe(
      "no findings in 1 file\n",
    )
    const tests = run("vitest/vitest.mjs", "run", "--root", folder, "--reporter", "default")
    expect(stripVTControlCharacters(tests.stdout)).toMatch(/Tests +6 passed \(6\)/)
    expect(tests.status).toBe(0)
  })

  it("overwrites nothing, and leaves no half of a pair", async () => {
    const folder = sandbox({ "test/mine.test.ts": "mine" })
    const { code, err } = await spawned(bin, ["new", "reward", "mine"], folder)
    expect([code, err]).toEqual([
      2,
      "error: test/mine.test.ts: found a file of that name; expected a name that is free\n",
    ])
    expect(readFileSync(join(folder, "test/mine.test.ts"), "utf8")).toBe("mine")
    expect(existsSync(join(folder, "rubrics"))).toBe(false)
  })

  it("follows no link out of the folder to a file that is there", async () => {
    const folder = sandbox({ "elsewhere.ts": "mine" })
    mkdirSync(join(folder, "stages"))
    symlinkSync(join(folder, "elsewhere.ts"), join(folder, "stages/mine.ts"))
    expect((await spawned(bin, ["new", "stage", "mine"], folder)).code).toBe(2)
    rmSync(join(folder, "elsewhere.ts"))
    // Now the link leads nowhere, and is still not written through.
    expect((await spawned(bin, ["new", "stage", "mine"], folder)).code).toBe(2)
    expect(existsSync(join(folder, "elsewhere.ts"))).toBe(false)
  })
})
