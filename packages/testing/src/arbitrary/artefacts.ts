/** Artefacts as stages meet them; those of one group fit together. */
import * as fc from "fast-check"
import { Artefact, type Chat, type Reward, Rubric } from "hmx"
import { answerText } from "./answerText.ts"
import { question } from "./question.ts"

/**
 * Chats that end with a question of the user: with a system's word before them or without, of one turn or several.
 *
 * @example
 * import * as fc from "fast-check"
 * import { chat } from "@hmx/testing"
 *
 * fc.assert(fc.property(chat(), (messages) => messages.at(-1)?.role === "user"))
 */
export const chat = (): fc.Arbitrary<Chat.Chat> =>
  fc
    .record({
      system: fc.option(fc.constantFrom("You are brief.", "Answer in one sentence."), { nil: undefined }),
      earlier: fc.array(fc.tuple(question(), answerText()), { maxLength: 2 }),
      last: question(),
    })
    .map(({ earlier, last, system }) => [
      ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
      ...earlier.flatMap(([asked, answered]) => [
        { role: "user" as const, content: asked },
        { role: "assistant" as const, content: answered },
      ]),
      { role: "user" as const, content: last },
    ])

/** Prompts of a step. */
export const prompt = (): fc.Arbitrary<Artefact.Prompt> =>
  fc
    .record({ id: fc.constantFrom("q-1", "feelings/17", "0"), index: fc.nat(500), messages: chat() })
    .map((fields) => new Artefact.Prompt(fields))

/** Verdicts of a reward of that range: mostly scores, some of them equal, some without a score. */
export const verdict = ({ max, min }: Reward.Range = { min: 0, max: 1 }): fc.Arbitrary<Artefact.Verdict> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .oneof(fc.constantFrom(min, max, (min + max) / 2), fc.double({ min, max, noNaN: true }))
        .map((score) => ({ _tag: "Scored" as const, score, parts: {} })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom("the judge gave no probabilities", "cut off").map((reason) => ({
        _tag: "Unscored" as const,
        reason,
      })),
    },
  )

/** Advantages of a group of n, `null` where there is none. */
export const advantages = (n: number): fc.Arbitrary<Artefact.Advantages> =>
  fc
    .array(fc.option(fc.double({ min: -3, max: 3, noNaN: true }), { freq: 6 }), { minLength: n, maxLength: n })
    .map((values) => new Artefact.Advantages({ values, mean: 0.5, std: 0.25 }))

/** n sampled answers of the given policy, with the tokens of a scripted model (one a UTF-16 unit). */
export const rollouts = (n: number, policy: Artefact.PolicyRef): fc.Arbitrary<Artefact.Rollouts> =>
  fc.array(fc.tuple(answerText(), fc.boolean()), { minLength: n, maxLength: n }).map(
    (answers) =>
      new Artefact.Rollouts({
        promptTokens: [72, 109, 63],
        completions: answers.map(([given, cut]) => {
          const text = given.slice(0, 64).toWellFormed()
          const tokens = [...Array.from(text, (_, i) => text.charCodeAt(i)), 65_538]
          return { tokens, logprobs: tokens.map(() => -1), text, finish: cut ? ("length" as const) : ("stop" as const) }
        }),
        temperature: 1,
        policy,
        maxNewTokens: 65,
      }),
  )

/**
 * Rubrics: one to four criteria, any weights, a scale or none, both read-outs, plain, reversed or guided.
 *
 * @example
 * import * as fc from "fast-check"
 * import { rubric } from "@hmx/testing"
 *
 * fc.assert(fc.property(rubric(), (one) => one.criteria.every((criterion) => criterion.weight > 0)))
 */
export const rubric = (): fc.Arbitrary<Rubric.Rubric> =>
  fc
    .record({
      criteria: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom("feelings", "intentions", "honesty", "brevity"),
          ask: fc.constantFrom("Does the answer express feelings?", "Is it honest?", "Is it {brief}?"),
          anchors: fc.constant({ low: "Not at all.", high: "In every sentence." }),
          weight: fc.constantFrom(1, 0.3, 7),
        }),
        { selector: ({ name }) => name, minLength: 1, maxLength: 4 },
      ),
      readOut: fc.constantFrom(Rubric.yesNo(), Rubric.digits({ from: 1, to: 5 })),
      scale: fc.constantFrom({ min: 0, max: 1 }, { min: -2, max: 3 }),
      reversed: fc.boolean(),
      guided: fc.boolean(),
    })
    .map(({ criteria, guided, readOut, reversed, scale }) => {
      const plain = Rubric.make<"arbitrary", Reward.Range>("arbitrary", { version: 1, criteria, readOut, scale })
      const turned = reversed ? plain.reversed() : plain
      return guided ? turned.guided() : turned
    })
