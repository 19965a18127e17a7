/** Why a stage would run, in a sentence: because of what change, after whom, or because nobody has done it yet. */
import type { ExplainedStage } from "../store/explain.ts"
import { type Difference, type Json, told } from "../store/Key.ts"

/** Characters shown of a value, and differences of one stage. */
const shown = 80
const differences = 4

const quoted = (value: Json | undefined): string => {
  if (value === undefined) return "nothing"
  const text = JSON.stringify(value)
  return text.length > shown ? `${text.slice(0, shown)}…` : text
}

/** The part of two long texts that differs, with a little of what stands before. */
export const difference = ({ field, now, was }: Difference): string => {
  if (typeof was !== "string" || typeof now !== "string" || Math.max(was.length, now.length) <= shown)
    return `${field}: ${quoted(was)} → ${quoted(now)}`
  let same = 0
  while (same < was.length && was[same] === now[same]) same++
  const from = Math.max(0, same - 20)
  const cut = (text: string) => quoted(`${from > 0 ? "…" : ""}${text.slice(from, from + shown - 10)}`)
  return `${field}: ${cut(was)} → ${cut(now)}`
}

export const why = ({ cached, total, why: because }: ExplainedStage, run: (folder: string) => string): string => {
  if (cached >= total || because === undefined) return ""
  switch (because._tag) {
    case "Changed": {
      const all = told(because.differences)
      const said = all.slice(0, differences).map(difference)
      const more = all.length > differences ? [`and ${all.length - differences} more`] : []
      return `changed since ${run(because.run)}: ${[...said, ...more].join("; ")}`
    }
    case "Follows":
      return `follows ${because.stage}`
    case "NotReached":
      return `not reached yet: ${run(because.run)} has done ${because.step} of ${because.steps} steps`
    case "New":
      return "never made before"
    case "Gone":
      return "made before, and gone from the store or damaged, or a file that it reads has changed"
    default:
      return "depends on what no key can see"
  }
}
