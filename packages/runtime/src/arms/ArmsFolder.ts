/**
 * The folder of a contrast or a sweep, readable by eye: arms.json (what its arms are), arms/NAME/ (each a run's folder), report.json (the
 * arms side by side).
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { Errors } from "hmx"
import { format, readJson } from "../RunFolder.ts"
import { writeFile } from "../Storage.ts"
import { Comparison } from "./Comparison.ts"

const ArmRecord = Schema.Struct({
  name: Schema.String,
  /** Where it stands among the others: `{ "arm": "human" }`, `{ "learningRate": 0.001, "seed": 7 }`. */
  at: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Number, Schema.Boolean])),
  /** Of its experiment, as the arm's own experiment.json has it. */
  digest: Schema.String,
  /** What that is the digest of, and the digests of its code, as experiment.json has them: an arm that has not begun has none yet. */
  experiment: Schema.optionalKey(Schema.Unknown),
  tripwires: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
})

/** What runs beside each other, as arms.json has it. */
export const Record = Schema.Struct({
  format: Schema.Literal(format),
  kind: Schema.Literals(["contrast", "sweep"]),
  name: Schema.String,
  /** In the order of the pipeline's file. */
  arms: Schema.Array(ArmRecord),
  /** How the command line found the pipeline, so that it finds it again; the runtime does not read it. */
  source: Schema.Unknown,
})
export type Record = typeof Record.Type

const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

export const writeRecord = (run: string, record: Record) => writeFile(`${run}/arms.json`, text(record))
export const readRecord = (run: string) => readJson(`${run}/arms.json`, Record)
export const writeComparison = (run: string, made: Comparison) => writeFile(`${run}/report.json`, text(made))
export const readComparison = (run: string) => readJson(`${run}/report.json`, Comparison)

/** Whether a folder is one of arms. */
export const is = (run: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.orElseSucceed(fs.exists(`${run}/arms.json`), () => false))

/** Fails where a folder has arms, and not the file that says what they are: it is no run of one either. */
export const notLost = Effect.fnUntraced(function* (run: string) {
  const fs = yield* FileSystem.FileSystem
  const has = (name: string) => Effect.orElseSucceed(fs.exists(`${run}/${name}`), () => false)
  if ((yield* has("arms.json")) || (yield* has("experiment.json")) || !(yield* has("arms"))) return
  yield* new Errors.BadInput({
    where: `${run}/arms.json`,
    found: "no such file",
    expected:
      "what the arms beside it are: put it back, or go on with each of them alone (npx hmx resume RUN/arms/NAME)",
  })
})

/** Longest name of an arm's folder, in characters. */
const longest = 80

/** A name as that of a folder. */
const slug = (name = ""): string =>
  name
    .replaceAll(/[^\w.=,+-]+/g, "-")
    .replace(/^\.+/, "")
    .slice(0, longest)

/** The folder of an arm. Names that would be one folder (or none) get a number; a disk may take capitals for small letters. */
export const armFolder = (run: string, names: ReadonlyArray<string>, index: number): string => {
  const taken = new Set<string>()
  let folder = ""
  for (const name of names.slice(0, index + 1)) {
    folder = slug(name)
    for (let n = 2; folder === "" || taken.has(folder.toLowerCase()); n++) folder = `${slug(name)}-${n}`
    taken.add(folder.toLowerCase())
  }
  return `${run}/arms/${folder}`
}
