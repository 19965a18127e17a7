/** `node device.ts cpu|cuda`: whether HMX's engine computes there, in a process of its own so that it takes nothing of the device. What it lacks goes to stderr. */
import { create } from "@hmx/engine-torch"
import { EngineUnavailable } from "@hmx/lm"

try {
  const engine = await create({ device: process.argv[2] === "cuda" ? "cuda" : "cpu" })
  engine.close()
} catch (error) {
  if (!(error instanceof EngineUnavailable)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
