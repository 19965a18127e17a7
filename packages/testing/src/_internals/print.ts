/** A breach as a person reads it. */
import type { Reward } from "hmx"
import type { Breach } from "./Property.ts"

const LONGEST = 300

/** In quotes, with everything that does not print written out, and cut. */
export const quote = (text: string): string => {
  const short = text.length > LONGEST ? text.slice(0, LONGEST).toWellFormed() : text
  const escaped = JSON.stringify(short).replaceAll(
    /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\ufffd]/gu,
    (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  )
  return text.length > LONGEST ? `${escaped} … ${text.length} characters` : escaped
}

const answer = ({ text, finish, tokens, question, id }: Reward.Completion): ReadonlyArray<string> => [
  `  question ${quote(question)} (${quote(id)})`,
  `  answer   ${quote(text)}`,
  `           ${tokens} token${tokens === 1 ? "" : "s"}, ${finish === "stop" ? "ended by itself" : "cut off at the limit"}`,
]

export const print = (breach: Breach): string =>
  breach.answers
    .flatMap(({ completion, given }) => [
      "",
      ...answer(completion),
      ...Object.entries(given).map(([when, what]) => `  ${when}: ${what}`),
    ])
    .join("\n")
