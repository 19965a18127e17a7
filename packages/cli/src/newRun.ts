/** What a new run is told beside its experiment: where it goes, and how it is found again. */
import { relative, resolve } from "node:path"
import type { Engine } from "./Models.ts"
import { lasting } from "./namedModel.ts"
import { shown } from "./paths.ts"
import type { Changes } from "./settings.ts"
import { storeFolder } from "./storeFolder.ts"
import { version } from "./version.ts"

export interface Options extends Changes, Engine {
  readonly file: string
  readonly arm?: string | undefined
  readonly out?: string | undefined
  readonly keep?: number | undefined
  readonly store?: string | undefined
  /** Database of the workers that run the arms. Default: this process does. */
  readonly workers?: string | undefined
  readonly detach?: boolean
  readonly quiet: boolean
  readonly json: boolean
}

export const versions = { hmx: version, node: process.versions.node }

/** Where a new run goes, and a folder that lies as deep. */
export const placeOf = (name: string, seed: number, { out }: Pick<Options, "out">) => {
  const base = `runs/${name.replaceAll(/[^\w.-]+/g, "-")}-${seed}`
  return out === undefined
    ? { place: { base }, folder: resolve(`${base}-1`) }
    : { place: { path: shown(resolve(out)) }, folder: resolve(out) }
}

/** What a record keeps, so that `resume` finds the experiment again and does the same. */
export const sourceOf = (options: Options, file: string, folder: string, arm: string | undefined) => {
  const {
    backend,
    compute,
    device,
    engine,
    engineMemory,
    maxTime,
    maxTokens,
    memory,
    model,
    seed,
    steps,
    template,
    threads,
  } = options
  return {
    // From the run's folder, so that both can move together.
    file: relative(folder, file),
    arm,
    store: storeSource(storeFolder(options.store), folder),
    changes: {
      seed,
      steps,
      memory,
      template,
      model: model === undefined ? undefined : lasting(model),
      maxTime,
      maxTokens,
    },
    // Another engine rounds otherwise, so a resumed run takes the same.
    engine: { engine, backend, compute, device, threads, engineMemory },
  }
}

/** A store as a record names it: from the run's folder; null where there is none. */
const storeSource = (store: string | undefined, folder: string): string | null =>
  store === undefined ? null : relative(folder, resolve(store))
