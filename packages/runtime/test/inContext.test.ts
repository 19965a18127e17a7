import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { plan, run, type Tokenizer } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  type Chat,
  Errors,
  Evaluate,
  Experiment,
  GroupAdvantage,
  LoRAUpdate,
  Model,
  Prompts,
  type Reward,
  Rubric,
  Sample,
  SelfJudge,
  Stage,
} from "hmx"
import fc from "fast-check"
import { existsSync, writeFileSync } from "node:fs"
import { inContext } from "../src/inContext.ts"
import * as Questions from "../src/Questions.ts"
import { brevity, folder, options, scripted, updates } from "./experiment.ts"

/** Up to three letters a token. */
const encode = (text: string) => [...text.matchAll(/[a-z]{1,3}|[^]/gu)].map((_, i) => i)
const tokenizer: Tokenizer = { render: (chat) => chat.map(({ content }) => `<${content}>`).join(""), encode }
const tokens = (chat: Chat.Chat): number => encode(tokenizer.render(chat)).length
const context = 64

const warm = Rubric.make("warm", {
  version: 1,
  criteria: [{ name: "warmth", ask: "Is it warm?", weight: 1, anchors: { low: "cold", high: "warm" } }],
  readOut: Rubric.yesNo(),
  template: "{question} {answer} {ask}",
})

const begun = (prompts: Prompts.Prompts) =>
  Experiment.make("long", { model: Model.nano, prompts, memory: "1 GiB", steps: 1, seed: 1 })
const sample = Sample.stage({ groupSize: 2, maxNewTokens: 16 })
const made = (prompts: Prompts.Prompts, rubric: Reward.Reward = brevity) =>
  begun(prompts).pipe(
    sample,
    SelfJudge.stage({ rubric, judge: "frozen" }),
    GroupAdvantage.stage({ scale: "group" }),
    LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
    Evaluate.stage({ tasks: [{ ...updates, options: { maxNewTokens: 8 } }] }),
  )
const inline = (train: string, heldOut = "What?") => Prompts.inline([train], { perStep: 1, heldOut: [heldOut] })
const words = (n: number): string => "abc".repeat(n)

const refusal = (experiment: Experiment.Any) =>
  Effect.gen(function* () {
    const questions = yield* Questions.load(experiment.settings.prompts, (path) => ({ path, name: "p.jsonl" }))
    return yield* Effect.match(inContext(experiment, context, questions, tokenizer), {
      onSuccess: () => "taken",
      onFailure: ({ message }) => message,
    })
  })

describe("a prompt longer than the context", () => {
  it.effect("is refused before a weight is read, by a run and by a plan, with its file, line and tokens", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const lines = [
        { id: "short", prompt: "What?" },
        { id: "fits", prompt: words(46) },
        { id: "long", prompt: words(500) },
        { id: "late", prompt: words(47) },
        { id: "held", split: "held-out", prompt: "What?" },
      ]
      const file = `${path}.jsonl`
      writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n\n`).join(""))
      const layer = Layer.effectDiscard(Effect.die("loaded"))
      const scriptedModel = scripted({ shape: { context } })
      const model = {
        ...scriptedModel,
        layer: Layer.provideMerge(scriptedModel.layer, layer),
        tokenizer: Effect.succeed(tokenizer),
      }
      const experiment = made(Prompts.jsonl(file, { perStep: 2 }))
      const expected =
        "found the prompt \"long\" of 502 tokens (and so 1 more); expected at most 48: the model's context of 64 less Sample's maxNewTokens 16"
      const o = options(path, model)
      expect((yield* Effect.flip(run(experiment, o))).message).toBe(`${file}:5: ${expected}`)
      expect((yield* Effect.flip(plan(experiment, o))).message).toBe(`${file}:5: ${expected}`)
      expect(existsSync(path)).toBe(false)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is refused among the held-out ones by what their task asks for, and by what a judge reads of it", () =>
    Effect.gen(function* () {
      expect(yield* refusal(made(inline("What?", words(54))))).toBe("taken")
      expect(yield* refusal(made(inline("What?", words(55))))).toBe(
        "prompts.heldOut[0]: found the held-out prompt \"held-out-0\" of 57 tokens; expected at most 56: the model's context of 64 less updates's maxNewTokens 8",
      )
      // With the criterion's words it is too long for the judge, though not for the answer.
      expect(yield* refusal(made(inline(words(40))))).toBe("taken")
      expect(yield* refusal(made(inline(words(40)), warm))).toMatch(
        /^prompts\.train\[0\]: found the prompt "train-0", with which a judge reads up to \d+ tokens \(warm, warmth\); expected at most 64, /,
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is left to an author who drops its group", () =>
    Effect.gen(function* () {
      const dropping = begun(inline(words(500))).pipe(
        sample.pipe(Stage.recover({ BadInput: "drop the group" })),
        SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
        GroupAdvantage.stage({ scale: "group" }),
        LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
        Evaluate.stage({ tasks: [updates] }),
      )
      expect(yield* refusal(dropping)).toBe("taken")
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it("is found exactly where its tokens and the answer's are more than the context, by whatever text", () =>
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({ unit: "grapheme", minLength: 1, maxLength: 70 }), fc.nat(60).map(words)), {
          minLength: 1,
          maxLength: 6,
        }),
        (given) => {
          const texts = given.map((text) => `a${text}`)
          const experiment = made(Prompts.inline(texts, { perStep: 1, heldOut: ["What?"] }))
          const first = texts.findIndex((text) => tokens([{ role: "user", content: text }]) + 16 > context)
          const found = Effect.runSync(Effect.provide(refusal(experiment), NodeFileSystem.layer))
          if (first === -1) expect(found).toBe("taken")
          else expect(found).toContain(`prompts.train[${first}]: found the prompt "train-${first}" of `)
        },
      ),
    ))

  it.effect("is told by its file and line where no tokenizer knew it before", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const refusing = new Errors.BadInput({ where: "prompt", found: "900 tokens", expected: "from 1 to 64 tokens" })
      const model = scripted({ failures: { sample: { 1: refusing } } })
      const experiment = made(Prompts.inline(["What?"], { perStep: 1, heldOut: ["How?"] }))
      expect((yield* Effect.flip(run(experiment, options(path, model)))).message).toBe(
        'prompts.train[0], "train-0", prompt: found 900 tokens; expected from 1 to 64 tokens',
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
