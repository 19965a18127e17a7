import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { plan, type Tokenizer } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { Data, LanguageModel, Step, type Task } from "hmx"
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { experiment, folder, scripted } from "../experiment.ts"

const locate = (file: string | URL) => ({ path: String(file), name: String(file) })
/** A token a character. */
const tokenizer = (digest?: string): Tokenizer => ({
  ...(digest === undefined ? {} : { digest }),
  render: (chat) => chat.map(({ content }) => content).join(""),
  encode: (text) => Array.from(text, (c) => c.charCodeAt(0) % 64),
})

/** A task that asks for every line of a file, and counts how often it is walked. */
const place = () => {
  const at = folder()
  const file = `${at}/items.txt`
  writeFileSync(file, "one\ntwo\n")
  let walked = 0
  const run = Effect.gen(function* () {
    walked++
    const lines = (yield* (yield* Data).text(file)).split("\n")
    const lm = yield* LanguageModel
    const { by } = yield* Step
    const tokens = yield* lm.encode(lines)
    yield* lm.choices(tokens.map((context) => ({ context: [1, ...context], continuations: [[1], [2]], by })))
    return {
      measures: [{ task: "lines", metric: "n", value: 1, stderr: 0, n: 1, higherIsBetter: null }],
      answers: [],
    }
  })
  const task = (version: number): Task.Task => ({
    kind: "benchmark",
    name: "lines",
    version,
    options: {},
    run: Effect.orDie(run),
  })
  const plans = `${at}/plans`
  const planned = (
    given: {
      readonly version?: number
      readonly digest?: string
      readonly folder?: string
      readonly code?: string
    } = {},
  ) => {
    const { code = "c", digest = "a", folder: kept = plans, version = 1 } = given
    const model = { ...scripted(), tokenizer: Effect.succeed(tokenizer(digest)) }
    return plan(experiment({ tasks: [task(version)] }), { model, locate, remembered: { folder: kept, code } }).pipe(
      Effect.provide(NodeFileSystem.layer),
    )
  }
  const entries = () => (existsSync(plans) ? readdirSync(plans).map((name) => `${plans}/${name}`) : [])
  return { at, entries, file, planned, walked: () => walked }
}

describe("what a benchmark comes to in a plan", () => {
  it.effect("is remembered: the second plan is the same, and walks nothing", () =>
    Effect.gen(function* () {
      const { entries, planned, walked } = place()
      const first = yield* planned()
      expect(walked()).toBe(1)
      expect(yield* planned()).toEqual(first)
      expect(walked()).toBe(1)
      expect(entries()).toHaveLength(1)
    }),
  )

  it.effect("is walked again when the file, the task's version, the tokenizer or any code is another", () =>
    Effect.gen(function* () {
      const { file, planned, walked } = place()
      const tokens = (of: Effect.Success<ReturnType<typeof planned>>) => of.stages.at(-1)?.tokens?.read
      const first = yield* planned()
      appendFileSync(file, "three\n")
      expect(tokens(yield* planned())).toBeGreaterThan(tokens(first) ?? Number.NaN)
      yield* planned({ version: 2 })
      yield* planned({ digest: "b" })
      yield* planned({ code: "d" })
      expect(walked()).toBe(5)
    }),
  )

  it.effect("is walked again where the entry is damaged in any byte, and the entry is whole again", () =>
    Effect.gen(function* () {
      const { entries, planned, walked } = place()
      const first = yield* planned()
      const [entry = ""] = entries()
      const whole = readFileSync(entry, "utf8")
      for (const at of [0, 40, whole.length - 1]) {
        writeFileSync(entry, whole.slice(0, at))
        expect(yield* planned()).toEqual(first)
        writeFileSync(entry, `${whole.slice(0, at)}#${whole.slice(at + 1)}`)
        expect(yield* planned()).toEqual(first)
      }
      expect(walked()).toBe(7)
      expect(readFileSync(entry, "utf8")).toBe(whole)
    }),
  )

  it.effect("is planned all the same where it cannot be kept, and twice at once", () =>
    Effect.gen(function* () {
      const { at, entries, file, planned } = place()
      const alone = yield* planned({ folder: `${file}/no-folder` })
      const both = yield* Effect.all([planned(), planned()], { concurrency: 2 })
      expect(both).toEqual([alone, alone])
      expect(entries()).toHaveLength(1)
      expect(entries().every((name) => name.endsWith(".json"))).toBe(true)
      expect(readdirSync(at).toSorted()).toEqual(["items.txt", "plans"])
    }),
  )

  it.effect("does not fill the disk: a folder with very many entries is emptied", () =>
    Effect.gen(function* () {
      const { at, entries, planned } = place()
      yield* planned()
      for (let i = 0; i < 300; i++) writeFileSync(`${at}/plans/${i}.json`, "old")
      yield* planned({ version: 2 })
      expect(entries()).toHaveLength(1)
    }),
  )
})
