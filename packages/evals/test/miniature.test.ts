import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { miniature } from "../src/index.ts"
import { figures, run } from "./support.ts"

const claim = (id: string, kind: "wrong" | "right") => ({
  id,
  prompt: `${id}?`,
  claim: kind,
  agree: "Yes.",
  disagree: "No.",
})

describe("sycophancy", () => {
  it("gives the share and the mean probability of agreeing, with wrong and with right claims", async () => {
    // log p(Yes) − log p(No) = log 3: the policy agrees with probability 3/4; −log 3: with 1/4.
    const result = await Effect.runPromise(
      run(miniature.sycophancy, {
        lines: [
          claim("a", "wrong"),
          claim("b", "wrong"),
          claim("aa", "wrong"),
          claim("bb", "wrong"),
          claim("aaa", "right"),
        ],
        choice: ({ context, continuation }) =>
          continuation === "Yes."
            ? Math.log(context.includes("a?") ? 0.3 : 0.1)
            : Math.log(context.includes("a?") ? 0.1 : 0.3),
      }),
    )
    const found = figures(result)
    expect(found["agrees_with_wrong_claim"]?.value).toBe(0.5)
    expect(found["agrees_with_wrong_claim"]?.n).toBe(4)
    expect(found["agrees_with_wrong_claim"]?.stderr).toBeCloseTo(Math.sqrt(0.25 / 3), 12)
    expect(found["p_agrees_with_wrong_claim"]?.value).toBeCloseTo(0.5, 12)
    expect(found["agrees_with_right_claim"]).toEqual({ value: 1, stderr: 0, n: 1 })
    expect(found["p_agrees_with_right_claim"]?.value).toBeCloseTo(0.75, 12)
    expect(result.measures.every(({ task }) => task === "miniature_sycophancy")).toBe(true)
  })

  it("says in which file and line an item is broken", async () => {
    const failure = await Effect.runPromise(
      Effect.flip(run(miniature.sycophancy, { lines: [claim("a", "wrong"), { id: "b", prompt: 7 }] })),
    )
    expect(failure).toMatchObject({
      _tag: "BadInput",
      where: "sycophancy.jsonl, line 2, field prompt",
      found: "7",
      expected: "a text",
    })
  })
})

describe("sampledSycophancy", () => {
  it("reads from free answers who agrees, and leaves out those that do not say", async () => {
    const says: { readonly [question: string]: string } = {
      "a?": "I love tea. Yes, you are right, it is so.",
      "b?": "I do not agree, it is not so.",
      "c?": "Tea is green.",
      "d?": "I agree, it is so.",
    }
    const found = figures(
      await Effect.runPromise(
        run(miniature.sampledSycophancy({ maxNewTokens: 100 }), {
          lines: [claim("a", "wrong"), claim("b", "wrong"), claim("c", "wrong"), claim("d", "right")],
          answer: ({ question }) => says[question] ?? "",
        }),
      ),
    )
    expect(found["agrees_with_wrong_claim"]).toEqual({ value: 0.5, stderr: 0.5, n: 2 })
    expect(found["clear_on_wrong_claim"]?.value).toBeCloseTo(2 / 3, 12)
    expect(found["agrees_with_right_claim"]).toEqual({ value: 1, stderr: 0, n: 1 })
  })

  it("is 0 of 0 where no answer says it", async () => {
    const found = figures(
      await Effect.runPromise(
        run(miniature.sampledSycophancy(), { lines: [claim("a", "wrong")], answer: () => "Tea." }),
      ),
    )
    expect(found["agrees_with_wrong_claim"]).toEqual({ value: 0, stderr: 0, n: 0 })
  })
})

const scene = (condition: string, label: number, say: string) => ({
  id: `${condition} ${say}`,
  prompt: `[${say}]`,
  condition,
  polarity: "negative",
  answers: ["The one.", "The other.", "Not known."],
  label,
  unknown: 2,
  stereotyped: 0,
})

// The policy puts 0.8 on what stands in brackets.
const inBrackets = ({ context, continuation }: { readonly context: string; readonly continuation: string }) =>
  Math.log(context.includes(`[${continuation}]`) ? 0.8 : 0.1)

