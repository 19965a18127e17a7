/** What the environment says of a pipeline's benchmarks. */
import { statSync } from "node:fs"
import { tasksIn, type TasksIn, type TasksInOptions } from "./tasksIn.ts"

/**
 * `tasksIn` of the folder that `HMX_EVALDATA` names (default: `evaldata` in the working directory, which may be missing), and of
 * each benchmark the first `HMX_EVAL_LIMIT` items, or `HMX_EVAL_SAMPLE` items from the whole of it (default: all). Throws a
 * RangeError that names the variable where it is set to what is no folder, to one that has the data of none of the benchmarks, or to
 * what is no whole number of at least 1, and where both numbers are set.
 */
export const tasksFromEnv = (
  options: Omit<TasksInOptions, "limit" | "sample">,
  env: { readonly [name: string]: string | undefined } = process.env,
): TasksIn => {
  const { HMX_EVALDATA: folder = "" } = env
  const number = (name: string): number | undefined => {
    const said = env[name] ?? ""
    if (said !== "" && !(/^[1-9]\d*$/.test(said) && Number.isSafeInteger(Number(said))))
      throw new RangeError(`${name}: found ${said}; expected a whole number of at least 1`)
    return said === "" ? undefined : Number(said)
  }
  const limit = number("HMX_EVAL_LIMIT")
  const sample = number("HMX_EVAL_SAMPLE")
  if (limit !== undefined && sample !== undefined)
    throw new RangeError(`HMX_EVAL_SAMPLE: found ${sample} beside HMX_EVAL_LIMIT; expected one of the two`)
  const isFolder = folder !== "" && statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
  if (folder !== "" && !isFolder)
    throw new RangeError(
      `HMX_EVALDATA: found ${folder}, which is no folder; expected the folder of the benchmarks' files`,
    )
  const found = tasksIn(isFolder ? folder : "evaldata", {
    ...options,
    limit,
    sample,
  })
  if (isFolder && found.tasks.length === 0)
    throw new RangeError(
      `HMX_EVALDATA: found no data of any benchmark in ${folder}; expected the folder of their files`,
    )
  return found
}
