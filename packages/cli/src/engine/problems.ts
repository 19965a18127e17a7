/** What a failed program means for the user, in one sentence each. */
import { escape } from "@hmx/report"

/** The line of an output that says what went wrong. */
const errorLine = (output: string): string => {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== "")
  const errors = lines.filter((line) => /error/i.test(line))
  return escape((errors.at(-1) ?? lines.at(-1) ?? "nothing was said").trim(), 300)
}

const noRoom = (output: string): boolean => /no space left|disk quota exceeded|ENOSPC/i.test(output)

/** pip's. `wanted` is what was asked of it, `platform` and `python` for whom. */
export const pipProblem = (output: string, wanted: string, platform: string, python: string): string => {
  if (noRoom(output)) return `no room: the disk was full while pip unpacked ${wanted}`
  if (/no matching distribution|could not find a version/i.test(output))
    return `no wheel of ${wanted} for ${platform} and ${python}: found none in pip's indexes; expected a Python and a platform that it is built for`
  if (/not a supported wheel on this platform/i.test(output))
    return `a wheel of another platform: pip found ${wanted} for another one than ${platform} and ${python}`
  if (/max retries|connection|timed? ?out|name resolution|network is unreachable|ssl/i.test(output))
    return `pip could not download ${wanted}: ${errorLine(output)}`
  return `pip could not install ${wanted}: ${errorLine(output)}`
}

/** npm's. */
export const npmProblem = (output: string): string =>
  noRoom(output) ? "no room: the disk was full while npm installed" : `npm could not install: ${errorLine(output)}`

/** g++'s. */
export const compilerProblem = (output: string): string =>
  noRoom(output)
    ? "no room: the disk was full while g++ compiled"
    : `g++ could not compile the binding: ${errorLine(output)}`

/** Of the process that loads the engine once. */
export const loadProblem = (output: string, platform: string): string =>
  /of another platform|wrong ELF class|invalid ELF header|exec format error|not a valid Win32|incompatible architecture|mach-o/i.test(
    output,
  )
    ? `a wheel of another platform: its libraries do not load on ${platform}`
    : `what was installed does not load: ${errorLine(output)}`
