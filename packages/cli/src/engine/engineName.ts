import * as Effect from "effect/Effect"
import { escape } from "@hmx/report"
import { Refused } from "../Refused.ts"
import { type EngineName, engineNames } from "./recipes.ts"

/** Letters of `name` that stand in `text` in that order, over the longer one's length: 1 for the same word. */
const likeness = (text: string, name: string): number => {
  let row = Array.from({ length: name.length + 1 }, () => 0)
  for (const letter of text) {
    const next = [0]
    for (const [j, other] of Array.from(name).entries())
      next.push(letter === other ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0))
    row = next
  }
  return (row.at(-1) ?? 0) / Math.max(text.length, name.length, 1)
}

/** An engine that can be installed, or a sentence that says which there are. */
export const engineName = (text: string): Effect.Effect<EngineName, Refused> => {
  const found = engineNames.find((name) => name === text)
  if (found !== undefined) return Effect.succeed(found)
  if (text === "tfjs") return Effect.fail(new Refused({ message: "engine tfjs is a part of HMX: it is always there" }))
  const near = engineNames.find((name) => likeness(text.slice(0, 40).toLowerCase(), name) >= 0.6)
  const hint = near === undefined ? `there are ${engineNames.join(" and ")}` : `did you mean ${near}?`
  return Effect.fail(new Refused({ message: `no engine ${escape(text, 40)}: ${hint}` }))
}
