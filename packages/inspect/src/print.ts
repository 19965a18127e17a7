/** Findings as text, as JSON and as annotations of a pull request. */
import type { Checked } from "./check.ts"
import type { Finding } from "./Finding.ts"

export interface Printed {
  /** A path as it is shown. */
  readonly path: (path: string) => string
  /** Makes text of the user's safe for a terminal. */
  readonly safe: (text: string) => string
}

/** Two lines a finding: where and why, then how. */
export const asText = (findings: ReadonlyArray<Finding>, { path, safe }: Printed): string =>
  findings
    .map(({ code, column, file, fix, how, line, why }) => {
      const mend = fix === undefined ? "" : " (--fix does it)"
      return `${safe(path(file))}:${line}:${column} ${code} ${safe(why)}\n  how: ${safe(how)}${mend}\n`
    })
    .join("")

const some = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

/** What was checked, in one line. */
export const summary = ({ files, findings, refused }: Checked): string => {
  const bad = refused.length === 0 ? "" : `, ${refused.length} that could not be checked`
  return `${findings.length === 0 ? "no findings" : some(findings.length, "finding")} in ${some(files, "file")}${bad}\n`
}

/** One JSON value: what was found, what was refused. */
export const asJson = ({ findings, refused }: Checked, { path }: Pick<Printed, "path">): string =>
  `${JSON.stringify({
    findings: findings.map(({ code, column, file, fix, how, line, why }) => ({
      file: path(file),
      line,
      column,
      code,
      why,
      how,
      fix: fix === undefined ? null : { ...fix, file: path(fix.file) },
    })),
    refused: refused.map(({ expected, found, where }) => ({ where, found, expected })),
  })}\n`

const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")
const value = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C")

/** GitHub's workflow commands: each finding stands at its line of the pull request. */
export const asAnnotations = ({ findings, refused }: Checked, { path }: Pick<Printed, "path">): string =>
  [
    ...findings.map(
      ({ code, column, file, how, line, why }) =>
        `::error file=${value(path(file))},line=${line},col=${column},title=${code}::${data(`${why} (${how})`)}\n`,
    ),
    ...refused.map(({ message }) => `::error title=hmx check::${data(message)}\n`),
  ].join("")
