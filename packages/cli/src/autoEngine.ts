/** `--engine auto`: the best engine that is here. */
import type { Engine } from "./engine/ls.ts"

/** Best first: a GPU counts most; on the processor libtorch is the fastest and keeps narrow weights. */
const order = ["torch cuda", "tensorflow cuda", "torch cpu", "tensorflow cpu", "tfjs cpu"]

export interface Choice {
  readonly engine: Engine["name"]
  readonly device: "cpu" | "cuda"
  /** In words, for the user. */
  readonly said: string
}

/** `gpu` says whether a driver lists one; without, an engine for CUDA computes on the processor. */
export const autoEngine = (engines: ReadonlyArray<Engine>, gpu: boolean): Choice => {
  const choices = engines
    .filter((engine) => engine.present)
    .map(({ device, how, name, version }): Choice => {
      const on = device === "cuda" && gpu ? "cuda" : "cpu"
      return {
        engine: name,
        device: on,
        said: `engine: ${name}${version === undefined ? "" : ` ${version}`} on ${on} (${how})`,
      }
    })
  const rank = ({ device, engine }: Choice) => order.indexOf(`${engine} ${device}`)
  const best = choices.toSorted((a, b) => rank(a) - rank(b))[0]
  return best ?? { engine: "tfjs", device: "cpu", said: "engine: tfjs on cpu (part of HMX)" }
}
