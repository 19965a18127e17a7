/** Out of memory through the local model, wherever it strikes: a suite for each engine. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { type Engine, EngineOutOfMemory, type Tensor } from "../../src/index.ts"
import { LocalModel } from "../../src/local/LocalModel.ts"
import { fixture } from "../_internals/fixtures.ts"

const prompt = Array.from({ length: 48 }, (_, i) => 3 + ((i * 37) % 600))
const loss = { loss: "dapo" } as const

/** Bytes: far more than the model takes. */
const limit = 2 ** 26

const checkpoint = fixture("checkpoints/qwen3")
const load = (engine: Engine) => Effect.runSync(LocalModel.load(engine, checkpoint))

const ask = {
  prompt,
  n: 8,
  params: { maxNewTokens: 64 },
  key: { seed: 1, step: 1, prompt: 0 },
  by: { adapter: "policy" },
}

const update = {
  adapter: "policy",
  groups: [
    {
      prompt,
      completions: [1, -1, 0.5, -0.5].map((advantage, c) => ({
        tokens: prompt.map((id, i) => 3 + ((id * 7 + i * 13 + c * 101) % 600)),
        advantage,
      })),
    },
  ],
  loss,
  maxCompletionLength: 64,
  recompute: true,
}

/** Takes all but so many bytes of what is free. */
const fill = (engine: Engine, free: number): Tensor => {
  const size = Math.floor((limit - engine.memory().bytes - free) / 4)
  return engine.keep(engine.upload(new Float32Array(size), [size], "f32"))
}

const expectTyped = (thrown: unknown) => {
  expect(thrown).toBeInstanceOf(EngineOutOfMemory)
  if (thrown instanceof EngineOutOfMemory) expect(thrown.bytes).toBeGreaterThan(0)
}

/** What a run throws where memory is full from the `at`th time on that it asks whether to stop; nothing of it stays. */
const fullAt = (engine: Engine, at: number, run: (asked: () => boolean) => unknown) => {
  const before = engine.memory()
  const ballast: Array<Tensor> = []
  let asked = 0
  let thrown: unknown
  try {
    run(() => {
      if (asked++ === at) ballast.push(fill(engine, 64))
      return false
    })
  } catch (error) {
    thrown = error
  }
  engine.free(...ballast)
  expect(engine.memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes })
  return { thrown, asked }
}

