/** Tasks of `hmx eval` that ask questions of the user's own and not a benchmark's: a rubric on held-out prompts, and the text's quality. */
import { heldOut, type Subset, subset, textQuality } from "@hmx/evals"
import { Questions } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { type Artefact, Errors, identity, type Task } from "hmx"
import { createHash } from "node:crypto"
import { resolve } from "node:path"
import { loadReward } from "../loadReward.ts"
import { shown } from "../paths.ts"

export interface Options extends Subset {
  readonly tasks: string
  readonly prompts?: string | undefined
  readonly rubric?: string | undefined
  readonly answerTokens: number
}

const names = ["held_out", "text_quality"] as const

export interface HeldOutTasks {
  /** The words of `--tasks` that are left: benchmarks and groups of them. */
  readonly words: ReadonlyArray<string>
  readonly tasks: ReadonlyArray<{
    readonly task: Task.Task
    /** Digest of what it asks and how it reads answers. */
    readonly digest: string
  }>
  readonly questions: ReadonlyArray<Artefact.Prompt>
  /** Path of the prompts' file; undefined where nothing asks for them. */
  readonly file: string | undefined
}

const bad = (where: string, found: string, expected: string) => new Errors.BadInput({ where, found, expected })

/** Parts the words, and reads prompts and rubric where a task asks for them. */
export const heldOutTasks = Effect.fnUntraced(function* (options: Options) {
  const { answerTokens, prompts, rubric } = options
  const all = options.tasks.split(",").map((word) => word.trim())
  const words = all.filter((word) => !names.some((name) => name === word))
  const wanted = names.filter((name) => all.includes(name))
  const none: HeldOutTasks = { words, tasks: [], questions: [], file: undefined }
  if (rubric !== undefined && !wanted.includes("held_out"))
    return yield* bad("--rubric", "no task that reads it", "held_out among the tasks of --tasks")
  if (wanted.length === 0) {
    if (prompts === undefined) return none
    return yield* bad("--prompts", "no task that asks them", `${names.join(" or ")} among the tasks of --tasks`)
  }
  if (prompts === undefined)
    return yield* bad(
      `--tasks ${wanted[0]}`,
      "no --prompts",
      'a file of questions, {"id", "prompt", "split": "held-out"} a line',
    )
  const file = resolve(prompts)
  const questions = subset("held_out", yield* Questions.heldOut(file, shown(file)), options)
  if (questions.length === 0)
    return yield* bad(shown(file), "no held-out prompts", 'at least one line with "split": "held-out"')
  const tasks: Array<Task.Task> = []
  for (const name of wanted) {
    if (name === "text_quality") tasks.push(textQuality({ maxNewTokens: answerTokens }))
    else if (rubric === undefined)
      return yield* bad(
        "--tasks held_out",
        "no --rubric",
        "the rubric that answers are read by, as FILE or FILE#export",
      )
    else tasks.push(heldOut(yield* loadReward(rubric), "frozen", { maxNewTokens: answerTokens }))
  }
  const found: HeldOutTasks = {
    words,
    tasks: tasks.map((task) => ({ task, digest: digestOf(task) })),
    questions,
    file,
  }
  return found
})

/** Of its options and, where it has any, its rewards' code. */
const digestOf = ({ name, options, version }: Task.Task): string =>
  createHash("sha256")
    .update(JSON.stringify(identity({ name, version, options })))
    .digest("hex")
    .slice(0, 16)
