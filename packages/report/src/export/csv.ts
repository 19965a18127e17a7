/** Rows as CSV (RFC 4180, with \n). */
import { escape } from "../escape.ts"

/** Quoted where it must be, its control characters written out; what a spreadsheet would take for a formula is told apart from one by an apostrophe. */
const cell = (given: string): string => {
  const text = escape(given)
  const safe = /^[=+@-]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export const csv = (rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.map((row) => `${row.map(cell).join(",")}\n`).join("")
