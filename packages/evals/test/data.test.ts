/** Which files of a folder belong to which benchmark. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { benchmarks, filesOf, groups, listFiles, needsOf, sha256, tasksFromEnv, tasksIn } from "../src/index.ts"

const root = mkdtempSync(join(tmpdir(), "hmx-data-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folder = (name: string, files: ReadonlyArray<string>): string => {
  for (const file of files) {
    mkdirSync(dirname(join(root, name, file)), { recursive: true })
    writeFileSync(join(root, name, file), "")
  }
  return join(root, name)
}
const found = (benchmark: string, path: string) => {
  const needs = needsOf(benchmark)
  if (needs === undefined) throw new Error(`${benchmark} needs nothing`)
  const files = filesOf(benchmark, needs, path, listFiles(path))
  return (
    files && { data: files.data.map((file) => file.slice(path.length + 1)), shots: files.shots?.slice(path.length + 1) }
  )
}

describe("files", () => {
  it("every benchmark says which files it reads, and from where", () => {
    for (const { name } of benchmarks) {
      expect(needsOf(name)?.data.length, name).toBeGreaterThan(0)
      expect(needsOf(name)?.dataset.licence, name).not.toBe("")
    }
    expect(needsOf("mmlu_virology")?.data[0]?.name).toBe("virology_test.csv")
    expect(needsOf("constructor")).toBeUndefined()
    for (const names of Object.values(groups)) expect(names.length).toBeGreaterThan(0)
  })

  it("a name that any folder may have counts in a folder of the benchmark's alone", () => {
    const path = folder("mixed", [
      "test.jsonl",
      "squad/test.jsonl",
      "openai-gsm8k/main/test.jsonl",
      "gsm8k/train.jsonl",
    ])
    expect(found("gsm8k", path)).toEqual({ data: ["openai-gsm8k/main/test.jsonl"], shots: "gsm8k/train.jsonl" })
    expect(found("winogrande", path)).toBeUndefined()
    // The folder that is named may be the benchmark's own.
    expect(found("gsm8k", folder("gsm8k", ["test.jsonl"]))?.data).toEqual(["test.jsonl"])
  })

  it("BBQ has all categories that are there, others their first file", () => {
    const path = folder("many", ["bbq/SES.jsonl", "bbq/Age.jsonl", "bbq/Age.jsonl.bak", "copy/deep/bbq/Age.jsonl"])
    expect(found("bbq", path)?.data).toEqual(["bbq/Age.jsonl", "bbq/SES.jsonl"])
    const quiz = "sycophancy_on_political_typology_quiz"
    const both = folder("quiz", [`${quiz}.prerelease.jsonl`, `${quiz}.jsonl`])
    expect(found(quiz, both)?.data).toEqual([`${quiz}.jsonl`])
  })
})

/** Options of BBQ as a task on a file with this text. */
const options = (name: string, text: string) => {
  const path = folder(name, ["bbq/Age.jsonl"])
  writeFileSync(join(path, "bbq/Age.jsonl"), text)
  return tasksIn(path, { names: ["bbq"] }).tasks[0]?.options
}

