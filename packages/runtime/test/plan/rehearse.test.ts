import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { plan, run, type Tokenizer } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { type Asking, Errors, LanguageModel, Rehearsing, Step, type Task } from "hmx"
import { experiment, folder, options, scripted } from "../experiment.ts"

const locate = (file: string | URL) => ({ path: String(file), name: String(file) })
const measuring = (of: Effect.Effect<unknown, Errors.BadInput, LanguageModel | Step>): Task.Task => ({
  kind: "benchmark",
  name: "asking",
  version: 1,
  options: {},
  run: Effect.as(Effect.orDie(of), {
    measures: [{ task: "asking", metric: "n", value: 1, stderr: 0, n: 1, higherIsBetter: null }],
    answers: [],
  }),
})
/** A token a character. */
const tokenizer: Tokenizer = {
  render: (chat) => chat.map(({ content }) => content).join(""),
  encode: (text) => Array.from(text, (c) => c.charCodeAt(0) % 64),
}
const model = { ...scripted(), tokenizer: Effect.succeed(tokenizer) }
const planOf = (task: Task.Task) => plan(experiment({ tasks: [task] }), { model, locate })
const stage = (planned: Effect.Success<ReturnType<typeof planOf>>, name: string) =>
  planned.stages.find((s) => s.stage === name)

const sampled = (n: number) =>
  Effect.gen(function* () {
    const lm = yield* LanguageModel
    const { by } = yield* Step
    yield* Effect.orDie(
      lm.sample({ prompt: [1, 2], n, params: { maxNewTokens: 64 }, key: { seed: 1, step: 0, prompt: 0 }, by }),
    )
  })

