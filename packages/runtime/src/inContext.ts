/** Whether every prompt has room in the model's context, with its answer and with what a judge reads of both. */
import * as Effect from "effect/Effect"
import { type Artefact, type Chat, Errors, type Experiment, Rubric, type Stage } from "hmx"
import { isEvaluate } from "./measuring.ts"
import { quote } from "./Jsonl.ts"
import { exactly, type Tokenizer } from "./plan/Rehearsal.ts"
import type { Questions } from "./Questions.ts"

/** Who asks prompts, for answers of how many tokens, and the rubrics that the model reads for them. */
interface Asker {
  readonly name: string
  readonly split: "train" | "heldOut"
  readonly maxNewTokens: number
  readonly rubrics: ReadonlyArray<Rubric.Rubric>
}

/** Tokens that a text may have more than its parts have one by one. */
const seams = 16

/**
 * Refuses prompts that the engine would refuse in the middle of a run, the first of them with its file and line. Of more text than a plan
 * has time for the longest prompts are tokenised; what is beyond is the engine's to refuse when it is asked.
 */
export const inContext = (
  experiment: Experiment.Any,
  context: number,
  questions: Questions,
  tokenizer: Tokenizer,
): Effect.Effect<void, Errors.BadInput> =>
  Effect.suspend(() => {
    const found = askersOf(experiment).flatMap((asker) => tooLong(asker, context, questions[asker.split], tokenizer))
    const [first] = found.toSorted((a, b) => a.index - b.index)
    if (first === undefined) return Effect.void
    const others = new Set(found.map(({ index }) => index)).size - 1
    const more = others === 0 ? "" : ` (and so ${others} more)`
    return Effect.fail(
      new Errors.BadInput({
        where: questions.places[first.index] ?? "prompts",
        found: `${first.found}${more}`,
        expected: first.expected,
      }),
    )
  })

const askersOf = ({ stages }: Experiment.Any): ReadonlyArray<Asker> => {
  // Where such groups are dropped, their author has said what becomes of them.
  const strict = stages.filter(
    ({ policies }) => !policies.some((one) => one.policy === "recover" && "BadInput" in one.by),
  )
  const judged = strict.flatMap(({ options }) => rubricsOf(options))
  return strict.flatMap((stage) =>
    isEvaluate(stage)
      ? stage.options.tasks.flatMap((task) => asker(task, "heldOut", rubricsOf(task.options)))
      : stage.grain === "group"
        ? asker(stage, "train", judged)
        : [],
  )
}

const asker = (
  { name, options }: Pick<Stage.Any, "name" | "options">,
  split: Asker["split"],
  rubrics: Asker["rubrics"],
): ReadonlyArray<Asker> =>
  "maxNewTokens" in options && typeof options.maxNewTokens === "number"
    ? [{ name, split, maxNewTokens: options.maxNewTokens, rubrics }]
    : []

/** The rubrics of a stage or a task, where the model itself reads them. */
const rubricsOf = (options: {
  readonly judge?: unknown
  readonly rubric?: unknown
  readonly reward?: unknown
}): ReadonlyArray<Rubric.Rubric> =>
  options.judge === "live" || options.judge === "frozen" ? rubricsIn(options.rubric ?? options.reward) : []

const rubricsIn = (reward: unknown): ReadonlyArray<Rubric.Rubric> => {
  if (typeof reward !== "object" || reward === null) return []
  if (isRubric(reward)) return [reward]
  return "parts" in reward && Array.isArray(reward.parts)
    ? reward.parts.flatMap((part: { readonly reward?: unknown }) => rubricsIn(part.reward))
    : []
}
const isRubric = (value: object): value is Rubric.Rubric =>
  "kind" in value && value.kind === "rubric" && "criteria" in value && "template" in value

interface Found {
  readonly index: number
  readonly found: string
  readonly expected: string
}

/** A chat with `x` for each text: what the template itself takes. */
const bare = (messages: Chat.Chat): Chat.Chat => messages.map((message) => ({ ...message, content: "x" }))

const bytesOf = (messages: Chat.Chat): number =>
  messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0)

const tooLong = (
  { maxNewTokens, name, rubrics, split }: Asker,
  context: number,
  prompts: ReadonlyArray<Artefact.Prompt>,
  { encode, render }: Tokenizer,
): ReadonlyArray<Found> => {
  // Answers alone leave no room then, which is said of the option (`HMX212`, and by a run).
  if (maxNewTokens >= context) return []
  const count = (chat: Chat.Chat): number => encode(render(chat)).length
  const templates = new Map<string, number>()
  const templateOf = (messages: Chat.Chat): number => {
    const roles = messages.map(({ role }) => role).join(" ")
    const known = templates.get(roles) ?? count(bare(messages))
    templates.set(roles, known)
    return known
  }
  const readings = rubrics.flatMap((rubric) => {
    const continuation = Math.max(0, ...rubric.readOut.continuations.map((text) => encode(text).length))
    const of = (part: string): number => rubric.template.split(part).length - 1
    return rubric.criteria.map((criterion) => {
      const read = (question: string) => count(Rubric.prompt(rubric, criterion, { question, text: "" }))
      // An answer is read again as text; it has hardly more tokens then than it was sampled in.
      const behind = of("{answer}") * maxNewTokens + continuation
      return {
        read,
        behind,
        empty: read("") + behind,
        questions: of("{question}"),
        of: `${rubric.name}, ${criterion.name}`,
      }
    })
  })
  const fixed = Math.max(0, ...readings.map(({ empty }) => empty))
  const times = Math.max(0, ...readings.map(({ questions }) => questions))
  // No text has more tokens than bytes: most prompts are short enough without being tokenised.
  const doubtful = prompts
    .map((prompt) => ({ prompt, question: questionOf(prompt), bytes: bytesOf(prompt.messages) }))
    .filter(
      ({ bytes, prompt, question }) =>
        templateOf(prompt.messages) + bytes + maxNewTokens + seams > context ||
        (fixed > 0 && fixed + times * Buffer.byteLength(question) + seams > context),
    )
    .toSorted((a, b) => b.bytes - a.bytes)
  const found: Array<Found> = []
  const who = split === "train" ? "" : "held-out "
  let left = exactly
  for (const { bytes, prompt, question } of doubtful) {
    if (left <= 0) break
    left -= bytes
    const { id, index } = prompt
    const tokens = count(prompt.messages)
    if (tokens + maxNewTokens > context) {
      found.push({
        index,
        found: `the ${who}prompt ${quote(id)} of ${tokens} tokens`,
        expected: `at most ${context - maxNewTokens}: the model's context of ${context} less ${name}'s maxNewTokens ${maxNewTokens}`,
      })
      continue
    }
    const over = readings.find(({ behind, empty, questions, read }) => {
      if (empty + questions * Buffer.byteLength(question) + seams <= context) return false
      left -= question.length
      return read(question) + behind > context
    })
    if (over !== undefined)
      found.push({
        index,
        found: `the ${who}prompt ${quote(id)}, with which a judge reads up to ${over.read(question) + over.behind} tokens (${over.of})`,
        expected: `at most ${context}, the model's context: a shorter prompt, or answers of fewer than ${maxNewTokens} tokens`,
      })
  }
  return found
}

/** What a judge is shown of a prompt. */
const questionOf = ({ messages }: Artefact.Prompt): string =>
  messages.findLast(({ role }) => role === "user")?.content ?? ""