describe("tasksIn", () => {
  it("has a task for what is there and a sentence for what is not, each once", () => {
    const path = folder("some", ["bbq/Age.jsonl", "TruthfulQA.csv", "truthfulqa/primer.jsonl"])
    const { skipped, tasks } = tasksIn(path, { names: ["truthfulqa", "bbq", "truthfulqa_mc1", "gsm8k"], limit: 5 })
    expect(tasks.map(({ name }) => name)).toEqual(["truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_binary", "bbq"])
    const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    expect(tasks[0]?.options).toEqual({
      file: [{ name: "TruthfulQA.csv", sha256: empty }],
      shots: { name: "primer.jsonl", sha256: empty },
      prompt: "text",
      limit: 5,
    })
    expect(skipped).toEqual([expect.stringMatching(/^gsm8k is left out: .* has no test\.jsonl \(https:/)])
    expect(tasksIn(pathToFileURL(`${path}/`), { names: ["bbq"] }).tasks).toHaveLength(1)
  })

  it("are the same tasks wherever the same files lie, and others where the content is another", () => {
    expect(options("here", "one")).toEqual(options("there", "one"))
    expect(options("here", "one")).not.toEqual(options("here", "two"))
  })

  it("refuses a file that was added with another content, as hmx eval does, by the folder or its dataset's", () => {
    const path = folder("added", ["bbq/Age.jsonl", "gsm8k/test.jsonl"])
    const entry = { dataset: "bbq", file: "Age.jsonl", bytes: 0, licence: "ours", from: "here", added: "2026-01-01" }
    const record = (registry: unknown) => writeFileSync(join(path, "registry.json"), JSON.stringify(registry))
    const named = (of = path) => tasksIn(of, { names: ["bbq", "gsm8k"] }).tasks.map(({ name }) => name)
    record([{ ...entry, sha256: sha256("") }])
    expect(named()).toEqual(["bbq", "gsm8k"])
    record([{ ...entry, sha256: sha256("another") }])
    const refusal =
      /^tasksIn: .*bbq\/Age\.jsonl: found sha-256 e3b0c44298fc1c14…; expected \w{16}…, which npx hmx data add recorded/
    expect(() => named()).toThrow(refusal)
    expect(() => named(join(path, "bbq"))).toThrow(refusal)
    expect(tasksIn(path, { names: ["gsm8k"] }).tasks).toHaveLength(1)
    record([{ dataset: "bbq" }])
    expect(() => named()).toThrow("expected the registry as this version of hmx writes it")
    // Another tool's file of that name is none of HMX's.
    record({ items: [] })
    expect(named()).toEqual(["bbq", "gsm8k"])
  })

  it("refuses a name that no benchmark has, and says of an empty folder that it is empty", () => {
    expect(() => tasksIn(folder("one", ["a"]), { names: ["bbqq"] })).toThrow("did you mean bbq?")
    const { skipped, tasks } = tasksIn(join(root, "nowhere"))
    expect(tasks).toEqual([])
    expect(skipped).toEqual([expect.stringContaining("all benchmarks are left out")])
  })
})

describe("tasksFromEnv", () => {
  const names = ["bbq"]
  const of = (path: string) => () => tasksFromEnv({ names }, { HMX_EVALDATA: path })

  it("takes the folder and the limit that are set", () => {
    const [one] = tasksFromEnv({ names }, { HMX_EVALDATA: folder("env", ["Age.jsonl"]), HMX_EVAL_LIMIT: "3" }).tasks
    expect(one).toMatchObject({ name: "bbq", options: { limit: 3 } })
    expect(tasksFromEnv({ names }, {}).tasks).toEqual([])
    const sampled = { HMX_EVALDATA: folder("env", ["Age.jsonl"]), HMX_EVAL_SAMPLE: "4" }
    expect(tasksFromEnv({ names }, sampled).tasks[0]?.options).toMatchObject({ sample: 4 })
    expect(() => tasksFromEnv({ names }, { ...sampled, HMX_EVAL_LIMIT: "3" })).toThrow(
      "HMX_EVAL_SAMPLE: found 4 beside HMX_EVAL_LIMIT; expected one of the two",
    )
  })

  it.each(["abc", "0", "-1", "2.5", "1e3", "99999999999999999"])("refuses %s for a limit, by its name", (limit) => {
    expect(() => tasksFromEnv({ names }, { HMX_EVAL_LIMIT: limit })).toThrow(
      new RangeError(`HMX_EVAL_LIMIT: found ${limit}; expected a whole number of at least 1`),
    )
  })

  it("refuses what is no folder, and a folder without any data", () => {
    expect(of(join(root, "nowhere"))).toThrow("nowhere, which is no folder; expected")
    expect(of(join(folder("file", ["a"]), "a"))).toThrow("which is no folder; expected")
    expect(of(folder("none", ["a"]))).toThrow(/^HMX_EVALDATA: found no data of any benchmark in /)
  })
})
