/** The arrows between packages: DESIGN §2's table, held against every import in the tree. */
import * as Schema from "effect/Schema"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { Manifest, rooms, undeclarable, violations } from "./_internals/arrows.ts"
import { scanImports } from "./_internals/scanImports.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8")
const manifest = (path: string) => Schema.decodeUnknownSync(Schema.fromJsonString(Manifest))(read(path))

const files = globSync(["packages/*/**/*.{ts,mts,js,mjs}", "{test,pipelines,rubrics,scripts}/**/*.{ts,mts,js,mjs}"], {
  cwd: root,
  exclude: (path) => /(?:^|\/)(?:node_modules|mistakes|\.tmp[^/]*)$/.test(path),
}).toSorted()
const folders = globSync("packages/*/package.json", { cwd: root }).map((path) => path.split("/")[1] ?? "")
const manifests: { readonly [folder: string]: Manifest } = Object.fromEntries([
  ["", manifest("package.json")],
  ...folders.map((folder) => [folder, manifest(`packages/${folder}/package.json`)]),
])

describe("the tree", () => {
  it("every package has its row in the table, and every row its package", () => {
    const names = folders.map((folder) => [folder, manifest(`packages/${folder}/package.json`).name])
    expect(Object.fromEntries(names)).toEqual(
      Object.fromEntries(Object.entries(rooms).map(([folder, { name }]) => [folder, name])),
    )
  })

  it("no package.json declares an arrow that is not in the table", () => {
    const found = folders.flatMap((folder) => undeclarable(folder, manifest(`packages/${folder}/package.json`)))
    expect(found).toEqual([])
    expect(undeclarable("lm", { name: "@hmx/lm", dependencies: { "@hmx/cli": "1", hmx: "1" } })).toEqual([
      "packages/lm/package.json: no arrow goes from lm to cli",
    ])
  })

  it("no import goes against the table", () => {
    expect(files.filter((path) => /^packages\/[^/]+\/src\//.test(path)).length).toBeGreaterThan(folders.length)
    expect(files.flatMap((path) => violations({ path, text: read(path) }, manifests))).toEqual([])
  })
})

describe("planted", () => {
  const planted: { readonly [folder: string]: Manifest } = {
    "": { name: "root", devDependencies: { vitest: "5", effect: "4" } },
    hmx: { name: "hmx", peerDependencies: { effect: "4" }, dependencies: { "left-pad": "1" } },
    lm: { name: "@hmx/lm", dependencies: { hmx: "0.1.0" }, peerDependencies: { effect: "4" } },
    report: { name: "@hmx/report", dependencies: { hmx: "0.1.0" }, optionalDependencies: { colours: "1" } },
    nano: { name: "@hmx/nano" },
  }
  const said = (path: string, text: string) => violations({ path, text }, planted)

  it.each([
    ["packages/hmx/src/A.ts", `import { x } from "@hmx/runtime"`, "no arrow goes from hmx to runtime"],
    ["packages/hmx/src/A.ts", `import type { x } from "@hmx/lm"`, "no arrow goes from hmx to lm"],
    ["packages/lm/src/A.ts", `export { x } from "@hmx/engine-tfjs"`, "no arrow goes from lm to engine-tfjs"],
    ["packages/lm/src/A.ts", `export * as x from "@hmx/engine-tfjs"`, "no arrow goes from lm to engine-tfjs"],
    ["packages/report/src/A.ts", `const x = await import("@hmx/lm")`, "no arrow goes from report to lm"],
    ["packages/report/src/A.ts", `type X = import("@hmx/lm").Engine`, "no arrow goes from report to lm"],
    ["packages/report/src/A.ts", `const x = require("@hmx/lm")`, "no arrow goes from report to lm"],
    ["packages/report/src/A.ts", `import.meta.resolve("@hmx/lm")`, "no arrow goes from report to lm"],
    ["packages/nano/src/A.ts", `import "hmx"`, "no arrow goes from nano to hmx"],
    ["packages/lm/test/a.test.ts", `import "@hmx/cli"`, "no arrow goes from lm to cli"],
    ["packages/lm/src/A.ts", `import { x } from "../../hmx/src/Errors.ts"`, "a relative import stays in its package"],
    ["packages/lm/src/A.ts", `new Worker(new URL("../../nano/w.ts", import.meta.url))`, "a relative import stays in"],
    ["packages/lm/src/A.ts", `import { x } from "../test/a.ts"`, "src imports no program that stands beside it"],
    ["packages/lm/src/A.ts", `import { x } from "hmx/src/Errors.ts"`, "by its name alone"],
    ["packages/lm/src/A.ts", `import { x } from "../../../rubrics/a.ts"`, "a relative import stays in its package"],
    ["packages/lm/test/a.test.ts", `import { x } from "../../hmx/src/A.ts"`, "a package is imported by its name"],
    ["packages/lm/test/a.test.ts", `import { x } from "../../cli/test/suite.ts"`, "a package is imported by its name"],
    ["test/a.test.ts", `import { x } from "../packages/hmx/src/Errors.ts"`, "a package is imported by its name"],
    ["packages/lm/src/A.ts", `import tf from "@tensorflow/tfjs-core/dist/x.js"`, "@tensorflow/tfjs-core is not in its"],
    ["packages/engine-tfjs/src/A.ts", `import tf from "@tensorflow/tfjs-node-gpu"`, "is not in its package.json"],
    ["packages/lm/src/A.ts", `import { it } from "vitest"`, "vitest is not in its package.json"],
    ["packages/lm/src/A.ts", `import { Effect } from "effect"`, "the barrel of effect"],
    ["test/a.test.ts", `import type { Effect } from "effect"`, "the barrel of effect"],
    ["packages/hmx/src/A.ts", `import { readFile } from "node:fs/promises"`, "hmx is pure"],
    ["packages/hmx/src/A.ts", `import fs from "fs"`, "fs is not in its package.json"],
    ["packages/hmx/src/A.ts", `import "left-pad"`, "hmx imports effect alone"],
    ["packages/hmx/src/A.ts", "await import(`node:fs`)", "hmx is pure"],
    ["packages/hmx/src/A.ts", `await import("node:" + "fs")`, "no reason to compute what it imports"],
    ["packages/lm/src/A.ts", `import "https://example.com/a.js"`, "an import is relative"],
    ["packages/new/src/A.ts", ``, "not in the table of rooms"],
    ["packages/lm/src/A.ts", "\n".repeat(401), "401 lines"],
  ])("%s: %s", (path, text, sentence) => {
    const found = said(path, text)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(sentence)
    expect(found[0]?.startsWith(path)).toBe(true)
  })

  it.each([
    ["packages/lm/src/A.ts", `import { Errors } from "hmx"\nimport * as Effect from "effect/Effect"\nimport "./B.ts"`],
    ["packages/lm/src/deep/A.ts", `import fs from "node:fs"\nexport * from "../B.ts"\nawait import(name)`],
    [
      "packages/lm/test/a.test.ts",
      `import "@hmx/engine-tfjs"\nimport "vitest"\nimport "../src/A.ts"\nimport "@hmx/testing"`,
    ],
    ["packages/engine-tfjs/test/a.test.ts", `import { suite } from "../../lm/test/suite.ts"`],
    ["packages/nano/pretrain/a.ts", `import "@hmx/lm"\nimport "hmx"\nimport "@hmx/engine-tfjs"`],
    ["test/a.test.ts", `import "@hmx/cli"\nimport "./b.ts"\nimport "../rubrics/human-like.ts"`],
    ["packages/lm/test/a.test.ts", `import "../../../rubrics/human-like.ts"\nnew URL("../../../", import.meta.url)`],
    ["packages/lm/src/A.ts", `import data from "../data/a.json" with { type: "json" }`],
    ["packages/lm/src/A.ts", "\n".repeat(400)],
    ["packages/report/src/A.ts", `await import("colours")`],
    ["packages/lm/src/A.ts", `new URL("https://example.com", import.meta.url)`],
  ])("%s may: %s", (path, text) => {
    expect(said(path, text)).toEqual([])
  })
})

describe("the scanner", () => {
  it("finds every form, with its line", () => {
    const source = [
      `#!/usr/bin/env node`,
      `import a, { type b as c, "d e" as f } from "1"`,
      `import type * as g from '2'`,
      `import {`,
      `  h, // from "no"`,
      `} from "3" with { type: "json" }`,
      `export { i } from "4"; export * from "5"; export * as j from "6"; export type { k } from "7"`,
      "const l = `${await import('8')} ${`${await import(\"9\")}`}`",
      `const m = 1 / 2; import("10", { with: {} }) // / "`,
      `if (/["'/\\/]/.test(n)) import /* here */ ("11")`,
      `declare module "12" {}`,
      `o[p]! / q; r++ / s; const t = await import("13") // ' / `,
      `if (!/[/]'/.test(u) && !/"/.test(v)) w = typeof /'/; export { x } from "14"`,
    ].join("\n")
    expect(scanImports(source).map(({ specifier, line }) => `${line} ${specifier}`)).toEqual([
      "2 1",
      "3 2",
      "4 3",
      "7 4",
      "7 5",
      "7 6",
      "7 7",
      "8 8",
      "8 9",
      "9 10",
      "10 11",
      "12 13",
      "13 14",
    ])
  })

  it("is not misled", () => {
    const source = [
      `// import "a"`,
      `/* import "b" */`,
      `const c = 'import "c"', d = "export * from 'd'", e = \`import("e") \${1}\``,
      `const f = /import("f")/`,
      `const { import: g } = h; h.import("g"); ({ from: "h", export: "i" })`,
      `export { i }`,
      `const from = "j"`,
      `export const k = (from: string) => from`,
      `export {}; const l = { from: "m" }`,
      `import.meta.url; new URL("n"); k.return / 2; a[0] / "import('o')".length`,
    ].join("\n")
    expect(scanImports(source)).toEqual([])
  })

  it.each(["const a = 'b", "`${`", "/* ", "a = /b\n", "`${ {} "])("refuses what it cannot read: %s", (source) => {
    expect(() => scanImports(source)).toThrow(/line 1: .* does not end/)
  })
})
