import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { run } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { experiment, folder, options } from "./experiment.ts"

describe("a run", () => {
  it.effect("trains, saves every step, measures before and after, and says what it did", () =>
    Effect.gen(function* () {
      const path = `${folder()}/run`
      const o = options(path)
      const outcome = yield* run(experiment(), o)
        JSON.stringify(outcome, null, 1),
        o.events,
        readdirSync(path, { recursive: true }),
        readFileSync(`${path}/metrics.jsonl`, "utf8"),
      )
      expect(outcome.steps).toBe(3)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
