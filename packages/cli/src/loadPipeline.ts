/** Imports a pipeline's file. Node strips its types; whatever is wrong with it is said with file and line. */
import { escape } from "@hmx/report"
import * as Effect from "effect/Effect"
import { Errors, Experiment, isPlan, type Plan } from "hmx"
import { statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { shown } from "./paths.ts"
import { Refused } from "./Refused.ts"

export interface Pipeline {
  /** Absolute path. */
  readonly file: string
  readonly experiment: Experiment.Any
}

/** What a pipeline's file exports: an experiment, or several that run beside each other. */
export interface Loaded {
  /** Absolute path. */
  readonly file: string
  readonly of: Experiment.Any | Plan
}

const expected = "a pipeline file whose default export is an experiment"
/** Names shown of arms. */
const most = 12

const refuse = (where: string, found: string, wanted = expected) =>
  new Errors.BadInput({ where: escape(where), found: escape(found, 600), expected: wanted })

/** Imports a file of the user's; `wanted` is what it should be. */
export const importFile = Effect.fnUntraced(function* (given: string, wanted = expected) {
  const file = resolve(given)
  const info = statSync(file, { throwIfNoEntry: false })
  if (info === undefined) return yield* refuse(given, "no such file", wanted)
  if (!info.isFile()) return yield* refuse(given, "a folder", wanted)
  const module = yield* Effect.tryPromise({
    try: (): Promise<{ readonly [name: string]: unknown }> => import(pathToFileURL(file).href),
    catch: (error) =>
      // The language refuses a value in a sentence of its own.
      error instanceof RangeError
        ? new Refused({ message: `${escape(placeOf(error, file))}: ${escape(error.message, 600)}` })
        : refuse(placeOf(error, file), reasonOf(error), wanted),
  })
  return { file, module }
})

export const loadFile = Effect.fnUntraced(function* (given: string) {
  const { file, module } = yield* importFile(given)
  const of = module["default"]
  if (Experiment.is(of) || isPlan(of)) return { file, of } satisfies Loaded
  return yield* refuse(shown(file), kindOf(of))
})

/** The one experiment of a file; of a contrast or a sweep, the arm of that name. */
export const loadPipeline = Effect.fnUntraced(function* (given: string, arm?: string) {
  const { file, of } = yield* loadFile(given)
  const where = arm === undefined ? shown(file) : "--arm"
  if (of.kind === "experiment") {
    if (arm === undefined) return { file, experiment: of } satisfies Pipeline
    return yield* refuse(where, arm, `no --arm: ${shown(file)} has one experiment`)
  }
  const found = of.entries.find(({ name }) => name === arm)
  if (found !== undefined) return { file, experiment: found.experiment } satisfies Pipeline
  const names = of.entries.slice(0, most).map(({ name }) => escape(name, 60))
  const more = of.entries.length > most ? [`and ${of.entries.length - most} more`] : []
  const one = arm === undefined ? "one of them, by --arm: " : "one of: "
  return yield* refuse(
    where,
    arm ?? `a ${of.kind} of ${of.entries.length} arms`,
    `${one}${[...names, ...more].join(" · ")}`,
  )
})

const kindOf = (value: unknown): string => {
  if (value === undefined) return "no default export"
  const kind = typeof value === "object" && value !== null && "kind" in value ? ` (a ${String(value.kind)})` : ""
  return `a default export that is not an experiment${kind}`
}

/** What is wrong with a module that did not load. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return `a module that throws ${String(error)}`
  const code = "code" in error ? String(error.code) : ""
  const message = error.message.replaceAll(/\s+/g, " ").trim()
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") return `TypeScript that Node cannot strip: ${message}`
  if (code === "ERR_INVALID_TYPESCRIPT_SYNTAX" || error instanceof SyntaxError) return `a syntax error: ${message}`
  return message
}

/** `file:line` of the user's code that an error comes from: the first place in its stack that is not HMX's or Node's own. */
const placeOf = (error: unknown, file: string): string => {
  const own = ["hmx", "@hmx/evals"].map((name) => dirname(fileURLToPath(import.meta.resolve(name))))
  const stack = error instanceof Error ? (error.stack ?? "") : ""
  for (const [, path, line] of stack.matchAll(/(?:^|[\s(]|file:\/\/)(\/[^\s():]+):(\d+)/gm)) {
    const place = decodeURI(path ?? "")
    if (!own.some((folder) => place.startsWith(folder)) && !place.includes("/node_modules/"))
      return `${shown(place)}:${line}`
  }
  return shown(file)
}
