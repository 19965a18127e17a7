/** Text of models and data files on its way to a terminal. */

const hex = (char: string): string => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`

/**
 * Text made safe for a terminal: control characters (escape sequences among them), line ends and characters that change the
 * reading direction are written out, and what is longer than `limit` characters is cut with an ellipsis.
 */
export const escape = (text: string, limit = 400): string => {
  const points = Array.from(text.slice(0, 2 * limit + 2))
  const cut = points.length > limit ? `${points.slice(0, limit).join("")}…` : points.join("")
  return cut
    .replace(/\r?\n/g, "⏎")
    .replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, hex)
}
