/** `hmx doctor`: what this machine has, which models of the paper fit, and what to do about what is missing. No engine is loaded. */
import { enginesFolder, machineMemory, processor } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { availableMemory } from "node:process"
import { dirname } from "node:path"
import { autoEngine } from "../autoEngine.ts"
import { halfInstalled } from "../engine/Installed.ts"
import { inHome } from "../engine/inHome.ts"
import { engines } from "../engine/ls.ts"
import { Machine, machine } from "../engine/Machine.ts"
import { gpus } from "./gpus.ts"
import { fits } from "./paperModels.ts"
import { problems } from "./problems.ts"
import { type Findings, render } from "./render.ts"

const existing = (folder: string): string => (existsSync(folder) ? folder : existing(dirname(folder)))

const look = Effect.gen(function* () {
  const { env, freeBytes, platform } = yield* Machine
  const found = engines()
  const cards = yield* gpus
  const choice = autoEngine(found, cards.length > 0)
  const folder = enginesFolder(env)
  const memory = { total: machineMemory(), available: availableMemory() }
  const card = cards.toSorted((a, b) => b.memory - a.memory)[0]
  // Torch is the engine for them: it keeps their weights in the two bytes that they have on disk.
  const bytesPerWeight = 2
  const room = card?.memory ?? memory.total
  const free = card?.free ?? memory.available
  const findings: Omit<Findings, "problems"> = {
    node: process.versions.node,
    platform,
    processor: processor(),
    memory,
    disk: { folder, free: yield* freeBytes(existing(folder)) },
    gpus: cards,
    engines: found,
    unfinished: yield* halfInstalled,
    auto: { engine: choice.engine, device: choice.device },
    models: { room, free, fits: yield* fits(room, bytesPerWeight, free) },
  }
  return { ...findings, problems: problems(findings) } satisfies Findings
})

export const doctor = (options: { readonly json: boolean }) =>
  Effect.map(Effect.provide(inHome(look), machine), (findings) => {
    process.stdout.write(`${options.json ? JSON.stringify(findings) : render(findings)}\n`)
  })
