/** Reads a text back: each template is also a recogniser, so the labels of an answer are exact and "well-formed" is strict. */
import { clauses, CONNECTIVES, type Label, LABELS } from "./clauses.ts"
import { pattern } from "./Template.ts"

export interface Reading {
  /** Labels of the clauses that are whole: in a sentence that begins with a capital and ends with a full stop. */
  readonly labels: ReadonlySet<Label>
  /** Whole clauses by label, in order; a sentence that is not one or two whole clauses gives none. */
  readonly found: ReadonlyArray<Label>
  /** Every sentence is one or two whole clauses, or one of the other texts that nano is taught to say. */
  readonly wellFormed: boolean
}

const byLabel = LABELS.map((label) => ({
  label,
  whole: new RegExp(`^(?:${clauses[label].map(pattern).join("|")})$`, "i"),
}))

/** The label of a clause without its final stop. */
export const clauseLabel = (clause: string): Label | undefined => byLabel.find(({ whole }) => whole.test(clause))?.label

const sentence = (text: string): ReadonlyArray<Label> | undefined => {
  const one = clauseLabel(text)
  if (one !== undefined) return [one]
  for (const connective of CONNECTIVES) {
    const at = text.indexOf(connective)
    if (at < 0) continue
    const first = clauseLabel(text.slice(0, at))
    const second = clauseLabel(text.slice(at + connective.length))
    if (first !== undefined && second !== undefined) return [first, second]
  }
  return undefined
}

/** `others`: sentences (with their full stop) that count as well-formed though they carry no label. */
export const read = (text: string, others: ReadonlySet<string> = new Set()): Reading => {
  const found: Array<Label> = []
  let wellFormed = text !== ""
  for (const part of text.split(/(?<=\.) /)) {
    const whole = /^[A-Z].*\.$/.test(part) ? sentence(part.slice(0, -1)) : undefined
    if (whole !== undefined) found.push(...whole)
    else if (!others.has(part)) wellFormed = false
  }
  return { labels: new Set(found), found, wellFormed }
}
