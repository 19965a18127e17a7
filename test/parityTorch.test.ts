/** Parity of the torch engine, as `npm run parity -- --engine torch` measures it. */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { create } from "@hmx/engine-torch"
import { EngineUnavailable, type Engine } from "@hmx/lm"
import { afterAll, expect, test } from "vitest"
import { harness } from "./parity/harness.ts"
import { render } from "./parity/Line.ts"

/** The committed fixtures, and a larger set where it stands beside the repository. */
const roots = ["fixtures/parity", "../../shared/fixtures"]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .filter((path) => existsSync(path))

const engine = await create({ threads: 1 }).catch((error: unknown): Engine | undefined => {
  if (!(error instanceof EngineUnavailable)) throw error
  console.warn(`engine torch is absent, its parity is not measured. ${error.message}`)
  return undefined
})
afterAll(() => engine?.close())

test.skipIf(engine === undefined).each(roots)("every figure of %s is within its bound", (root) => {
  if (engine === undefined) return
  const lines = [...harness(root, engine)]
  console.log(lines.map(render).join("\n"))
  expect(lines.filter((line) => line.status === "off")).toEqual([])
  expect(lines.map((line) => line.case)).toContain("engine")
})
