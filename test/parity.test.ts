/** Parity with the reference implementations: runs the harness of `npm run parity` and prints its figures. */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { create } from "@hmx/engine-tfjs"
import { afterAll, describe, expect, test } from "vitest"
import { harness } from "./parity/harness.ts"
import { type Line, render } from "./parity/Line.ts"
import { dropTensors } from "./parity/rewrite.ts"

const committed = fileURLToPath(new URL("fixtures/parity", import.meta.url))
/** A larger set, where it stands beside the repository. */
const beside = fileURLToPath(new URL("../../shared/fixtures", import.meta.url))

const engine = await create()
afterAll(() => engine.close())

/** Areas of the fixtures that some line is about. */
const areas = (lines: ReadonlyArray<Line>) => new Set(lines.map((line) => line.case.split("/")[0]))

const sets = [
  { name: "the committed fixtures", root: committed },
  { name: "the fixtures beside the repository", root: beside },
].filter(({ root }) => existsSync(root))

describe.each(sets)("$name", ({ root }) => {
  test("every figure is within its bound", () => {
    const lines = [...harness(root, engine)]
    console.log(lines.map(render).join("\n"))
    expect(lines.filter((line) => line.status === "off")).toEqual([])
    expect(areas(lines)).toEqual(new Set(["tokenizers", "vectors", "grpo", "checkpoints", "lora", "e2e", "engine"]))
    expect(lines.filter((line) => line.status === "skipped")).toEqual([])
  })
})

test("a family that is not supported is skipped, and a broken checkpoint is off", () => {
  const root = mkdtempSync(join(tmpdir(), "parity-"))
  try {
    for (const [name, architecture] of [
      ["future", "FutureForCausalLM"],
      ["broken", "Qwen3ForCausalLM"],
    ] as const) {
      mkdirSync(join(root, "checkpoints", name), { recursive: true })
      writeFileSync(join(root, "checkpoints", name, "config.json"), JSON.stringify({ architectures: [architecture] }))
    }
    expect([...harness(root, engine)]).toMatchObject([
      { status: "off", case: "checkpoints/broken", what: expect.stringMatching(/config\.json/) },
      { status: "skipped", case: "checkpoints/future", why: 'unsupported architecture "FutureForCausalLM"' },
      { status: "ok", case: "engine" },
    ])
  } finally {
    rmSync(root, { recursive: true })
  }
})

describe("npm run parity", () => {
  const main = fileURLToPath(new URL("parity/main.ts", import.meta.url))
  const run = (...args: ReadonlyArray<string>) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8" })

  test("a figure that is off is said, and the exit code is 1", () => {
    const root = mkdtempSync(join(tmpdir(), "parity-"))
    try {
      cpSync(join(committed, "grpo"), join(root, "grpo"), { recursive: true })
      const file = join(root, "grpo/losses.json")
      const text = readFileSync(file, "utf8")
      writeFileSync(file, text.replace(/"loss": [-\d.]+/, '"loss": 12.5'))
      const { status, stdout } = run("--fixtures", root, "--json")
      expect(status).toBe(1)
      const off = stdout.split("\n").filter((line) => line.includes('"ok":false'))
      expect(off.map((line): unknown => JSON.parse(line))).toEqual([
        {
          case: expect.stringMatching(/^grpo\/losses\//),
          what: "loss",
          maxDelta: expect.any(Number),
          bound: 1e-6,
          ok: false,
        },
      ])
    } finally {
      rmSync(root, { recursive: true })
    }
  })

  test("where a tensor is missing the exit code is 1", () => {
    const root = mkdtempSync(join(tmpdir(), "parity-"))
    try {
      for (const folder of ["checkpoints", "vectors"])
        cpSync(join(committed, folder), join(root, folder), { recursive: true })
      dropTensors(join(root, "vectors/qwen3.safetensors"), /^left\.logits$/)
      const { status, stdout } = run("--fixtures", root, "--json")
      expect(stdout).toContain('"what":"no tensor \\"left.logits\\"","maxDelta":"Infinity","bound":0,"ok":false')
      expect(status).toBe(1)
    } finally {
      rmSync(root, { recursive: true })
    }
  })

  test.each([
    ["no folder", [], /--fixtures is missing/],
    ["a folder that is not there", ["--fixtures", "/nowhere/at/all"], /no folder/],
    [
      "a folder without fixtures",
      ["--fixtures", fileURLToPath(new URL("parity", import.meta.url))],
      /nothing to compare/,
    ],
    ["an unknown option", ["--fixture", "x"], /Unknown option/],
    ["an unknown backend", ["--fixtures", committed, "--backend", "abacus"], /expected wasm or cpu/],
  ])("%s: exit code 2, and why", (_, args, why) => {
    const { status, stderr } = run(...args)
    expect(stderr).toMatch(why)
    expect(status).toBe(2)
  })
})