describe("a stage that cannot be rehearsed", () => {
  it.effect.each([
    ["asks without an end", Effect.forever(sampled(64))],
    ["fails", Effect.fail(new Errors.BadInput({ where: "a file", found: "nothing", expected: "data" }))],
  ] as const)("because it %s is not known, and has all that the budget leaves", ([, asks]) =>
    Effect.gen(function* () {
      const planned = yield* planOf(measuring(asks))
      const { budget, stays, weights } = planned.memory
      const evaluate = stage(planned, "Evaluate")
      expect(evaluate?.tokens).toBeNull()
      expect(evaluate?.bytes).toBe(budget - weights - stays)
      expect(evaluate?.parts).toMatchObject([{ part: "not known", why: expect.stringContaining("budget leaves") }])
      expect(planned.memory.most).toBe(budget)
      expect(planned.memory.changes).toEqual([])
      // What stands before it is known as ever.
      expect(stage(planned, "Sample")?.tokens).not.toBeNull()
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is run all the same", () =>
    Effect.gen(function* () {
      const once = { left: 1 }
      // In the plan it fails, and not in the run.
      const task = measuring(
        Effect.suspend(() => (once.left-- > 0 ? Effect.die("not here") : Effect.asVoid(sampled(1)))),
      )
      const { evaluations } = yield* run(experiment({ steps: 1, tasks: [task] }), options(`${folder()}/run`, model))
      expect(evaluations.length).toBe(2)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

const encoded = (text: string) => measuring(Effect.flatMap(LanguageModel, (lm) => Effect.orDie(lm.encode([text]))))

it.effect("what a stage holds does not depend on how much another one asks", () =>
  Effect.gen(function* () {
    const little = yield* planOf(encoded("short"))
    const much = yield* planOf(encoded("long ".repeat(250_000)))
    const held = ({ stages }: typeof much) =>
      stages.flatMap(({ bytes, parts, stage: name, tokens }) => (name === "Evaluate" ? [] : [{ bytes, parts, tokens }]))
    expect(held(much)).toEqual(held(little))
    // "What is 0 + 0?" has 14 characters, and a token for each.
    expect(stage(much, "Sample")?.parts[0]?.why).toContain("prompts of up to 14")
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)

interface Item {
  readonly context: string
  readonly choices: ReadonlyArray<string>
}
const lengths = (items: ReadonlyArray<Item>): ReadonlyArray<Asking> =>
  items.map(({ choices, context }) => {
    const continued = choices.reduce((sum, { length }) => sum + length, 0)
    return {
      longest: context.length + Math.max(...choices.map(({ length }) => length)),
      all: choices.length * context.length + continued,
      distinct: context.length + continued,
      written: 0,
    }
  })

/** Weighs choices as a benchmark does, 64 items at a time and two blocks at once. */
const weighing = (items: ReadonlyArray<Item>, chooses: boolean) =>
  measuring(
    Effect.gen(function* () {
      const lm = yield* LanguageModel
      const rehearsing = yield* Rehearsing
      const { by } = yield* Step
      const chosen =
        chooses && rehearsing !== undefined
          ? rehearsing.choose(lengths(items), 128).flatMap((at) => items[at] ?? [])
          : items
      const blocks = Array.from({ length: Math.ceil(chosen.length / 64) }, (_, i) => chosen.slice(i * 64, i * 64 + 64))
      yield* Effect.forEach(
        blocks,
        (block) =>
          Effect.gen(function* () {
            const contexts = yield* Effect.orDie(lm.encode(block.map(({ context }) => context)))
            const requests = yield* Effect.forEach(block, ({ choices }, i) =>
              Effect.map(Effect.orDie(lm.encode(choices)), (continuations) => ({
                context: contexts[i] ?? [],
                continuations,
                by,
              })),
            )
            // What is longer than the context is not asked.
            const fits = requests.filter(({ context, continuations }) =>
              continuations.every(({ length }) => context.length + length <= lm.info.shape.context),
            )
            yield* Effect.orDie(lm.choices(fits))
          }),
        { concurrency: 2, discard: true },
      )
    }),
  )

/** Texts that share nothing, of these lengths. */
const texts = (n: number, of: (i: number) => readonly [context: number, choices: number, continuation: number]) =>
  Array.from({ length: n }, (_, i): Item => {
    const [context, choices, continuation] = of(i)
    const fill = (length: number, salt: number) =>
      Array.from({ length }, (__, j) => String.fromCharCode(64 + ((i * 31 + salt * 17 + j * (1 + (i % 7))) % 64))).join(
        "",
      )
    return {
      context: fill(context, 0),
      choices: Array.from({ length: choices }, (__, k) => fill(continuation, k + 1)),
    }
  })

it.effect.each([
  ["alike", texts(600, () => [60, 3, 8])],
  ["of all lengths", texts(600, (i) => [10 + ((i * 37) % 300), 4, 3 + ((i * 11) % 40)])],
  ["a few with continuations that share little", texts(600, (i) => (i % 50 === 7 ? [20, 4, 120] : [180, 4, 2]))],
  ["many longer than the context", texts(500, (i) => [i < 130 ? 4200 + i : 20 + i, 3, 8])],
  ["one very long", texts(600, (i) => (i === 321 ? [1500, 2, 10] : [30, 2, 4]))],
] as const)("of many items those are rehearsed that hold most: %s", ([, items]) =>
  Effect.gen(function* () {
    const [all, chosen] = [yield* planOf(weighing(items, false)), yield* planOf(weighing(items, true))]
    const [most, found] = [stage(all, "Evaluate"), stage(chosen, "Evaluate")]
    expect(most?.bytes).toBeGreaterThan(0)
    expect((found?.bytes ?? 0) / (most?.bytes ?? 1)).toBeGreaterThanOrEqual(1)
    expect((found?.bytes ?? 0) / (most?.bytes ?? 1)).toBeLessThan(1.25)
    expect((found?.tokens?.read ?? 0) / (most?.tokens?.read ?? 1)).toBeCloseTo(1, 1)
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)

/** Items of some kinds, many of each, as benchmarks have them. */
const kinds = fc.array(
  fc.record({
    n: fc.integer({ min: 1, max: 150 }),
    context: fc.integer({ min: 1, max: 400 }),
    spread: fc.integer({ min: 0, max: 200 }),
    choices: fc.integer({ min: 1, max: 5 }),
    continuation: fc.integer({ min: 1, max: 60 }),
  }),
  { minLength: 1, maxLength: 4 },
)

it("of whatever items, what is reserved is never less than the walk over all of them takes", async () => {
  await fc.assert(
    fc.asyncProperty(kinds, fc.nat(), async (of, salt) => {
      const sized = of.flatMap(({ choices, context, continuation, n, spread }, kind) =>
        Array.from({ length: n }, (_, i) => {
          const more = (i * 7919 + kind + salt) % (spread + 1)
          return [context + more, choices, continuation + (more % 9)] as const
        }),
      )
      const order = sized.map((one, i) => ({ one, at: (i * 104_729 + salt) % 1009 })).toSorted((a, b) => a.at - b.at)
      const items = texts(order.length, (i) => order[i]?.one ?? [1, 1, 1])
      const held = (chooses: boolean) =>
        Effect.runPromise(
          Effect.map(
            planOf(weighing(items, chooses)).pipe(Effect.provide(NodeFileSystem.layer)),
            (planned) => stage(planned, "Evaluate")?.bytes ?? 0,
          ),
        )
      const [all, chosen] = [await held(false), await held(true)]
      expect(chosen).toBeGreaterThanOrEqual(all)
      expect(chosen).toBeLessThan(2 * all)
    }),
    { numRuns: 40, endOnFailure: true },
  )
}, 60_000)
