/** `hmx check`: everything that can be known of a pipeline's file before a weight is read. */
import { Errors, type Experiment } from "hmx"
import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { digestOf, type Key, recall, remember } from "./cache.ts"
import { type Code, how } from "./codes.ts"
import { codemods } from "./codemods/index.ts"
import type { Finding, Place } from "./Finding.ts"
import { load, type Loaded } from "./load.ts"
import { experimentOf, optionOf, stagesOf } from "./Pipe.ts"
import { gather, locate, type Pipeline } from "./Project.ts"
import { refusal } from "./refusals.ts"
import { type AtStage, experimentProblems, isWhole, overContext } from "./rules/experiment.ts"
import { idleOptions, unknownOptions } from "./rules/options.ts"
import { makerOf, purity } from "./rules/purity.ts"
import { type AtQuestion, questionProblems, type Questions } from "./rules/questions.ts"
import { rewardProblems, rewardsOf, unknowing } from "./rules/rewards.ts"
import { unreadOptions } from "./rules/unread.ts"
import { unused } from "./rules/unused.ts"
import { callsIn, placeAt, placeOf, readSource, type Source, walk } from "./Source.ts"
import { typeErrors } from "./types.ts"

/** What only a runtime can say of an experiment; nothing of it reads a weight. */
export interface Examined {
  /** The questions, or why they cannot be read. */
  readonly questions: Questions | Errors.BadInput
  /** A plan over its budget, in one sentence. */
  readonly overBudget?: string
  /** Stages that reserve nothing and hold something, by their places, each in one sentence. */
  readonly unreserved?: ReadonlyArray<{ readonly index: number; readonly why: string }>
  /** Tokens that the model can read, question and answer together. */
  readonly context?: number
  /** Why there is no such model. */
  readonly noModel?: Errors.BadInput
}

export interface CheckOptions {
  /** Whether the compiler is asked as well. Default true. */
  readonly types?: boolean
  /** Whether an earlier run's findings may be taken, and these kept. Default true. */
  readonly cache?: boolean
  readonly examine?: (experiment: Experiment.Any, file: string) => Promise<Examined>
}

export interface Checked {
  /** In the order of the files, and of the lines in each. */
  readonly findings: ReadonlyArray<Finding>
  /** Files that could not be checked. */
  readonly refused: ReadonlyArray<Errors.BadInput>
  /** How many files were given. */
  readonly files: number
}

/** Checks files. Each module is loaded, as `hmx run` loads it; nothing else of the user's runs but rewards on ten answers. */
export const check = async (given: ReadonlyArray<string>, options: CheckOptions = {}): Promise<Checked> => {
  const { cache = true, types = true } = options
  const refused: Array<Errors.BadInput> = []
  const findings: Array<Finding> = []
  const fresh = new Map<string, Pipeline & { readonly shown: string; readonly key: Key }>()
  for (const shown of given) {
    try {
      const pipeline = locate(shown)
      const key: Key = { ...pipeline, rules: types ? "all" : "fast" }
      const known = cache ? recall(key) : undefined
      if (known === undefined) fresh.set(pipeline.file, { ...pipeline, shown, key })
      else findings.push(...known)
    } catch (error) {
      if (!(error instanceof Errors.BadInput)) throw error
      refused.push(error)
    }
  }
  if (fresh.size > 0) {
    const pipelines = [...fresh.values()]
    const typed = types ? typesOf(pipelines) : Promise.resolve([])
    // Where a rule below throws, this one's failure is nobody's.
    typed.catch(() => undefined)
    const { ts } = await import("ts-morph")
    const importsOf = (text: string) => ts.preProcessFile(text, true, true).importedFiles.map((f) => f.fileName)
    const gathered = new Map(pipelines.map(({ file }) => [file, gather(file, importsOf)]))
    const source = await readSource(new Map([...gathered.values()].flatMap((files) => [...files.texts])))
    for (const { file, key, shown } of pipelines) {
      const files = gathered.get(file) ?? { texts: new Map(), packages: new Set() }
      const own = new Set(files.texts.keys())
      const digests: Record<string, string> = Object.fromEntries([...own].map((path) => [path, digestOf(path)]))
      const broken = [...own].map((path) => source.syntaxError(path)).find((e) => e !== undefined)
      if (broken !== undefined) {
        const where = `${broken.file === file ? shown : broken.file}:${broken.line}:${broken.column}`
        refused.push(
          new Errors.BadInput({
            where,
            found: `a syntax error: ${broken.message}`,
            expected: "TypeScript or JavaScript",
          }),
        )
        continue
      }
      const loaded = await load(file, shown, own)
      const view = viewOf(source, file, own)
      const fast = [
        ...view.impure,
        // Before the rule for options that do not exist: of two findings of one code at one place, the first stands.
        ...codemods.flatMap((codemod) => codemod(view)),
        ...unknownOptions(view),
        ...unreadOptions(view),
        ...unused(view),
        ...(await ofValue(view, loaded, options, (path) => (digests[path] = digestOf(path)))),
      ]
      const all = merged(fast, placed(view, await typed))
      if (loaded.is === "bad" && !(loaded.threw && all.length > 0)) refused.push(loaded.error)
      else if (cache) remember(key, all, { files: digests, packages: files.packages })
      findings.push(...all)
    }
  }
  return { findings: ordered(findings, given), refused, files: given.length }
}

