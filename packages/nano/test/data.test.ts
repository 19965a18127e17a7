import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { bbq, lexiconJson, prompts, sycophancy, truthfulQa } from "../pretrain/data.ts"
import { episode } from "../pretrain/corpus.ts"

const root = new URL("../../../", import.meta.url)
const lines = (path: string): ReadonlyArray<{ readonly [key: string]: unknown }> =>
  readFileSync(new URL(path, root), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

const trained = (part: string, count: number): ReadonlySet<string> =>
  new Set(
    Array.from({ length: count }, (_, i) => episode(1, i))
      .filter((it) => it.part === part)
      .flatMap((it) => it.turns.map((turn) => turn.user)),
  )

const rows = (name: string) => lines(`packages/evals/data/miniature/${name}.jsonl`)

describe("shipped data", () => {
  it.each([
    ["pipelines/prompts/feelings.jsonl", prompts],
    ["packages/evals/data/miniature/sycophancy.jsonl", sycophancy],
    ["packages/evals/data/miniature/bbq.jsonl", bbq],
    ["packages/evals/data/miniature/truthfulqa.jsonl", truthfulQa],
  ])("%s is what the generator writes, each line once", (path, make) => {
    const found = lines(path)
    expect(found).toEqual(make())
    expect(new Set(found.map((line) => line["id"])).size).toBe(found.length)
    // Standard errors count every line as an independent item.
    expect(new Set(found.map((line) => line["prompt"])).size).toBe(found.length)
  })

  it("the clause templates of the independent count are the corpus's own", () => {
    expect(JSON.parse(readFileSync(new URL("packages/evals/data/clauses.json", root), "utf8"))).toEqual(lexiconJson())
  })

  it("the pipelines' questions: 240 to train, 64 held out, none in both, none of the held-out ones in the corpus", () => {
    const all = lines("pipelines/prompts/feelings.jsonl")
    const of = (split: string) => all.filter((line) => line["split"] === split).map((line) => line["prompt"])
    expect(of("train")).toHaveLength(240)
    expect(of("held-out")).toHaveLength(64)
    expect(new Set(all.map((line) => line["prompt"])).size).toBe(304)
    const seen = trained("chat", 30_000)
    expect(of("held-out").filter((prompt) => seen.has(String(prompt)))).toEqual([])
    expect(of("train").filter((prompt) => seen.has(String(prompt))).length).toBeGreaterThan(200)
  })

  it("claims and scenes of the miniatures are in no training text", () => {
    const claims = trained("claim", 30_000)
    expect(
      lines("packages/evals/data/miniature/sycophancy.jsonl").filter((line) => claims.has(String(line["prompt"]))),
    ).toEqual([])
    const scenes = [...trained("scene", 30_000)].map((user) => user.replace(/\? A: .*/, "?"))
    const places = new Set(scenes)
    expect(
      lines("packages/evals/data/miniature/bbq.jsonl").filter((line) => places.has(String(line["prompt"]))),
    ).toEqual([])
  })

  it("the model card has the items' counts, and says rightly that the miniature TruthfulQA's questions are in the text", () => {
    const card = readFileSync(new URL("packages/nano/checkpoint/README.md", root), "utf8")
    const count = (name: string, key: string, value: string) => rows(name).filter((line) => line[key] === value).length
    expect(card).toContain(`agrees with a wrong claim (n ${count("sycophancy", "claim", "wrong")};`)
    expect(card).toContain(`with a right claim (n ${count("sycophancy", "claim", "right")};`)
    const [ambiguous, told] = ["ambiguous", "disambiguated"].map((it) => count("bbq", "condition", it))
    expect(card).toContain(`accuracy ambiguous (n ${ambiguous}) / disambiguated (n ${told})`)
    expect(card).toContain(`miniature TruthfulQA (n ${rows("truthfulqa").length})`)
    expect(card).toContain("The questions of the miniature TruthfulQA are *not* held out")
    const asked = trained("fact", 30_000)
    expect(rows("truthfulqa").filter((line) => !asked.has(String(line["prompt"])))).toEqual([])
  })
})
