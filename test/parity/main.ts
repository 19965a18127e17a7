/** `npm run parity -- --fixtures DIR [--json] [--engine tfjs|torch] [--backend wasm|cpu]`: exit 0 all within bounds, 1 something is off, 2 bad usage. */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { render, renderJson } from "./Line.ts"

const usage = "usage: npm run parity -- --fixtures DIR [--json] [--engine tfjs|torch] [--backend wasm|cpu]"

const options = () => {
  const { values } = parseArgs({
    options: {
      fixtures: { type: "string" },
      json: { type: "boolean", default: false },
      engine: { type: "string", default: "tfjs" },
      backend: { type: "string", default: "wasm" },
    },
  })
  const { fixtures, json, engine, backend } = values
  if (fixtures === undefined) throw new Error("--fixtures is missing")
  if (!existsSync(fixtures)) throw new Error(`--fixtures: no folder ${fixtures}`)
  if (engine !== "tfjs" && engine !== "torch") throw new Error(`--engine: found ${engine}; expected tfjs or torch`)
  if (backend !== "wasm" && backend !== "cpu") throw new Error(`--backend: found ${backend}; expected wasm or cpu`)
  return { root: resolve(fixtures), json, engine, backend } as const
}

const main = async (): Promise<number> => {
  let given
  try {
    given = options()
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    return 2
  }
  // After the options: a mistake in them is said before an engine is loaded.
  const { harness } = await import("./harness.ts")
  const { backend } = given
  const engine =
    given.engine === "torch"
      ? await (await import("@hmx/engine-torch")).create()
      : await (await import("@hmx/engine-tfjs")).create({ backend })
  const count = { ok: 0, off: 0, skipped: 0 }
  for (const line of harness(given.root, engine)) {
    count[line.status] += 1
    console.log(given.json ? renderJson(line) : render(line))
  }
  engine.close()
  if (count.ok + count.off + count.skipped === 0) {
    console.error(`${given.root}: nothing to compare; expected a folder in the layout of its README.md`)
    return 2
  }
  if (!given.json) console.log(`${count.ok} within bounds, ${count.off} off, ${count.skipped} skipped`)
  return count.off === 0 ? 0 : 1
}

process.exitCode = await main()
