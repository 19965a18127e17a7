/** The plan of memory as exactly as it can be known without weights: tokens counted by the model's tokenizer, tasks rehearsed. */
import * as Effect from "effect/Effect"
import type { Artefact, Experiment, ModelShape } from "hmx"
import type { Locate } from "../dataService.ts"
import { measures } from "../measuring.ts"
import * as Memory from "../Memory.ts"
import type { Questions } from "../Questions.ts"
import { rehearse } from "./rehearse.ts"
import type { Place } from "./Remembered.ts"
import { bytewise, exactly, roughly, type Tokenizer } from "./Rehearsal.ts"

/** What a plan reads of a model. */
export interface Planning {
  readonly shape: ModelShape
  readonly tokenizer?: Effect.Effect<Tokenizer, unknown>
}

/** The model's tokenizer, where it can be read without the weights. */
export const tokenizerOf = ({ tokenizer }: Planning): Effect.Effect<Tokenizer | undefined> =>
  tokenizer === undefined ? Effect.succeed(tokenizer) : Effect.orElseSucceed(tokenizer, () => undefined)

/**
 * Tokens of the longest prompt. Exact for the longest texts, and by their bytes for more than a plan has time for; no text has more tokens
 * than bytes.
 */
const longestPrompt = (prompts: ReadonlyArray<Artefact.Prompt>, tokenizer: Tokenizer): number => {
  const texts = prompts.map(({ messages }) => tokenizer.render(messages)).toSorted((a, b) => b.length - a.length)
  let [left, most] = [exactly, 0]
  for (const text of texts) {
    if (Buffer.byteLength(text) <= most) continue
    most = Math.max(most, left > 0 ? tokenizer.encode(text).length : roughly(text))
    left -= text.length
  }
  return most
}

/**
 * Without a tokenizer every byte is taken for a token, and a run does not know what tasks hold. `everything` walks all stages, as a plan does for people; else those that measure
 * alone, since what they ask depends on nothing before them: a plan and a run come to the same figures.
 */
export const planMemory = Effect.fnUntraced(function* (
  experiment: Experiment.Any,
  model: Planning,
  {
    everything,
    locate,
    questions,
    remembered,
  }: {
    readonly everything: boolean
    readonly locate: Locate
    readonly questions: Questions
    /** A plan's, for people: what a run is allowed by is walked anew. */
    readonly remembered?: Place | undefined
  },
) {
  const { shape } = model
  const found = yield* tokenizerOf(model)
  const tokenizer = found ?? bytewise
  const longest = longestPrompt([...questions.train, ...questions.heldOut], tokenizer)
  const rehearsed =
    found === undefined && !everything
      ? []
      : yield* rehearse(experiment, shape, {
          questions,
          locate,
          tokenizer,
          remembered,
          ...(everything ? {} : { only: measures }),
        })
  // Of the other stages that say nothing a run knows no more than this.
  const parts = (index: number) => {
    const stage = experiment.stages[index]
    return stage !== undefined && measures(stage) ? (rehearsed[index]?.parts ?? null) : []
  }
  const counted = new Map<string, number>()
  const tokens = (text: string): number => {
    const length = counted.get(text) ?? tokenizer.encode(text).length
    counted.set(text, length)
    return length
  }
  const of = (x: Experiment.Any) => Memory.plan(x, shape, longest, { tokens, rehearsed: parts })
  return { longest, of, rehearsed }
})
