/**
 * Holds the exact sentences. In a fixture, `//: text` at the end of a line says which error the compiler gives there.
 * Compared both ways: no error without its comment, no comment without its error, and no error that takes a second line.
 * `UPDATE=1` writes the comments anew, for the eye of a reviewer.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as fc from "fast-check"
import { Experiment, type Stage } from "hmx"
import { expect, test } from "vitest"
import * as parts from "../fixtures/mistakes/parts.ts"
import { compile } from "./compile.ts"

const folder = fileURLToPath(new URL("../fixtures", import.meta.url))
const mistakes = path.join(folder, "mistakes")
const read = (file: string): ReadonlyArray<string> => fs.readFileSync(path.join(mistakes, file), "utf8").split("\n")

/** The comments of a fixture. */
const wanted = (file: string) =>
  read(file).flatMap((line, i) =>
    line
      .split(" //: ")
      .slice(1)
      .map((text) => ({ file, at: i + 1, text })),
  )

/** The first problem that the compiler can see: it cannot know that a pipeline is meant to be finished. */
const ofStages = (experiment: Experiment.Any): string | undefined =>
  Experiment.problems(experiment).find(({ stage }) => stage !== "the experiment")?.sentence

test("each mistake is one sentence at its own line", () => {
  const found = compile(path.join(folder, "tsconfig.json"))
  const files = fs.readdirSync(mistakes).toSorted()
  if (process.env["UPDATE"] === "1") {
    for (const file of files) {
      const lines = read(file).map((line, i) => {
        const errors = found.filter((e) => e.file === file && e.at === i + 1)
        return [line.replace(/ \/\/:.*$/, ""), ...errors.map((e) => e.text)].join(" //: ")
      })
      fs.writeFileSync(path.join(mistakes, file), lines.join("\n"))
    }
  }
  expect(found).toEqual(files.flatMap(wanted))
  // The compiler cuts a type in a message at about 320 characters.
  for (const { text } of found.filter((e) => e.text.startsWith("✗"))) expect(text.length).toBeLessThan(250)
})

test("the rules on values say what the compiler says of the fixtures", async () => {
  // By a computed name: the workspace's own type check shall not follow it to the mistakes.
  const wiring: string = pathToFileURL(path.join(mistakes, "wiring.ts")).href
  const { made }: { readonly made: ReadonlyArray<Experiment.Any> } = await import(wiring)
  const cases = read("wiring.ts").join("\n").split("\n//- ").slice(1)
  expect(cases.length).toBe(made.length)
  for (const [i, experiment] of made.entries()) {
    const sentence = / \/\/: (.*)/.exec(cases[i] ?? "")?.[1]
    expect(ofStages(experiment), cases[i]).toBe(sentence)
  }
})

test("the rules on values say what the compiler says of any order of stages", () => {
  const { advantage, evaluate, judge, live, measured, needy, sample, shout, update, warm } = parts
  const pool: { readonly [name: string]: Stage.Any } = {
    advantage,
    evaluate,
    judge,
    live,
    measured,
    needy,
    sample,
    shout,
    update,
    warm,
  }
  const names = fc.constantFrom(...Object.keys(pool))
  const nearlyRight = fc
    .tuple(
      fc.constantFrom("judge", "live"),
      fc.constantFrom("evaluate", "measured"),
      fc.array(fc.tuple(fc.nat(6), names), { maxLength: 2 }),
    )
    .map(([read, last, changes]) => {
      const order = ["sample", read, "advantage", "update", last]
      for (const [at, name] of changes) order.splice(at, at % 2, name)
      return order
    })
  const orders = fc.sample(fc.oneof(nearlyRight, fc.array(names, { minLength: 1, maxLength: 7 })), {
    numRuns: 150,
    seed: 3,
  })
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "hmx-orders-"))
  try {
    const from = path.join(mistakes, "parts.ts")
    const text = [
      `import { ${Object.keys(pool).join(", ")}, start } from ${JSON.stringify(from)}`,
      ...orders.map((order) => `start.pipe(${order.join(", ")})`),
    ]
    fs.writeFileSync(path.join(temporary, "orders.ts"), text.join("\n"))
    const root = fileURLToPath(new URL("../../..", import.meta.url))
    const config = {
      extends: path.join(root, "tsconfig.json"),
      // The folder has no node_modules of its own.
      compilerOptions: { typeRoots: [path.join(root, "node_modules/@types")] },
      include: ["orders.ts"],
      exclude: [],
    }
    fs.writeFileSync(path.join(temporary, "tsconfig.json"), JSON.stringify(config))
    const found = new Map(compile(path.join(temporary, "tsconfig.json")).map((e) => [e.at, e.text]))
    const wrong = orders.map((order, i) => ({ line: i + 2, order: order.join(", "), text: found.get(i + 2) }))
    const byValue = orders.map((order, i) => {
      const stages = order.flatMap((name) => pool[name] ?? [])
      const experiment = { ...parts.start, stages }
      return { line: i + 2, order: order.join(", "), text: ofStages(experiment) }
    })
    expect(byValue).toEqual(wrong)
    expect(found.size).toBeGreaterThan(50)
    expect(found.size).toBeLessThan(orders.length)
  } finally {
    fs.rmSync(temporary, { recursive: true })
  }
})

test("an array of what are not stages is refused as a value too", () => {
  const experiment: unknown = { ...parts.start, stages: [parts.sample, { stage: "Sample" }] }
  expect(Experiment.is(experiment) && Experiment.problems(experiment)).toEqual([
    { stage: "?", index: 1, sentence: "✗ this is not a stage: call its .stage({ … })" },
  ])
})
