/** One run of the compiler over a folder of fixtures. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))

export interface CompileError {
  readonly file: string
  /** 1-based line. */
  readonly at: number
  readonly text: string
}

/** The errors of a project, with sentences (`"✗ …"`) taken out of what the compiler puts round them. */
export const compile = (project: string): ReadonlyArray<CompileError> => {
  const tsc = spawnSync(
    process.execPath,
    [`${root}node_modules/typescript/bin/tsc`, "-p", project, "--pretty", "false"],
    {
      cwd: root,
      encoding: "utf8",
    },
  )
  const lines = tsc.stdout.split("\n").filter((line) => line !== "")
  return lines.map((line) => {
    const error = /([^/]+?)\((\d+),\d+\): error TS\d+: (.*)$/.exec(line)
    if (error === null) return { file: "a second line", at: 0, text: line }
    const [, file = "", at, text = ""] = error
    return { file, at: Number(at), text: /["`](✗ .*)["`]'\.$/.exec(text)?.[1] ?? text }
  })
}
