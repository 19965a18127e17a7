import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { expect, test, vi } from "vitest"
import { codeOf } from "../src/exit.ts"
import { loadPipeline } from "../src/loadPipeline.ts"
import { train } from "../src/train.ts"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

test("interrupted before it has begun, a resumed run says what was saved before, and how it goes on", async () => {
  const folder = sandbox({ "brief.ts": pipeline() })
  mkdirSync(`${folder}/my run/checkpoints/step-0`, { recursive: true })
  const loaded = await Effect.runPromise(loadPipeline(`${folder}/brief.ts`))
  let err = ""
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true))
  const stopped = async () => {
    err = ""
    const work = train(loaded, { quiet: true, json: false }, () => Effect.interrupt, `${folder}/my run`)
    return [codeOf(await Effect.runPromiseExit(Effect.provide(work, NodeFileSystem.layer))), err]
  }
  try {
    const goOn = `go on with: npx hmx resume '${folder}/my run'\n`
    expect(await stopped()).toEqual([130, `\nstopped; no step was done\n${goOn}`])
    for (const step of [9, 10]) mkdirSync(`${folder}/my run/checkpoints/step-${step}`)
    expect(await stopped()).toEqual([130, `\nstopped; saved: ${folder}/my run/checkpoints/step-10\n${goOn}`])
  } finally {
    spy.mockRestore()
  }
})

test("--force writes nothing to a run that is done and has not changed", async () => {
  const folder = sandbox({ "brief.ts": pipeline() })
  await hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`, "--quiet"])
  const events = readFileSync(`${folder}/run/events.jsonl`, "utf8")
  const { code, out } = await hmx(["resume", `${folder}/run`, "--force"])
  expect([code, out]).toEqual([0, expect.stringMatching(/run is done: it finished after 2 of 2 steps\n/)])
  expect(readFileSync(`${folder}/run/events.jsonl`, "utf8")).toBe(events)
})

test("input that is found to be bad when work was done is a failed run: exit code 1, and how it goes on", async () => {
  const folder = sandbox({ "brief.ts": pipeline() })
  const bad = new Errors.BadInput({ where: "a file", found: "nothing", expected: "lines" })
  const run = (failures: object) => hmx(["run", `${folder}/brief.ts`, "--out", `${folder}/run`], { failures })
  const early = await run({ createAdapter: { 1: bad } })
  expect([early.code, early.err, existsSync(`${folder}/run`)]).toEqual([
    2,
    "error: a file: found nothing; expected lines\n",
    false,
  ])
  const late = await run({ forwardBackward: { 1: bad } })
  expect(late.err).toBe(
    `error: a file: found nothing; expected lines\nno step was done\ngo on with: npx hmx resume ${folder}/run\n`,
  )
  expect([late.code, existsSync(`${folder}/run/experiment.json`)]).toEqual([1, true])
})
