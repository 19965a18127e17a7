/** Many runs of a scripted model at once on one store, on a real disk, in a few processes. */
import { run, Store } from "@hmx/runtime"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { differing, inFolder, remains } from "./place.ts"
import { pipelineOf } from "./pipelines.ts"

/** Runs of one process, all at once; it is started with FOLDER FIRST COUNT. */
export const several = (folder: string, first: number, count: number) =>
  Effect.gen(function* () {
    const { experiment, model } = yield* pipelineOf("scripted")
    const numbers = Array.from({ length: count }, (_, i) => first + i)
    const one = (i: number) =>
      run(experiment, {
        model,
        locate: (file) => ({ path: String(file), name: String(file) }),
        place: { path: `${folder}/run-${i}` },
        store: `${folder}/store`,
        source: {},
        versions: {},
        onEvent: () => {},
      })
    yield* Effect.forEach(numbers, one, { concurrency: "unbounded", discard: true })
  }).pipe(Effect.provide(NodeFileSystem.layer), Effect.runPromise)

export interface Many {
  readonly runs: number
  readonly alike: number
  /** Entries of the store, and those of them that are not whole. */
  readonly entries: number
  readonly damaged: number
}

/** So many runs in four processes: how many have the bytes of one alone. */
export const many = (count: number): Promise<Many> =>
  inFolder(async (folder) => {
    const program = fileURLToPath(new URL("manyRuns.ts", import.meta.url))
    await several(`${folder}/alone`, 0, 1)
    const alone = remains(`${folder}/alone/run-0`)
    const share = Math.ceil(count / 4)
    const firsts = [0, 1, 2, 3].map((i) => i * share)
    const env = { ...process.env, NODE_COMPILE_CACHE: `${folder}/cache` }
    const go = (first: number) => {
      const args = [program, folder, String(first), String(Math.min(share, count - first))]
      return promisify(execFile)(process.execPath, args, { env })
    }
    await Promise.all(firsts.filter((first) => first < count).map(go))
    const numbers = Array.from({ length: count }, (_, i) => i)
    const alike = numbers.filter((i) => differing(alone, remains(`${folder}/run-${i}`)).length === 0).length
    const checked = await Effect.runPromise(
      Effect.gen(function* () {
        const store = yield* Store.find(`${folder}/store`)
        if (store === undefined) return { checked: 0, damaged: [] }
        return yield* Store.verify(store, { remove: false })
      }).pipe(Effect.provide(NodeFileSystem.layer)),
    )
    return { runs: count, alike, entries: checked.checked, damaged: checked.damaged.length }
  })