/** A pipeline with its own files alone: another one may have a reward of the same name. */
interface View extends Source {
  readonly file: string
  readonly impure: ReadonlyArray<Finding>
}
const viewOf = (source: Source, file: string, own: ReadonlySet<string>): View => {
  const part = { ...source, files: new Map([...source.files].filter(([path]) => own.has(path))) }
  return { ...part, file, impure: purity(part) }
}

/** The compiler's findings in these files. A service that is missing is found by the type of the whole: it is told at its head. */
const placed = (view: View, typed: ReadonlyArray<Finding>): ReadonlyArray<Finding> => {
  const make = experimentOf(view, view.file)
  return typed
    .filter((f) => view.files.has(f.file))
    .map((f) => (f.code === "HMX109" && make !== undefined ? { ...f, ...placeOf(make) } : f))
}

/** One compiler a project, over all its pipelines. */
const typesOf = async (pipelines: ReadonlyArray<Pipeline>): Promise<ReadonlyArray<Finding>> => {
  const roots = [...new Set(pipelines.map(({ root }) => root))]
  const found = await Promise.all(
    roots.map((root) =>
      typeErrors(
        root,
        pipelines.filter((p) => p.root === root).map((p) => p.file),
      ),
    ),
  )
  return found.flat()
}

const at = ({ column, file, line }: Place): string => `${file}:${line}:${column}`

/** The compiler's sentence stands for the value's; where a rule of ours speaks of a place, the compiler's own words are left out. */
const merged = (fast: ReadonlyArray<Finding>, typed: ReadonlyArray<Finding>): ReadonlyArray<Finding> => {
  const sentences = typed.filter((f) => f.why.startsWith("✗"))
  const kept = fast.filter(
    (f, i) =>
      !sentences.some((s) => at(s) === at(f) && s.code === f.code) &&
      // An option that does not exist is seen in the text, and refused by the value as well.
      (f.code !== "HMX201" || i === fast.findIndex((g) => g.code === f.code && at(g) === at(f))),
  )
  const places = new Set(kept.map(at))
  return [...kept, ...sentences, ...typed.filter((f) => !f.why.startsWith("✗") && !places.has(at(f)))]
}

const ordered = (findings: ReadonlyArray<Finding>, given: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  const order = given.map((file) => resolve(file))
  const rank = (file: string) => (order.includes(file) ? order.indexOf(file) : order.length)
  const unique = new Map(findings.map((f) => [`${f.file}:${f.line}:${f.column}:${f.code}:${f.why}`, f]))
  return [...unique.values()].toSorted(
    (a, b) =>
      rank(a.file) - rank(b.file) ||
      (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column),
  )
}

/** What the loaded value shows. `depends` is told of every further file that is read. */
const ofValue = async (
  source: View,
  loaded: Loaded,
  options: CheckOptions,
  depends: (path: string) => void,
): Promise<ReadonlyArray<Finding>> => {
  if (loaded.is === "bad") return []
  if (loaded.is === "refused") return [refusal(source, loaded.at, loaded.message)]
  const { file, impure } = source
  const found: Array<Finding> = []
  for (const experiment of loaded.all) {
    const places = placesOf(source, file, experiment)
    found.push(...atStages(places, experimentProblems(experiment)))
    if (!isWhole(experiment)) continue
    const written = stagesOf(source, file)
    if (written?.length === experiment.stages.length) found.push(...idleOptions(source, experiment, written))
    for (const reward of rewardsOf(experiment)) {
      // One that reaches out of itself is not called: it has its finding, and what it does is not for a check to do.
      if (impure.some((f) => f.why.startsWith(`the reward ${reward.name} `))) continue
      for (const { reward: name, ...said } of rewardProblems(reward)) {
        const maker = makerOf(source, name)
        found.push({ ...(maker === undefined ? places.experiment : placeOf(maker)), ...said })
      }
    }
    if (options.examine === undefined) continue
    const { prompts } = experiment.settings
    const path = prompts.kind === "jsonl" ? resolve(dirname(file), prompts.path) : undefined
    if (path !== undefined) depends(path)
    const examined = await options.examine(experiment, file)
    found.push(...ofExamined(source, file, experiment, examined, path))
  }
  return found
}

