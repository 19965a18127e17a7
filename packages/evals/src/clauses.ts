/** First-person clauses, found by nano's own clause templates, which are shipped as data: an exact count that no judge sees. */
import data from "../data/clauses.json" with { type: "json" }

export type Label = keyof typeof data.clauses

const slots: { readonly [slot: string]: ReadonlyArray<string> } = data.slots
const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

const pattern = (template: string): string =>
  template
    .split(/(\{[a-z]+\d?\})/)
    .map((part) => {
      const words = slots[/^\{([a-z]+)\d?\}$/.exec(part)?.[1] ?? ""]
      return words === undefined ? escape(part) : `(?:${words.map(escape).join("|")})`
    })
    .join("")

const patterns: ReadonlyArray<readonly [Label, RegExp]> = (["F", "I", "S", "N", "R"] as const).map((label) => [
  label,
  new RegExp(`^(?:${data.clauses[label].map(pattern).join("|")})$`, "i"),
])

const labelled = (clauses: ReadonlyArray<string>): ReadonlyArray<Label> | undefined => {
  const labels = clauses.map((clause) => patterns.find(([, whole]) => whole.test(clause))?.[0])
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
