/** First-person clauses, found by nano's own clause templates, which are shipped as data: an exact count that no judge sees. */
import data from "../data/clauses.json" with { type: "json" }

export type Label = keyof typeof data.clauses

const slots: { readonly [slot: string]: ReadonlyArray<string> } = data.slots

/** Templates are ASCII: only its letters have a second form. */
const lower = (text: string): string => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())

/** A piece of a template: any one of these, in lower case. */
type Part = ReadonlyArray<string>

const parts = (template: string): ReadonlyArray<Part> =>
  template
    .split(/(\{[a-z]+\d?\})/)
    .filter((part) => part !== "")
    .map((part) => (slots[/^\{([a-z]+)\d?\}$/.exec(part)?.[1] ?? ""] ?? [part]).map(lower))

interface Template {
  readonly label: Label
  readonly of: ReadonlyArray<Part>
}

/**
 * Templates by the letters that they may begin with, in the labels' order. They are walked and not made into patterns: to compile their
 * thousands of alternatives takes longer than a benchmark's answers.
 */
const templates = new Map<string, Array<Template>>()
for (const label of ["F", "I", "S", "N", "R"] as const) {
  for (const of of data.clauses[label].map(parts)) {
    for (const letter of new Set(of[0]?.map((words) => words.charAt(0)))) {
      templates.set(letter, [...(templates.get(letter) ?? []), { label, of }])
    }
  }
}

/** Whether the parts from `k` on are the text from `at` to its end. */
const matches = (text: string, of: ReadonlyArray<Part>, at = 0, k = 0): boolean => {
  const part = of[k]
  if (part === undefined) return at === text.length
  return part.some((words) => text.startsWith(words, at) && matches(text, of, at + words.length, k + 1))
}

const labelOf = (clause: string): Label | undefined => {
  const text = lower(clause)
  return templates.get(text.charAt(0))?.find(({ of }) => matches(text, of))?.label
}

const labelled = (clauses: ReadonlyArray<string>): ReadonlyArray<Label> | undefined => {
  const labels = clauses.map(labelOf)
  return labels.every((label) => label !== undefined) ? labels : undefined
}

/**
 * Labels of the whole clauses of a text, in order: F feelings, I intentions, S self-awareness, N nothing of the speaker, R a robotic
 * denial. A clause counts in a sentence that begins with a capital, ends with a full stop and is one clause, or two with a connective;
 * anything else has none.
 */
export const clausesOf = (text: string): ReadonlyArray<Label> =>
  text.split(/(?<=\.) /).flatMap((part) => {
    if (!/^[A-Z].*\.$/.test(part)) return []
    const sentence = part.slice(0, -1)
    const splits = data.connectives.flatMap((connective) => {
      const at = sentence.indexOf(connective)
      return at < 0 ? [] : [[sentence.slice(0, at), sentence.slice(at + connective.length)]]
    })
    return labelled([sentence]) ?? splits.map(labelled).find((labels) => labels !== undefined) ?? []
  })
