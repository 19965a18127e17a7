/** `hmx engine ls`: the engines that are here, and how each was found. Nothing is loaded. */
import { presentTensorflow } from "@hmx/engine-tfjs"
import { presentTorch } from "@hmx/engine-torch"
import { escape, Table } from "@hmx/report"
import * as Effect from "effect/Effect"
import { halfInstall, halfInstalled } from "./Installed.ts"

/** An engine that is here or, with a reason, is not. */
export interface Engine {
  readonly name: "tfjs" | "torch" | "tensorflow"
  readonly present: boolean
  readonly version?: string | undefined
  readonly device?: "cpu" | "cuda" | undefined
  /** How it was found, or why it was not. */
  readonly how: string
  readonly folder?: string | undefined
}

/** Every engine that HMX knows. */
export const engines = (): ReadonlyArray<Engine> => {
  const torch = presentTorch()
  const tensorflow = presentTensorflow()
  return [
    typeof torch === "string"
      ? { name: "torch", present: false, how: torch }
      : { ...torch, name: "torch", present: true, device: torch.cuda === undefined ? "cpu" : "cuda" },
    typeof tensorflow === "string"
      ? { name: "tensorflow", present: false, how: tensorflow }
      : { ...tensorflow, name: "tensorflow", present: true, device: tensorflow.cuda === true ? "cuda" : "cpu" },
    { name: "tfjs", present: true, device: "cpu", how: "part of HMX (wasm)" },
  ]
}

const columns = ["engine", "version", "device", "found by", "folder"].map((title): Table.Column => ({
  title,
  align: "left",
}))

export const ls = Effect.gen(function* () {
  const found = engines()
  const rows = found
    .filter((engine) => engine.present)
    .map(({ device, folder, how, name, version }) => [
      name,
      escape(version ?? "–", 40),
      device ?? "–",
      how,
      escape(folder ?? "–", 200),
    ])
  const absent = found.filter((engine) => !engine.present).map(({ how }) => escape(how, 600))
  const half = yield* halfInstalled
  process.stdout.write(`${[Table.render(columns, rows), ...absent, ...half.map(halfInstall)].join("\n")}\n`)
})
