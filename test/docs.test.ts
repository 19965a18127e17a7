/** The documents are true: their programs compile, their links lead somewhere, their commands exist. */
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { globSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { commented, programs, typeErrors } from "./_internals/examples.ts"
import { brokenLinks, commands, unknownCommands } from "./_internals/mentions.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const documents = globSync(["README.md", "docs/**/*.md"], { cwd: root })
  .toSorted()
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
const sources = globSync("packages/*/src/**/*.ts", { cwd: root })
  .toSorted()
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))

const files = {
  read: (path: string): string | undefined => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false })
    if (stat === undefined || path.startsWith("..")) return undefined
    return stat.isDirectory() ? "" : readFileSync(join(root, path), "utf8")
  },
}

const temporary = () => globSync(".hmx/examples-*", { cwd: root })

const Package = Schema.fromJsonString(Schema.Struct({ scripts: Schema.Record(Schema.String, Schema.String) }))
const { scripts } = Schema.decodeUnknownSync(Package)(readFileSync(join(root, "package.json"), "utf8"))

const pages = new Map<string, Promise<string>>()
const help = (path: ReadonlyArray<string>): Promise<string> => {
  const key = path.join(" ")
  const page =
    pages.get(key) ??
    new Promise<string>((resolve, reject) => {
      const args = [join(root, "packages/cli/src/bin.ts"), ...path, "--help"]
      execFile(process.execPath, args, (error, out) => (error === null ? resolve(out) : reject(error)))
    })
  pages.set(key, page)
  return page
}

describe("the documents", () => {
  it("README is among them, and shows a program", () => {
    expect(documents.flatMap(({ path, text }) => programs(path, text)).map(({ source }) => source)).toContain(
      "README.md",
    )
  })

  it("every program in them and in doc comments compiles", async () => {
    const found = [
      ...documents.flatMap(({ path, text }) => programs(path, text)),
      ...sources.flatMap(({ path, text }) => commented(path, text)),
    ]
    expect(await typeErrors(root, found)).toEqual([])
  })

  it("every relative link leads to a file and a heading", () => {
    expect(documents.flatMap(({ path, text }) => brokenLinks(path, text, files))).toEqual([])
  })

  it("every command named exists, with its flags", async () => {
    const unknown = await Promise.all(
      documents.map(({ path, text }) => unknownCommands(path, text, { scripts: Object.keys(scripts), help })),
    )
    expect(unknown.flat()).toEqual([])
  })
})

describe("planted", () => {
  const fence = "```"
  const markdown = [
    `# A title: with [brackets]`,
    `${fence}ts`,
    `// pipelines/mine.ts`,
    `import { Reward } from "hmx"`,
    `export const one: number = "two"`,
    fence,
    `1. In a list:`,
    `   ${fence}ts`,
    `   import { one } from "./pipelines/mine.ts"`,
    `   import { two } from "./packages/hmx/src/none.ts"`,
    `   import { none } from "hmx"`,
    `   console.log(one.toFixed(1), unknown)`,
    `   ${fence}`,
    `${fence}ts`,
    `not a program, so not compiled`,
    fence,
    `${fence}sh`,
    `$ npm ci && npx hmx trane pipelines/mine.ts # hmx what`,
    `npx hmx run x.ts --sead 3`,
    `npm run --silent`,
    fence,
    `See [this](docs/none.md), [that](../outside.md), [there](#nowhere), [here](#a-title-with-brackets), [a](https://b.c/d)`,
    `and \`[no](link.md)\`, \`npx hmx runs shew x\`, \`npx hmx run\`, \`hmx … \`, \`npm run nothing -- --x\`, \`npm test\`.`,
  ].join("\n")

  it("programs that do not compile are told at their line, and see each other", async () => {
    const found = programs("docs/planted.md", markdown)
    expect(found).toHaveLength(2)
    const before = temporary()
    const errors = await typeErrors(root, found)
    expect(errors.map((line) => line.replace(/: error TS\d+:.*/, ""))).toEqual(
      [5, 10, 11, 12].map((line) => `docs/planted.md:${line}`),
    )
    expect(temporary()).toEqual(before)
  })

  it("doc comments are read in both of their forms", async () => {
    const text = [
      `const a = 1`,
      `/**`,
      ` * What it is.`,
      ` *`,
      ` * @example`,
      ` * import { Reward } from "hmx"`,
      ` * Reward.nothing`,
      ` *`,
      ` * @param b - not code`,
      ` */`,
      `  /**`,
      `   * ${fence}ts`,
      `   * import { Rubric } from "hmx"`,
      `   * const c: string = 1`,
      `   * ${fence}`,
      `   */`,
      `/** @example`,
      ` * const d = 1`,
      ` */`,
    ].join("\n")
    const errors = await typeErrors(root, commented("src/a.ts", text))
    expect(errors.map((line) => line.replace(/: error.*/, ""))).toEqual(["src/a.ts:7", "src/a.ts:14"])
  })

  it("links without a target are told", () => {
    expect(brokenLinks("README.md", markdown, files)).toEqual([
      "README.md:22: docs/none.md: there is no such file",
      "README.md:22: ../outside.md: there is no such file",
      "README.md:22: #nowhere: there is no such heading",
    ])
    expect(brokenLinks("docs/a.md", "[up](../README.md) [root](..) ![picture](none.png)", files)).toEqual([
      "docs/a.md:1: none.png: there is no such file",
    ])
  })

  it("commands, flags and scripts that do not exist are told", async () => {
    expect(await unknownCommands("README.md", markdown, { scripts: ["test"], help })).toEqual([
      "README.md:18: npx hmx trane pipelines/mine.ts: hmx has no subcommand trane",
      "README.md:19: npx hmx run x.ts --sead 3: there is no --sead",
      "README.md:23: npx hmx runs shew x: hmx runs has no subcommand shew",
      "README.md:23: npm run nothing -- --x: there is no script nothing",
    ])
    expect(commands("README.md", "`a && b`").map(({ words }) => words)).toEqual([["a"], ["b"]])
  })

  it("a fence that does not end is told", () => {
    expect(() => programs("docs/a.md", `text\n${fence}ts\nimport "hmx"`)).toThrow("docs/a.md:2: a fence does not end")
  })
})
