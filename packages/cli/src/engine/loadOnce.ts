/** Run by `hmx engine install` as a process of its own: loads an engine, computes a product, says what it is in a line of JSON. */
import type { Engine } from "@hmx/lm"

const [name, device] = process.argv.slice(2)

const create = async (): Promise<Engine> => {
  const of = { device: device === "cuda" ? ("cuda" as const) : ("cpu" as const) }
  if (name === "torch") return (await import("@hmx/engine-torch")).create(of)
  return (await import("@hmx/engine-tfjs")).create({ ...of, backend: "tensorflow" })
}

try {
  const engine = await create()
  const [a, b] = [new Float32Array([1, 2, 3, 4]), new Float32Array([5, 6, 7, 8])]
  const product = engine.linear(engine.upload(a, [2, 2], "f32"), engine.upload(b, [2, 2], "f32"))
  const found = engine.download(product).join()
  if (found !== "17,23,39,53") throw new Error(`a wrong product: ${found}`)
  process.stdout.write(`${JSON.stringify(engine.info)}\n`)
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
