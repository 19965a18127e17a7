/** What several rewards do with a text. */
import type { Completion } from "../Reward.ts"

/** Words: runs of letters, digits and combining marks; an apostrophe within is part of its word. Lower case. */
export const words = (text: string): ReadonlyArray<string> =>
  text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{N}\p{M}]+)*/gu) ?? []

/** Every run of white space as one blank; a zero-width space is white space here, for it sets words apart and nothing else. */
export const oneBlank = (text: string): string => text.replaceAll(/[\s\u200b]+/g, " ")

/**
 * The answer without what it quotes of the question, word for word, in one-blank form: what is left is its own. A quote leaves a
 * character behind that no text has, so that nothing new is joined out of what stood on its two sides.
 */
export const ownText = ({ question, text }: Pick<Completion, "question" | "text">): string => {
  const quoted = oneBlank(question).trim()
  return quoted === "" ? oneBlank(text) : oneBlank(text).replaceAll(quoted, "\0")
}

/**
 * SQuAD's normalisation (Rajpurkar and others 2016, evaluate-v1.1): lower case, without punctuation and English articles, one blank
 * between words.
 */
export const normalised = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[!-/:-@[-`{-~]/g, "")
    .replaceAll(/\b(?:a|an|the)\b/g, " ")
    .split(/\s+/)
    .filter((word) => word !== "")
    .join(" ")

/** How often each entry stands in a list. */
export const counts = (entries: Iterable<string>): Map<string, number> => {
  const found = new Map<string, number>()
  for (const entry of entries) found.set(entry, (found.get(entry) ?? 0) + 1)
  return found
}

/** Entries that two lists share, each as often as it stands in both. */
export const overlap = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number => {
  let shared = 0
  for (const [entry, n] of a) shared += Math.min(n, b.get(entry) ?? 0)
  return shared
}

/** The reference answers of a prompt; a record of one's own has no `toString` of others. */
export type References = { readonly [id: string]: string | ReadonlyArray<string> }

export const referencesOf = (references: References, id: string): ReadonlyArray<string> => {
  if (!Object.hasOwn(references, id)) return []
  const found = references[id] ?? []
  return typeof found === "string" ? [found] : found
}

/** Refuses references that are none. */
export const checkReferences = (name: string, references: References): void => {
  const ids = Object.keys(references)
  if (ids.length === 0) throw new RangeError(`${name} needs a reference for at least one prompt`)
  for (const id of ids) {
    const all = referencesOf(references, id)
    if (all.length === 0 || all.some((text) => text.trim() === ""))
      throw new RangeError(`${name}: the reference of ${id} must not be empty`)
  }
}
