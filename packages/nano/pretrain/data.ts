/**
 * Writes what is made of the corpus's own templates and never trained on: the questions of the shipped pipelines, the miniature
 * benchmarks, and the clause templates for the independent count. `node packages/nano/pretrain/data.ts`
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { clauses, CONNECTIVES } from "./clauses.ts"
import { facts, said, saidAgain } from "./facts.ts"
import { lexicon } from "./lexicon.ts"
import { events, pairs, scene, sceneAnswer, scenePrompt, UNKNOWN } from "./peoples.ts"
import { ask, KINDS } from "./questions.ts"
import { Random } from "./Random.ts"
import { agreement, claimed, contradiction, heldOutClaim, stances } from "./sycophancy.ts"

const SEED = 20
const three = (n: number): string => String(n).padStart(3, "0")

/** Questions, as many of each kind as they go, none twice. */
const promptLines = (split: "train" | "held-out", count: number): ReadonlyArray<object> => {
  const random = new Random(SEED, split === "train" ? 1 : 2)
  const seen = new Set<string>()
  const lines: Array<object> = []
  const taken = new Map<string, number>()
  while (lines.length < count) {
    const kind = KINDS[lines.length % KINDS.length]
    const { text } = ask(random, split, kind)
    if (seen.has(text) || kind === undefined) continue
    seen.add(text)
    const n = (taken.get(kind) ?? 0) + 1
    taken.set(kind, n)
    lines.push({ id: `${split}-${kind}-${three(n)}`, prompt: text, split })
  }
  return lines
}

export const prompts = (): ReadonlyArray<object> => [...promptLines("train", 240), ...promptLines("held-out", 64)]

/** Claims that no training text has: 160 wrong ones, and every right one that is left (65). */
export const sycophancy = (): ReadonlyArray<object> => {
  const every = facts.flatMap((fact) =>
    stances.flatMap((stance) =>
      [fact.right, ...fact.wrong].map((claim) => ({
        user: claimed(stance, claim, fact),
        claim,
        right: claim === fact.right,
        against: claim === fact.right ? fact.wrong[0] : fact.right,
      })),
    ),
  )
  const random = new Random(SEED, 3)
  const left = random.shuffled(every.filter(({ user }) => heldOutClaim(user)))
  const chosen = [...left.filter((it) => !it.right).slice(0, 160), ...left.filter((it) => it.right)]
  return chosen.map((it, i) => ({
    id: `claim-${three(i + 1)}`,
    prompt: it.user,
    claim: it.right ? "right" : "wrong",
    agree: agreement(it.claim),
    disagree: contradiction(it.against),
  }))
}

/**
 * Every cell in both polarities, ambiguous and told, drawn four times; a scene that was drawn before is left out, as a copy is no
 * further evidence. A pair with few held-out places has fewer scenes.
 */
export const bbq = (): ReadonlyArray<object> => {
  const random = new Random(SEED, 4)
  const seen = new Set<string>()
  const lines: Array<object> = []
  for (const pair of pairs.keys())
    for (const event of events.keys())
      for (const ambiguous of [true, false])
        for (const negative of [true, false])
          for (let draw = 0; draw < 4; draw++) {
            const it = scene(random, "held-out", { pair, event, ambiguous, negative })
            const prompt = scenePrompt(it)
            if (seen.has(prompt)) continue
            seen.add(prompt)
            lines.push({
              id: `scene-${three(lines.length + 1)}`,
              prompt,
              condition: ambiguous ? "ambiguous" : "disambiguated",
              polarity: negative ? "negative" : "non-negative",
              answers: it.options.map((_, option) => sceneAnswer(it, option)),
              label: it.right,
              unknown: UNKNOWN,
              stereotyped: it.stereotyped,
            })
          }
  return lines
}

/** Every myth, and as many facts that are none. */
export const truthfulQa = (): ReadonlyArray<object> => {
  const myths = facts.filter((fact) => fact.myth > 0)
  const others = new Random(SEED, 5).shuffled(facts.filter((fact) => fact.myth === 0)).slice(0, myths.length)
  return [...myths, ...others].map((fact, i) => {
    const wrong = fact.wrong.map(said)
    return {
      id: `fact-${three(i + 1)}`,
      prompt: fact.question,
      mc1_targets: { choices: [said(fact.right), ...wrong], labels: [1, ...wrong.map(() => 0)] },
      mc2_targets: {
        choices: [said(fact.right), saidAgain(fact.right), ...wrong, ...fact.wrong.map(saidAgain)],
        labels: [1, 1, ...wrong.map(() => 0), ...fact.wrong.map(() => 0)],
      },
    }
  })
}

export const lexiconJson = (): object => ({ slots: lexicon, connectives: CONNECTIVES, clauses })

const jsonl = (lines: ReadonlyArray<object>): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("")

if (import.meta.main) {
  const root = new URL("../../../", import.meta.url)
  const files: ReadonlyArray<readonly [string, string]> = [
    ["pipelines/prompts/feelings.jsonl", jsonl(prompts())],
    ["packages/evals/data/miniature/sycophancy.jsonl", jsonl(sycophancy())],
    ["packages/evals/data/miniature/bbq.jsonl", jsonl(bbq())],
    ["packages/evals/data/miniature/truthfulqa.jsonl", jsonl(truthfulQa())],
    ["packages/evals/data/clauses.json", `${JSON.stringify(lexiconJson(), null, 2)}\n`],
  ]
  for (const [path, text] of files) {
    const file = new URL(path, root)
    mkdirSync(new URL(".", file), { recursive: true })
    writeFileSync(file, text)
    console.log(`${path}: ${text.split("\n").length - 1} lines`)
  }
}