/** Bytes of the files of an adapter and its optimiser. */
const saved = (model: LocalModel): ReadonlyArray<string> => {
  const folder = mkdtempSync(path.join(tmpdir(), "hmx-moments-"))
  try {
    model.saveState("policy", folder, { optimizer: true })
    return ["adapter_model", "optimizer"].map((name) =>
      readFileSync(path.join(folder, `${name}.safetensors`)).toString("base64"),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Tensors of gradients that have been gathered. */
const gathered = (model: LocalModel): number =>
  model.adapter("policy").parameters.filter(({ gradient }) => gradient !== undefined).length

/** `make` makes the engine with a limit in bytes. */
export const outOfMemory = (make: (memory?: number) => Promise<Engine>): void => {
  /** A model with an adapter that keeps nothing from one call to the next. */
  const made = async () => {
    const engine = await make(limit)
    const model = Effect.runSync(LocalModel.load(engine, checkpoint, { prefixBytes: 0 }))
    model.createAdapter("policy", { rank: 4 }, 1)
    return { engine, model }
  }

  describe("out of memory", () => {
    test("at load", async () => {
      const roomy = await make()
      const model = load(roomy)
      const { bytes } = roomy.memory()
      model.close()
      roomy.close()
      for (const share of [0.05, 0.5, 0.99]) {
        const engine = await make(Math.ceil(share * bytes))
        let thrown: unknown
        try {
          load(engine)
        } catch (error) {
          thrown = error
        }
        expectTyped(thrown)
        expect(engine.memory()).toMatchObject({ tensors: 0, bytes: 0 })
        engine.close()
      }
    })

    test("in prefill and in decode; then the answers are the same as ever", async () => {
      const { engine, model } = await made()
      const answers = (asked = () => false) => model.sample([ask], { checkpoint: () => {}, dropped: () => asked() })
      const between = (asked: () => unknown) =>
        model.sample([ask], { checkpoint: () => void asked(), dropped: () => false })
      const whole = answers()
      // Between two layers of the prompt, and at a token.
      const layers = model.decoder.spec.layers
      for (let at = 0; at < layers; at++) {
        const { asked, thrown } = fullAt(engine, at, between)
        expectTyped(thrown)
        expect(asked).toBe(at + 1)
      }
      for (const at of [1, 4, 20]) expectTyped(fullAt(engine, at, answers).thrown)
      expect(answers()).toEqual(whole)
      model.close()
      expect(engine.memory().tensors).toBe(0)
      engine.close()
    })

    test("in an update, forward and backward, and in the optimiser's step; then the gradient is the same", async () => {
      const { engine, model } = await made()
      const run = (asked: () => unknown = () => false) =>
        model.forwardBackward(update, { checkpoint: () => void asked(), dropped: () => false })
      const step = () => model.optimStep({ adapter: "policy", learningRate: 1e-3 })
      run()
      const { adapterDigest } = step()
      model.createAdapter("policy", { rank: 4 }, 1)
      const layers = model.decoder.spec.layers
      // Every layer is asked about once on the way up and once on the way down.
      for (let at = 0; at < 2 * layers; at++) {
        const { asked, thrown } = fullAt(engine, at, run)
        expectTyped(thrown)
        expect(asked).toBe(at + 1)
      }
      run()
      const before = engine.memory()
      const ballast = fill(engine, 64)
      expect(step).toThrow(EngineOutOfMemory)
      engine.free(ballast)
      expect(engine.memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes })
      // The gradient is there still, and the adapter as it was.
      expect(step().adapterDigest).toBe(adapterDigest)
      model.close()
      expect(engine.memory().tensors).toBe(0)
      engine.close()
    })

    test("the optimiser's moments go to the host where nothing else makes room; every bit is as with room", async () => {
      const { engine, model } = await made()
      const idle = model.adapter("policy").parameters.length * 2
      const train = () => model.forwardBackward(update)
      const calls = [
        () => model.sample([ask]),
        () => model.logprobs([{ tokens: [...prompt, ...prompt], from: 1, by: { adapter: "policy" } }]),
        train,
      ]
      const step = () => model.optimStep({ adapter: "policy", learningRate: 1e-3 })
      /** Everything in turns; each call gets as much room as it took with room, less a share of the moments. */
      const run = (short: (call: number, run: () => unknown) => unknown) => {
        model.createAdapter("policy", { rank: 16 }, 1)
        train()
        return [
          step(),
          ...calls.flatMap((call, i) => {
            const answer = short(i, call)
            if (call !== train) train()
            return [answer, saved(model), step()]
          }),
          saved(model),
        ]
      }
      const took: Array<number> = []
      const whole = run((_, call) => {
        const before = engine.memory().bytes
        engine.resetPeak()
        const answer = call()
        took.push(engine.memory().peak - before)
        return answer
      })
      const moments =
        2 *
        model.adapter("policy").parameters.reduce((sum, { tensor: { shape } }) => {
          return sum + 4 * shape.reduce((a, b) => a * b, 1)
        }, 0)
      let gone = 0
      const tight = run((i, call) => {
        const before = engine.memory().tensors
        const ballast = fill(engine, (took[i] ?? 0) - moments / 2)
        const answer = call()
        engine.free(ballast)
        gone += before + gathered(model) - engine.memory().tensors
        return answer
      })
      expect(tight).toEqual(whole)
      expect(gone).toBe(calls.length * idle)
      // Where that is not enough either, it is said, and they stay on the host until the next step.
      const before = engine.memory()
      for (const call of calls) {
        const ballast = fill(engine, 64)
        let thrown: unknown
        try {
          call()
        } catch (error) {
          thrown = error
        }
        engine.free(ballast)
        expectTyped(thrown)
        expect(engine.memory()).toMatchObject({ tensors: before.tensors - idle, bytes: before.bytes - moments })
      }
      expect(saved(model)).toEqual(whole.at(-1))
      expect(engine.memory().tensors).toBe(before.tensors - idle)
      train()
      step()
      expect(engine.memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes })
      model.close()
      expect(engine.memory().tensors).toBe(0)
      engine.close()
    })

    test("kept beginnings of prompts go before the moments do", async () => {
      const engine = await make(limit)
      const model = load(engine)
      model.createAdapter("policy", { rank: 4 }, 1)
      model.forwardBackward(update)
      model.optimStep({ adapter: "policy", learningRate: 1e-3 })
      const bare = engine.memory()
      const answer = model.sample([ask])
      expect(model.sample([ask])).toEqual(answer)
      const kept = engine.memory()
      expect(kept.bytes).toBeGreaterThan(bare.bytes)
      engine.resetPeak()
      model.sample([ask])
      const ballast = fill(engine, engine.memory().peak - kept.bytes - 64)
      expect(model.sample([ask])).toEqual(answer)
      engine.free(ballast)
      expect(model.adapter("policy").parameters.every(({ moments }) => moments !== undefined)).toBe(true)
      expect(engine.memory().tensors).toBeLessThan(kept.tensors)
      model.close()
      expect(engine.memory().tensors).toBe(0)
      engine.close()
    })
  })
}
