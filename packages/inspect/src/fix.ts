/** Applies the certain fixes. */
import { Errors } from "hmx"
import { readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs"
import type { Edit, Finding } from "./Finding.ts"

/** Text with edits made; of two that touch each other, the first stands. */
export const edited = (text: string, edits: ReadonlyArray<Edit>): string => {
  let out = ""
  let at = 0
  for (const { from, text: put, to } of edits.toSorted((a, b) => a.from - b.from)) {
    if (from < at) continue
    out += text.slice(at, from) + put
    at = to
  }
  return out + text.slice(at)
}

/** Writes the files that the findings have fixes for; the findings that are mended thereby. */
export const applyFixes = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> => {
  const mended = findings.filter((f) => f.fix !== undefined)
  const edits = mended.flatMap((f) => f.fix ?? [])
  for (const file of new Set(edits.map((e) => e.file))) {
    const temporary = `${file}.${process.pid}.tmp`
    try {
      writeFileSync(
        temporary,
        edited(
          readFileSync(file, "utf8"),
          edits.filter((e) => e.file === file),
        ),
      )
      renameSync(temporary, file)
    } catch (cause) {
      try {
        unlinkSync(temporary)
      } catch {
        // It was never written.
      }
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Errors.StorageFailed({ path: file, what: "write", reason })
    }
  }
  return mended
}