const ofExamined = (
  source: Source,
  file: string,
  experiment: Experiment.Any,
  examined: Examined,
  path: string | undefined,
): ReadonlyArray<Finding> => {
  const places = placesOf(source, file, experiment)
  const found: Array<Finding> = []
  const say = (place: Place, code: Code, why: string) => found.push({ ...place, code, why, how: how[code] })
  if (examined.overBudget !== undefined) say(places.setting("memory"), "HMX501", examined.overBudget)
  for (const { index, why } of examined.unreserved ?? []) say(places.stage(index), "HMX503", why)
  if (examined.context !== undefined) found.push(...atStages(places, overContext(experiment, examined.context)))
  if (examined.noModel !== undefined) say(places.setting("model"), "HMX502", examined.noModel.message)
  const { questions } = examined
  if (questions instanceof Errors.BadInput) {
    const { expected, found: what, where } = questions
    const line = /:(\d+)$/.exec(where)?.[1]
    const place =
      path !== undefined && line !== undefined
        ? { file: path, line: Number(line), column: 1 }
        : places.setting("prompts")
    const code = /^id .* again$/.test(what) ? "HMX401" : what.endsWith("prompts to train on") ? "HMX403" : "HMX404"
    say(place, code, `${where}: found ${what}; expected ${expected}`)
  } else {
    for (const { id, index, text, ...said } of questionProblems(experiment, questions)) {
      found.push({
        ...(index === undefined ? placeOfQuestion(source, file, path, { id, text }) : places.stage(index)),
        ...said,
      })
    }
    for (const { reward, ...said } of unknowing(rewardsOf(experiment), questions)) {
      const maker = makerOf(source, reward)
      found.push({ ...(maker === undefined ? judged(places, experiment) : placeOf(maker)), ...said })
    }
  }
  return found
}

type Places = ReturnType<typeof placesOf>
const atStages = (places: Places, problems: ReadonlyArray<AtStage>): ReadonlyArray<Finding> =>
  problems.map(({ index, option, ...said }) => ({ ...places.stage(index, option), ...said }))

/** Where the stage stands that a reward is given to: a reward of HMX's is made by no call of `Reward.make`. */
const judged = (places: Places, { stages }: Experiment.Any): Place => {
  const index = stages.findIndex((stage) => "rubric" in stage.options)
  return index < 0 ? places.experiment : places.stage(index, "rubric")
}

/** A question's line in its file, or its words in the pipeline. */
const placeOfQuestion = (
  source: Source,
  file: string,
  path: string | undefined,
  { id, text }: Pick<AtQuestion, "id" | "text">,
): Place => {
  if (path !== undefined) {
    const lines = readFileSync(path, "utf8").split("\n")
    const at = lines.findIndex((line) =>
      new RegExp(String.raw`"id"\s*:\s*${RegExp.escape(JSON.stringify(id))}`).test(line),
    )
    return { file: path, line: Math.max(0, at) + 1, column: 1 }
  }
  let place: Place = { file, line: 1, column: 1 }
  for (const own of source.files.values()) {
    walk(source, own, (node) => {
      if (source.ts.isStringLiteralLike(node) && node.text === text) place = placeOf(node)
    })
  }
  return place
}

/** Where the parts of an experiment stand in the text, as near as it can be told. */
const placesOf = (source: Source, file: string, experiment: Experiment.Any) => {
  const text = source.files.get(file)
  const make = experimentOf(source, file)
  const start =
    make === undefined ? (text === undefined ? { file, line: 1, column: 1 } : placeAt(text, 0)) : placeOf(make)
  const written = stagesOf(source, file)
  const fits = written?.length === experiment.stages.length ? written : undefined
  return {
    experiment: start,
    setting: (name: string): Place => (make === undefined ? start : placeOf(optionOf(source, make, name))),
    stage: (index: number, option?: string): Place => {
      const stage = fits?.[index]
      if (stage === undefined) return byName(source, experiment, index) ?? start
      return placeOf(
        option === undefined || stage.call === undefined ? stage.argument : optionOf(source, stage.call, option),
      )
    },
  }
}

/** The n-th `Name.stage(` of the files where the pipeline's order cannot be read: stages of a function's making, of an array. */
const byName = (source: Source, experiment: Experiment.Any, index: number): Place | undefined => {
  const name = experiment.stages[index]?.name
  const nth = experiment.stages.slice(0, index).filter((stage) => stage?.name === name).length
  const calls = callsIn(source).filter((call) => call.expression.getText().replaceAll(/\s/g, "") === `${name}.stage`)
  const call = calls[nth]
  return call === undefined ? undefined : placeOf(call)
}
