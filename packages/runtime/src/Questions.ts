/** An experiment's questions: read, checked, split, and numbered by their place, which keys their random numbers. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Artefact, Chat, Errors, type Prompts } from "hmx"
import { asBadInput, quote, read } from "./Jsonl.ts"

/** The prompts of both splits, in the order of the file. */
export interface Questions {
  readonly train: ReadonlyArray<Artefact.Prompt>
  readonly heldOut: ReadonlyArray<Artefact.Prompt>
  /** Where each stands (file and line), by its index. */
  readonly places: ReadonlyArray<string>
}

const keys = ["id", "prompt", "split"]
const isChat = Schema.is(Schema.NonEmptyArray(Chat.Message))

interface Question {
  readonly id: string
  readonly messages: Chat.Chat
  readonly split: "train" | "held-out"
}

/** One line of a prompt file; `where` is its file and line. */
export const question = (value: unknown, where: string): Question => {
  const fail = (found: string, expected: string): never => {
    throw new Errors.BadInput({ where, found, expected })
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fail(quote(JSON.stringify(value)), 'an object { "id", "prompt", "split"? }')
  }
  const { id, prompt, split = "train", ...rest }: { readonly [key: string]: unknown } = { ...value }
  const unknownKey = Object.keys(rest)[0]
  if (unknownKey !== undefined) return fail(`the key ${quote(unknownKey)}`, `the keys ${keys.join(", ")} and no other`)
  if (typeof id !== "string" || id === "")
    return fail(`id ${quote(JSON.stringify(id) ?? "missing")}`, "a string that is not empty")
  if (split !== "train" && split !== "held-out") {
    return fail(`split ${quote(JSON.stringify(split))}`, '"train" or "held-out"')
  }
  if (typeof prompt === "string" && prompt.trim() !== "") return { id, messages: Chat.user(prompt), split }
  if (isChat(prompt)) return { id, messages: prompt, split }
  return fail(
    `prompt ${quote(JSON.stringify(prompt) ?? "missing")}`,
    "a question, or a chat: a list of { role: system | user | assistant, content }",
  )
}

/** Numbers questions by place and parts them; an id that comes twice is refused. */
const parted = (questions: ReadonlyArray<Question & { readonly where: string }>): Questions => {
  const first = new Map<string, string>()
  const train: Array<Artefact.Prompt> = []
  const heldOut: Array<Artefact.Prompt> = []
  for (const [index, { id, messages, split, where }] of questions.entries()) {
    const before = first.get(id)
    if (before !== undefined) {
      throw new Errors.BadInput({
        where,
        found: `id ${quote(id)} again`,
        expected: `ids that differ (first in ${before})`,
      })
    }
    first.set(id, where)
    ;(split === "train" ? train : heldOut).push(new Artefact.Prompt({ id, index, messages }))
  }
  return { train, heldOut, places: questions.map(({ where }) => where) }
}

const inline = (prompts: Prompts.Inline): Questions =>
  parted([
    ...prompts.train.map((q, i) => ({
      ...question({ id: `train-${i}`, prompt: q }, `prompts.train[${i}]`),
      where: `prompts.train[${i}]`,
    })),
    ...prompts.heldOut.map((q, i) => {
      const where = `prompts.heldOut[${i}]`
      return { ...question({ id: `held-out-${i}`, prompt: q, split: "held-out" }, where), where }
    }),
  ])

/** A file of prompts, parted. */
const ofFile = Effect.fnUntraced(function* (path: string, name: string) {
  const lines = yield* read(path, name)
  return () =>
    parted(lines.map(({ line, value }) => ({ ...question(value, `${name}:${line}`), where: `${name}:${line}` })))
})

/** The held-out prompts of a file at a path, which messages call by the name; none is no mistake here. */
export const heldOut = Effect.fnUntraced(function* (path: string, name: string) {
  const parse = yield* ofFile(path, name)
  return (yield* Effect.try({ try: parse, catch: asBadInput })).heldOut
})

/** Reads and checks the prompts of an experiment. `locate` gives a path on disk and the name that messages use. */
export const load = Effect.fnUntraced(function* (
  prompts: Prompts.Prompts,
  locate: (path: string) => { readonly path: string; readonly name: string },
) {
  if (prompts.kind === "inline") return yield* checked(() => inline(prompts), prompts.perStep, "prompts")
  const { path, name } = locate(prompts.path)
  return yield* checked(yield* ofFile(path, name), prompts.perStep, name)
})

const checked = (parse: () => Questions, perStep: number, where: string) =>
  Effect.gen(function* () {
    const questions = yield* Effect.try({ try: parse, catch: asBadInput })
    const n = questions.train.length
    if (!Number.isInteger(perStep) || perStep < 1) {
      return yield* new Errors.BadInput({
        where,
        found: `perStep ${perStep}`,
        expected: "a whole number of at least 1",
      })
    }
    if (n < perStep) {
      const expected = `at least perStep (${perStep}) of them`
      return yield* new Errors.BadInput({ where, found: `${n} prompts to train on`, expected })
    }
    return questions
  })
