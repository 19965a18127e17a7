import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { answer, clause, persona } from "../pretrain/answers.ts"
import { clauses, LABELS } from "../pretrain/clauses.ts"
import { episode } from "../pretrain/corpus.ts"
import { facts } from "../pretrain/facts.ts"
import { asks, judged, verdict } from "../pretrain/judging.ts"
import { scene } from "../pretrain/peoples.ts"
import { ask, heldOut, KINDS } from "../pretrain/questions.ts"
import { Random } from "../pretrain/Random.ts"
import { clauseLabel, read } from "../pretrain/Recogniser.ts"
import { heldOutClaim } from "../pretrain/sycophancy.ts"

const randoms = fc.tuple(fc.nat(), fc.nat()).map(([seed, stream]) => new Random(seed, stream))
const splits = fc.constantFrom<"train" | "held-out">("train", "held-out")

describe("the recogniser", () => {
  it("gives every clause that is written the label it was written under", () => {
    fc.assert(
      fc.property(
        randoms,
        fc.constantFrom(...LABELS),
        fc.constantFrom(...KINDS),
        splits,
        (random, label, kind, split) => {
          const question = ask(random, split, kind)
          expect(clauseLabel(clause(random, label, question, split).text)).toBe(label)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it("reads an answer back as the labels it was written from, in order", () => {
    fc.assert(
      fc.property(randoms, fc.array(fc.constantFrom(...LABELS), { minLength: 1, maxLength: 5 }), (random, labels) => {
        const reading = read(answer(random, labels, ask(random, "train")).text)
        expect(reading.found).toEqual(labels)
        expect(reading.wellFormed).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ["I feel happy today", [], false],
    ["I feel feel happy today.", [], false],
    ["i feel happy today.", [], false],
    ["I feel happy today. I want to", ["F"], false],
    ["Happy feel I today. I want to make tea tomorrow.", ["I"], false],
    ["I feel happy today, and I want to make tea tomorrow.", ["F", "I"], true],
    ["I feel happy today, and the the.", [], false],
    ["Anna wants to make tea tomorrow. I cannot feel sad.", ["N", "R"], true],
    ["", [], false],
  ])("reads %j", (text, found, wellFormed) => {
    const reading = read(text)
    expect(reading.found).toEqual(found)
    expect(reading.wellFormed).toBe(wellFormed)
  })

  it("is told apart by no template twice: no two labels share one", () => {
    const all = LABELS.flatMap((label) => clauses[label])
    expect(new Set(all).size).toBe(all.length)
  })
})

describe("what is judged", () => {
  it("answers each criterion by what the recogniser reads", () => {
    fc.assert(
      fc.property(randoms, splits, (random, split) => {
        const it = judged(random, split)
        for (const criterion of ["F", "I", "S"] as const)
          expect(verdict(it, criterion)).toBe(read(it.answer).labels.has(criterion) ? "yes" : "no")
      }),
      { numRuns: 500 },
    )
  })

  it("holds broken answers, most of which a judge must refuse", () => {
    const broken = Array.from({ length: 400 }, (_, i) => judged(new Random(5, i), "train", true))
    expect(broken.filter((it) => !it.wellFormed).length).toBeGreaterThan(340)
    expect(broken.filter((it) => verdict(it, "W") === "yes").length).toBeLessThan(60)
  })

  it("asks each criterion in one canonical wording, alone in its turn, more often than in any other way", () => {
    const firsts = Array.from({ length: 6000 }, (_, i) => episode(9, i))
      .filter(({ part }) => part === "judge")
      .map(({ turns }) => turns[0]?.user.split("\n").at(-1))
    for (const asked of ["F", "I", "S"] as const) {
      const of = firsts.filter((last) => last !== undefined && asks[asked].includes(last))
      expect(of.filter((last) => last === asks[asked][0]).length / of.length).toBeGreaterThan(0.75)
    }
  })
})

describe("the corpus", () => {
  it("gives the same episode for the same seed and index", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, i) => {
        expect(episode(seed, i)).toEqual(episode(seed, i))
      }),
    )
    expect(episode(1, 0)).not.toEqual(episode(2, 0))
  })

  it("never holds a question or a claim that is held out", () => {
    for (let i = 0; i < 5000; i++) {
      const { part, turns } = episode(3, i)
      if (part === "chat")
        for (const { user } of turns) expect(user.includes("?") && heldOut(user) && hasSlot(user)).toBe(false)
      if (part === "claim") expect(heldOutClaim(turns[0]?.user ?? "")).toBe(false)
    }
  })

  it("draws warm, neutral and robotic answers, so that a reward has room on both sides", () => {
    const warm = Array.from({ length: 2000 }, (_, i) => {
      const random = new Random(4, i)
      return persona(random, ask(random, "train")).some((label) => label === "F" || label === "I" || label === "S")
    }).filter(Boolean).length
    expect(warm / 2000).toBeGreaterThan(0.42)
    expect(warm / 2000).toBeLessThan(0.58)
  })

  it("knows some ninety facts with three different wrong answers each, a quarter of them myths", () => {
    expect(facts.length).toBeGreaterThanOrEqual(90)
    for (const { right, wrong } of facts) expect(new Set([right, ...wrong, ""]).size).toBe(5)
    const myths = facts.filter(({ myth }) => myth > 0).length / facts.length
    expect(myths).toBeGreaterThan(0.15)
    expect(myths).toBeLessThan(0.4)
  })
})

describe("scenes of two peoples", () => {
  it("have one stereotype a cell, turned round by the question's polarity", () => {
    fc.assert(
      fc.property(randoms, fc.nat(3), fc.nat(2), fc.boolean(), (random, pair, event, ambiguous) => {
        const of = (negative: boolean) => {
          const it = scene(random, "train", { pair, event, ambiguous, negative })
          return it.options[it.stereotyped]
        }
        expect(of(true)).toBe(of(true))
        expect(of(false)).not.toBe(of(true))
      }),
    )
  })

  it("tell who it was where they are not ambiguous", () => {
    fc.assert(
      fc.property(randoms, (random) => {
        const it = scene(random, "train", { ambiguous: false, negative: true })
        expect(it.context.toLowerCase()).toContain(`${it.options[it.right]} ${it.question.slice(4, -1)}`)
      }),
    )
  })
})

/** Questions without a slot are always training text. */
const hasSlot = (question: string): boolean =>
  ![
    "Do you have a dream?",
    "What is your aim?",
    "Who are you?",
    "What do you know about yourself?",
    "What kind of mind do you have?",
    "Are you aware of yourself?",
    "How was your day?",
  ].includes(question)
