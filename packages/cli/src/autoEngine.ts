/** `--engine auto`: the best engine that is here. */
import type { Engine } from "./engine/ls.ts"
import type { Device } from "./Models.ts"

/** Best first: a GPU counts most; on the processor libtorch is the fastest and keeps narrow weights. */
const order = ["torch cuda", "tensorflow cuda", "torch cpu", "tensorflow cpu", "tfjs cpu"]

export interface Choice {
  readonly engine: Engine["name"]
  readonly device: Device
  /** In words, for the user. */
  readonly said: string
}

/** Those of them that are here and can compute on that device; without one, all that are here. */
export const able = (engines: ReadonlyArray<Engine>, device: Device | undefined): ReadonlyArray<Engine> =>
  engines.filter((engine) => engine.present && (device === undefined || device === "cpu" || engine.device === "cuda"))

/** `gpu` says whether a driver lists one; without, an engine for CUDA computes on the processor unless `wanted` is another device. */
export const autoEngine = (engines: ReadonlyArray<Engine>, gpu: boolean, wanted?: Device): Choice => {
  const choices = able(engines, wanted).map(({ device, how, name, version }): Choice => {
    const on = wanted ?? (device === "cuda" && gpu ? "cuda" : "cpu")
    return {
      engine: name,
      device: on,
      said: `engine: ${name}${version === undefined ? "" : ` ${version}`} on ${on} (${how})`,
    }
  })
  const rank = ({ device, engine }: Choice) => order.indexOf(`${engine} ${device.split(":")[0]}`)
  const best = choices.toSorted((a, b) => rank(a) - rank(b))[0]
  return best ?? { engine: "tfjs", device: "cpu", said: "engine: tfjs on cpu (part of HMX)" }
}
