/** `hmx check FILE…`: what is wrong with pipelines, each finding with file, line and column. Reads no weights. */
import { applyFixes, asAnnotations, asJson, asText, check as inspect, type Examined, summary } from "@hmx/inspect"
import { escape } from "@hmx/report"
import { inContext, Memory, planMemory, Questions, silent, tokenizerOf, unreserved, unreservedText } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import { Errors, type Experiment } from "hmx"
import { Found } from "./Found.ts"
import { aside } from "./aside.ts"
import { Models } from "./Models.ts"
import { locateFrom, shown } from "./paths.ts"
import { Refused } from "./Refused.ts"

export interface Options {
  readonly files: ReadonlyArray<string>
  readonly fast: boolean
  readonly fix: boolean
  readonly json: boolean
  readonly github: boolean
  readonly noCache: boolean
}

export const check = Effect.fnUntraced(function* (options: Options) {
  const { fast, files, fix, github, json, noCache } = options
  const services = yield* Effect.context<Models | FileSystem.FileSystem>()
  const run = Effect.runPromiseWith(services)
  const look = () =>
    inspect(files, { types: !fast, cache: !noCache, examine: (experiment, file) => run(examine(experiment, file)) })
  const checked = yield* aside(Effect.promise(look))
  const mended = fix
    ? yield* Effect.try({
        try: () => applyFixes(checked.findings),
        catch: (e) => (e instanceof Errors.StorageFailed ? e : new Refused({ message: String(e) })),
      })
    : []
  const left = { ...checked, findings: checked.findings.filter((f) => !mended.includes(f)) }
  const printed = { path: shown, safe: (text: string) => escape(text, 1000) }
  if (json) process.stdout.write(asJson(left, printed))
  else if (github) process.stdout.write(asAnnotations(left, printed))
  else {
    const done = mended.map((f) => `${printed.safe(shown(f.file))}:${f.line} mended: ${printed.safe(f.how)}\n`)
    process.stdout.write([asText(left.findings, printed), ...done, summary(left)].join(""))
  }
  if (left.refused.length > 0) {
    return yield* new Refused({ message: left.refused.map((e) => escape(e.message, 1000)).join("\nerror: ") })
  }
  if (left.findings.length > 0) yield* new Found()
  return undefined
})

/** The questions, the model and the plan of memory, each as far as it can be known here. */
const examine = Effect.fnUntraced(function* (experiment: Experiment.Any, file: string) {
  const locate = locateFrom(file)
  const { model } = experiment.settings
  const found = yield* Effect.result((yield* Models).find(model, locate, { engine: "tfjs", backend: "wasm" }))
  const read = yield* Effect.result(Questions.load(experiment.settings.prompts, locate))
  if (read._tag === "Failure")
    return { questions: badInput(read.failure), ...missing(found, model.kind) } satisfies Examined
  const questions = read.success
  if (found._tag === "Failure") return { questions, ...missing(found, model.kind) } satisfies Examined
  // As `run` takes and plans it, so that both refuse the same.
  const { shape } = found.success
  const tokenizer = yield* tokenizerOf(found.success)
  if (tokenizer !== undefined) {
    const fits = yield* Effect.result(inContext(experiment, shape.context, questions, tokenizer))
    if (fits._tag === "Failure") return { questions: fits.failure } satisfies Examined
  }
  const everything = silent(experiment)
  const { of, rehearsed } = yield* planMemory(experiment, found.success, { everything, locate, questions })
  const plan = yield* Effect.result(Memory.fit(of(experiment)))
  return {
    questions,
    context: shape.context,
    ...(everything
      ? {
          // A stage that answers a rehearsal with an error of its own is no mistake.
          unreserved: unreserved(experiment, rehearsed).flatMap((one) =>
            one.bytes === null ? [] : [{ index: one.index, why: unreservedText(one) }],
          ),
        }
      : {}),
    ...(plan._tag === "Failure" ? { overBudget: plan.failure.message } : {}),
  } satisfies Examined
})
type FindResult = { readonly _tag: string; readonly failure?: unknown }

/** A folder that the pipeline names is part of the experiment; a hub's model may be fetched later, and nano comes with HMX. */
const missing = (found: FindResult, kind: string): { readonly noModel?: Errors.BadInput } =>
  kind === "folder" && found._tag === "Failure" ? { noModel: badInput(found.failure) } : {}

const badInput = (error: unknown): Errors.BadInput =>
  error instanceof Errors.BadInput
    ? error
    : new Errors.BadInput({
        where: "",
        found: error instanceof Error ? error.message : String(error),
        expected: "a file that can be read",
      })