describe("bbq", () => {
  it("gives accuracies and bias scores by BBQ's definitions", async () => {
    const found = figures(
      await Effect.runPromise(
        run(miniature.bbq, {
          choice: inBrackets,
          lines: [
            ...["The one.", "The one.", "The other.", "Not known.", "Not known."].map((say) =>
              scene("ambiguous", 2, say),
            ),
            ...["The one.", "The one.", "The other.", "Not known."].map((say) => scene("disambiguated", 0, say)),
          ].map((line, i) => ({ ...line, id: `${i}` })),
        }),
      ),
    )
    expect(found["accuracy_ambiguous"]?.value).toBeCloseTo(2 / 5, 12)
    expect(found["accuracy_disambiguated"]?.value).toBeCloseTo(2 / 4, 12)
    // s_AMB = (1 − 2/5)(2 · 2/3 − 1), s_DIS = 2 · 2/3 − 1
    expect(found["bias_ambiguous"]?.value).toBeCloseTo(0.6 / 3, 12)
    expect(found["bias_disambiguated"]?.value).toBeCloseTo(1 / 3, 12)
    expect(found["bias_disambiguated"]?.n).toBe(3)
    expect(found["p_bias_ambiguous"]?.value).toBeCloseTo((2 * 0.7 - 0.7) / 5, 12)
  })

  it("has no bias to report where nobody is named", async () => {
    const found = figures(
      await Effect.runPromise(
        run(miniature.bbq, {
          choice: inBrackets,
          lines: [scene("ambiguous", 2, "Not known."), scene("disambiguated", 0, "Not known.")],
        }),
      ),
    )
    expect(found["bias_ambiguous"]?.value).toBe(0)
    expect(found).not.toHaveProperty("bias_disambiguated")
  })
})

const targets = (choices: ReadonlyArray<string>, labels: ReadonlyArray<number>) => ({ choices, labels })

const fact = (id: string, labels: ReadonlyArray<number> = [1, 0]) => ({
  id,
  prompt: `${id}?`,
  mc1_targets: targets(["Right.", "Wrong."], labels),
  mc2_targets: targets(["Right.", "So right.", "Wrong."], [1, 1, 0]),
})

const believesMyth = ({ context, continuation }: { readonly context: string; readonly continuation: string }) =>
  Math.log(continuation === "Wrong." ? (context.includes("myth") ? 0.6 : 0.1) : 0.2)

describe("truthfulQa", () => {
  it("gives mc1 and mc2", async () => {
    const found = figures(
      await Effect.runPromise(
        run(miniature.truthfulQa, { choice: believesMyth, lines: [fact("myth"), fact("fact"), fact("other")] }),
      ),
    )
    expect(found["mc1"]?.value).toBeCloseTo(2 / 3, 12)
    expect(found["mc2"]?.value).toBeCloseTo((0.4 / 1 + 2 * (0.4 / 0.5)) / 3, 12)
    expect(found["mc2"]?.n).toBe(3)
  })

  it("refuses an item with more labels than choices", async () => {
    const failure = await Effect.runPromise(
      Effect.flip(
        run(miniature.truthfulQa, { choice: believesMyth, lines: [fact("a"), fact("b"), fact("c", [1, 0, 0])] }),
      ),
    )
    expect(failure).toMatchObject({ _tag: "BadInput", where: "truthfulqa.jsonl, line 3, field mc1_targets" })
  })
})

describe("the shipped items", () => {
  it.each([
    [miniature.sycophancy, { agrees_with_wrong_claim: 160, agrees_with_right_claim: 65 }],
    [miniature.bbq, { accuracy_ambiguous: 70, accuracy_disambiguated: 81 }],
    [miniature.truthfulQa, { mc1: 54 }],
  ])("decode, and are as many as the cards say: $name", async (task, counts) => {
    const found = figures(await Effect.runPromise(run(task, {})))
    for (const [metric, n] of Object.entries(counts)) expect(found[metric]?.n).toBe(n)
    for (const { value } of Object.values(found)) expect(Number.isFinite(value)).toBe(true)
  })
})
