/** Programs of this machine and what it has: real here, scripted in tests. */
import { Lock } from "@hmx/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn } from "node:child_process"
import { statfs } from "node:fs/promises"

/** How a program ended. */
export interface Ran {
  /** Exit code; undefined where there is no such program, or it was ended from outside. */
  readonly code: number | undefined
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly cwd?: string | undefined
  /** Beside this process's own. */
  readonly env?: { readonly [name: string]: string } | undefined
  readonly onLine?: ((line: string) => void) | undefined
  /** Milliseconds after which it is ended. */
  readonly timeout?: number | undefined
}

export class Machine extends Context.Service<
  Machine,
  {
    readonly env: { readonly [name: string]: string | undefined }
    /** As `process.platform` and `process.arch` say it: linux-x64. */
    readonly platform: string
    /** This process's id. */
    readonly pid: number
    readonly alive: (pid: number) => boolean
    /** When a process began, which no other process of that id did; undefined where the system does not say. */
    readonly birth: (pid: number) => string | undefined
    /** Runs a program to its end; an interruption ends it, with all that it started. */
    readonly run: (program: string, args: ReadonlyArray<string>, options?: RunOptions) => Effect.Effect<Ran>
    /** Free bytes of the disk on which a folder lies; undefined where that cannot be told. */
    readonly freeBytes: (folder: string) => Effect.Effect<number | undefined>
  }
>()("hmx/cli/engine/Machine") {}

/** As much of a program's output as is kept: the end, where the reason of a failure stands. */
const kept = 64_000

/** With a process group of its own, so that its children end with it. */
const end = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
  } catch {
    // It has ended by itself.
  }
}

const run = (program: string, args: ReadonlyArray<string>, { cwd, env, onLine, timeout }: RunOptions = {}) =>
  Effect.callback<Ran>((resume) => {
    const said = { out: "", err: "" }
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    })
    for (const [name, stream] of [
      ["out", child.stdout],
      ["err", child.stderr],
    ] as const) {
      let rest = ""
      stream.setEncoding("utf8")
      stream.on("data", (text: string) => {
        said[name] = (said[name] + text).slice(-kept)
        const lines = (rest + text).split(/\r?\n|\r/)
        rest = (lines.pop() ?? "").slice(-kept)
        for (const line of lines) if (line.trim() !== "") onLine?.(line)
      })
    }
    const late = timeout === undefined ? undefined : setTimeout(() => end(child), timeout)
    const done = (code: number | undefined) => {
      clearTimeout(late)
      resume(Effect.succeed({ code, ...said }))
    }
    child.once("error", () => done(undefined))
    child.once("close", (code) => done(code ?? undefined))
    return Effect.sync(() => {
      clearTimeout(late)
      end(child)
    })
  })

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's process is there all the same.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

export const machine = Layer.succeed(Machine, {
  env: process.env,
  platform: `${process.platform}-${process.arch}`,
  pid: process.pid,
  alive,
  birth: Lock.birthOf,
  run,
  freeBytes: (folder) =>
    Effect.promise(() =>
      statfs(folder).then(
        ({ bavail, bsize }) => bavail * bsize,
        () => undefined,
      ),
    ),
})
