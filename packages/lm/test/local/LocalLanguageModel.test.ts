/** The model in its worker, through hmx's service: what a stage sees. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { SampleRequest } from "hmx"
import { LanguageModel } from "hmx"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as LocalLanguageModel from "../../src/local/LocalLanguageModel.ts"
import { fixture } from "../_internals/fixtures.ts"

const scratch = mkdtempSync(join(tmpdir(), "hmx-local-"))
afterAll(() => rmSync(scratch, { recursive: true }))

const tfjs = import.meta.resolve("@hmx/engine-tfjs")
const layerOf = (engineModule = tfjs, checkpointFolder = fixture("checkpoints/qwen3")) =>
  LocalLanguageModel.layer({ checkpointFolder, engineModule })
const run = <A, E>(effect: Effect.Effect<A, E, LanguageModel>, layer = layerOf()) =>
  Effect.runPromise(effect.pipe(Effect.provide(layer)))

const request = (prompt: number, more: Partial<SampleRequest> = {}): SampleRequest => ({
  prompt: [20 + prompt, 30, 40 + prompt, 50],
  n: 3,
  params: { maxNewTokens: 6 },
  key: { seed: 1, step: 1, prompt },
  by: "base",
  ...more,
})

describe("a model in its worker", () => {
  it("samples, scores and trains; requests that wait together give what each gives alone", () =>
    run(
      Effect.gen(function* () {
        const model = yield* LanguageModel
        expect(model.info.shape.layers).toBe(3)
        const [tokens = []] = yield* model.encode(["Hello world"])
        expect(yield* model.decode([tokens])).toEqual(["Hello world"])
        const [chat = []] = yield* model.encodeChat([[{ role: "user", content: "Hello" }]])
        expect(chat.length).toBeGreaterThan(2)

        const requests = [0, 1, 2, 3].map((i) => request(i))
        const together = yield* Effect.all(
          requests.map((r) => model.sample(r)),
          { concurrency: "unbounded" },
        )
        const alone = yield* Effect.forEach(requests, (r) => model.sample(r))
        expect(together).toEqual(alone)
        const [{ tokens: sampled, logprobs } = { tokens: [], logprobs: [] }] = alone[0] ?? []
        const prompt = requests[0]?.prompt ?? []
        const [scored = []] = yield* model.logprobs([
          { tokens: [...prompt, ...sampled], from: prompt.length, by: "base" },
        ])
        scored.forEach((x, i) => expect(x).toBeCloseTo(logprobs[i] ?? Number.NaN, 4))
        const [choices] = yield* model.choices([{ context: prompt, continuations: [sampled, [5]], by: "base" }])
        expect(choices?.logprobs[0]).toBeCloseTo(
          logprobs.reduce((a, b) => a + b, 0),
          4,
        )

        const created = yield* model.createAdapter("policy", { rank: 2 }, 7)
        const trained = yield* model.forwardBackward({
          adapter: "policy",
          groups: [{ prompt, completions: (alone[0] ?? []).map((c, i) => ({ tokens: c.tokens, advantage: i - 1 })) }],
          loss: { loss: "dapo", beta: 0.1 },
          maxCompletionLength: 6,
        })
        expect(Number.isFinite(trained.loss)).toBe(true)
        const { gradNorm, adapterDigest } = yield* model.optimStep({ adapter: "policy", learningRate: 1e-2 })
        expect(gradNorm).toBeGreaterThan(0)
        expect(adapterDigest).not.toBe(created)

        yield* model.saveState("policy", join(scratch, "policy"), { optimizer: true })
        expect(yield* model.loadState("again", join(scratch, "policy"), { optimizer: true })).toBe(adapterDigest)
        const both = yield* model.sample(request(0, { by: { adapter: "policy" } }))
        const { tensors } = yield* model.memory()
        yield* model.saveState("again", join(scratch, "again"), { optimizer: true })
        const file = (name: string) => readFileSync(join(scratch, name, "optimizer.safetensors"))
        expect(file("again").equals(file("policy"))).toBe(true)
        expect((yield* model.memory()).tensors).toBe(tensors)
        yield* model.offload("policy")
        expect((yield* model.memory()).tensors).toBe(tensors - 42 * 2)
        const step = { adapter: "policy", groups: [], loss: { loss: "dapo" }, maxCompletionLength: 6 } as const
        yield* model.forwardBackward(step)
        yield* model.optimStep({ adapter: "policy", learningRate: 0 })
        expect((yield* model.memory()).tensors).toBe(tensors)
        yield* model.offload("nobody")
        expect(yield* model.sample(request(0, { by: { adapter: "again" } }))).toEqual(both)
        const held = (yield* model.memory()).tensors
        yield* model.dropAdapter("policy")
        yield* model.dropAdapter("again")
        // 42 tensors an adapter, and two moments each; those that were read are on the host until the next step.
        expect(held - (yield* model.memory()).tensors).toBe(42 * 3 + 42)
      }),
    ))

  it("a bad request fails alone, with what was found and expected", () =>
    run(
      Effect.gen(function* () {
        const model = yield* LanguageModel
        const [good, bad] = yield* Effect.all(
          [model.sample(request(0)), Effect.flip(model.sample(request(1, { prompt: [9999] })))],
          { concurrency: "unbounded" },
        )
        expect(good).toHaveLength(3)
        expect(bad).toMatchObject({ _tag: "BadInput", found: "token 9999" })
        const missing = yield* Effect.flip(model.sample(request(1, { by: { adapter: "nobody" } })))
        expect(missing).toMatchObject({ _tag: "BadInput", where: "adapter", found: "nobody" })
        const unsaved = yield* model
          .createAdapter("a", { rank: 1 }, 1)
          .pipe(Effect.andThen(model.saveState("a", "/dev/null/folder", { optimizer: false })), Effect.flip)
        expect(unsaved).toMatchObject({ _tag: "StorageFailed" })
      }),
    ))

  it("an interruption stops a long answer between two tokens, and the worker goes on with the next", () => {
    const attentions = new Int32Array(new SharedArrayBuffer(4))
    const counting = LocalLanguageModel.layer({
      checkpointFolder: fixture("checkpoints/qwen3"),
      engineModule: new URL("./_engines/counting.ts", import.meta.url).href,
      engineOptions: { attentions },
    })
    return run(
      Effect.gen(function* () {
        const model = yield* LanguageModel
        // Greedy answers of this model do not end: the whole of it is 3 attentions for each of 500 tokens.
        const long = request(0, { n: 1, params: { maxNewTokens: 500, temperature: 0 } })
        const fiber = yield* Effect.forkChild(model.sample(long), { startImmediately: true })
        yield* Effect.promise(async () => Atomics.waitAsync(attentions, 0, 0).value)
        yield* Fiber.interrupt(fiber)
        expect(yield* model.sample(request(1))).toHaveLength(3)
        expect(Atomics.load(attentions, 0)).toBeLessThan(1000)
      }),
      counting,
    )
  })

  it("a worker that dies is DeviceLost, for what waits and what comes", () =>
    run(
      Effect.gen(function* () {
        const model = yield* LanguageModel
        const lost = yield* Effect.all(
          [1, 2].map((i) => Effect.flip(model.sample(request(i)))),
          {
            concurrency: "unbounded",
          },
        )
        expect(lost).toMatchObject([{ _tag: "DeviceLost" }, { _tag: "DeviceLost" }])
        expect(yield* Effect.flip(model.encode(["x"]))).toMatchObject({ _tag: "DeviceLost" })
      }),
      layerOf(new URL("./_engines/dying.ts", import.meta.url).href),
    ))

  it("says at the start what is wrong with folder or engine", async () => {
    const failing = (layer: ReturnType<typeof layerOf>) => run(Effect.flip(Effect.provide(LanguageModel, layer)))
    expect(await failing(layerOf(tfjs, join(scratch, "nothing")))).toMatchObject({ _tag: "BadInput" })
    const noEngine = await failing(layerOf(new URL("../_internals/fixtures.ts", import.meta.url).href))
    expect(noEngine).toMatchObject({ _tag: "BadInput", found: "no create function" })
    expect(await failing(layerOf("file:///nowhere.js"))).toMatchObject({ _tag: "DeviceLost" })
  })
})
