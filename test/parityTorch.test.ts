/** Parity of the torch engine on the committed fixtures; `npm run parity -- --engine torch --fixtures DIR` takes larger ones. */
import { fileURLToPath } from "node:url"
import { create } from "@hmx/engine-torch"
import { EngineUnavailable, type Engine } from "@hmx/lm"
import { afterAll, expect, test } from "vitest"
import { harness } from "./parity/harness.ts"
import { render } from "./parity/Line.ts"

const committed = fileURLToPath(new URL("fixtures/parity", import.meta.url))

const engine = await create({ threads: 1 }).catch((error: unknown): Engine | undefined => {
  if (!(error instanceof EngineUnavailable)) throw error
  console.warn(`engine torch is absent, its parity is not measured. ${error.message}`)
  return undefined
})
afterAll(() => engine?.close())

test.skipIf(engine === undefined)("every figure is within its bound", () => {
  if (engine === undefined) return
  const lines = [...harness(committed, engine)]
  console.log(lines.map(render).join("\n"))
  expect(lines.filter((line) => line.status === "off")).toEqual([])
  expect(lines.map((line) => line.case)).toContain("engine")
})
