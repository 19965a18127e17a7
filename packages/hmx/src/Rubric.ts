/**
 * A rubric is a reward with criteria that a judge reads: each criterion is asked as a question about the answer, and read out from
 * the probabilities of given continuations, never from generated text.
 */
import type { Chat } from "./Chat.ts"
import { user } from "./Chat.ts"
import { known, named, ranged, unique, versioned, weighed } from "./checks.ts"
import { face } from "./face.ts"
import type { Completion, Range } from "./Reward.ts"

/** One question about an answer. */
export interface Criterion {
  readonly name: string
  /** The question as the judge reads it. */
  readonly ask: string
  /** What the two ends of the scale look like, in words: for people, and for the judge in a guided rubric. */
  readonly anchors: { readonly low: string; readonly high: string }
  readonly weight: number
}

/** How a criterion becomes a number: the continuations whose probabilities are compared, each with the place it stands for (0 to 1). */
export interface ReadOut {
  readonly kind: "yes/no" | "digits"
  readonly continuations: ReadonlyArray<string>
  /** One a continuation: 0 is the low end, 1 the high end. */
  readonly places: ReadonlyArray<number>
  /** The scale it has by itself, for a rubric without one. */
  readonly range: Range
}

export interface Rubric<Name extends string = string, S extends Range | undefined = Range | undefined> {
  readonly kind: "rubric"
  readonly name: Name
  readonly version: number
  readonly range: Range
  readonly criteria: ReadonlyArray<Criterion>
  readonly scale: S
  readonly readOut: ReadOut
  /** The judge's prompt, with {question}, {answer}, {ask}, and {low} and {high} where it is guided. */
  readonly template: string
  readonly reverse: boolean
  /** The same rubric with its scale turned round: a score s becomes min + max − s. */
  reversed(
    this: S extends Range
      ? Rubric<Name, S>
      : `✗ ${Name} has no scale, so it cannot be reversed: give it { scale: { min, max } }`,
  ): Rubric<Name, S>
  /**
   * The same rubric with the anchors in the prompt, before the criterion's question: for larger models. The shipped nano model was
   * trained on the plain form.
   */
  guided(): Rubric<Name, S>
}

/** The criterion comes last, so that all criteria share one prefix. */
const plain = "Question: {question}\nAnswer: {answer}\n{ask}"

/**
 * For criteria that ask for yes or no, in the words that the model writes (the nano model: lower case; most larger ones: "Yes", "No").
 * P(yes) / (P(yes) + P(no)), from no at the low end of the scale to yes at the high end.
 */
export const yesNo = (words: { readonly yes?: string; readonly no?: string } = {}): ReadOut => {
  const continuations = [words.yes ?? "yes", words.no ?? "no"]
  unique("a yes/no read-out", continuations)
  return { kind: "yes/no", continuations, places: [1, 0], range: { min: 0, max: 1 } }
}

/** For criteria that ask for a digit. The expected digit under the probabilities of the digits `from` to `to`, mapped onto the scale. */
export const digits = (ends: { readonly from: number; readonly to: number }): ReadOut => {
  const { from, to } = ends
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > 9 || from >= to) {
    throw new RangeError(`digits must go from one of 0 to 9 to a greater one, not from ${from} to ${to}`)
  }
  const all = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  return {
    kind: "digits",
    continuations: all.map(String),
    places: all.map((d) => (d - from) / (to - from)),
    range: { min: from, max: to },
  }
}

/**
 * A rubric. Its score is the weighted mean of its criteria, on its scale (without one: on the read-out's own, 0 to 1 for yes/no).
 * Throws a RangeError where a criterion has no weight above 0, two have one name, or the template lacks a field.
 */
export const make = <const Name extends string, const S extends Range | undefined = undefined>(
  name: Name,
  spec: {
    readonly version: number
    readonly criteria: ReadonlyArray<Criterion>
    readonly readOut: ReadOut
    readonly scale?: S
    readonly template?: string
  },
): Rubric<Name, S> => {
  known(`the rubric ${name}`, spec, ["version", "criteria", "readOut", "scale", "template"])
  if (spec.criteria.length === 0) throw new RangeError(`${name} needs at least one criterion`)
  unique(
    name,
    spec.criteria.map((c) => c.name),
  )
  for (const c of spec.criteria) {
    weighed(`${name}: ${c.name}`, c.weight)
    if (c.ask.trim() === "") throw new RangeError(`${name}: ${c.name} asks nothing`)
  }
  const template = spec.template ?? plain
  for (const field of ["{question}", "{answer}", "{ask}"]) {
    if (!template.includes(field)) throw new RangeError(`the template of ${name} must contain ${field}`)
  }
  const range = ranged(name, spec.scale ?? spec.readOut.range)
  const value = (reverse: boolean, text: string): Rubric<Name, S> => ({
    kind: "rubric",
    name: named(name),
    version: versioned(name, spec.version),
    range,
    criteria: spec.criteria,
    // `S` is `undefined` exactly where the option is left out.
    scale: face<S>(spec.scale),
    readOut: spec.readOut,
    template: text,
    reverse,
    reversed: () => value(!reverse, text),
    guided: () => value(reverse, anchored(template, spec.readOut)),
  })
  return value(false, template)
}

const anchored = (template: string, { kind, continuations }: ReadOut): string => {
  const [low, high] =
    kind === "yes/no" ? [continuations[1], continuations[0]] : [continuations[0], continuations.at(-1)]
  return template.replace("{ask}", () => `"${low}" means: {low}\n"${high}" means: {high}\n{ask}`)
}

/** What the judge reads for a criterion: one user turn. Texts are put in once, so that braces in an answer stay what they are. */
export const prompt = (
  rubric: Rubric,
  criterion: Criterion,
  completion: Pick<Completion, "question" | "text">,
): Chat => {
  const fields: { readonly [name: string]: string } = {
    question: completion.question,
    answer: completion.text,
    ask: criterion.ask,
    low: criterion.anchors.low,
    high: criterion.anchors.high,
  }
  return user(rubric.template.replaceAll(/\{(\w+)\}/g, (all, name: string) => fields[name] ?? all))
}

/**
 * Where a criterion stands between 0 (low) and 1 (high), from the log-probabilities of the read-out's continuations, normalised among
 * themselves. `undefined` where they say nothing: one is NaN, or none is above −∞.
 */
export const place = (readOut: ReadOut, logprobs: ReadonlyArray<number>): number | undefined => {
  const most = Math.max(...logprobs)
  if (logprobs.length !== readOut.places.length || !Number.isFinite(most)) return undefined
  let sum = 0
  let weighted = 0
  for (const [i, logprob] of logprobs.entries()) {
    const p = Math.exp(logprob - most)
    sum += p
    weighted += p * (readOut.places[i] ?? 0)
  }
  return weighted / sum
}
