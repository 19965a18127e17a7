/** A worker that is there for what is open, and no longer. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { afterAll, expect, it } from "vitest"
import type { Address } from "../src/Address.ts"
import * as Board from "../src/Board.ts"
import { connect } from "../src/database.ts"
import { prepare } from "../src/tables.ts"
import { work } from "../src/work.ts"

const folder = mkdtempSync(`${tmpdir()}/hmx-work-`)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hour = 3_600_000

it("once: leaves at once where nothing is open that it could do, and before it has looked a second time", async () => {
  const file = `${folder}/w.db`
  const address: Address = { kind: "sqlite", shown: `sqlite:${file}`, file }
  const heard: Array<string> = []
  const once = Effect.gen(function* () {
    const leave = yield* Deferred.make<void>()
    yield* work({
      address,
      lease: hour,
      // A second look would come after the test.
      poll: hour,
      worker: "w",
      once: true,
      leave,
      engine: "torch on cpu",
      folder: ({ folder: of }) => of,
      open: () => Effect.die("nothing is opened for another engine"),
      onEvent: () => {},
      say: (text) => void heard.push(text),
    })
  }).pipe(Effect.provide(NodeServices.layer))
  await Effect.runPromise(once)
  expect(heard).toEqual([])
  const offer = Effect.gen(function* () {
    yield* prepare(address)
    const board = yield* Board.make
    yield* Effect.forEach(["a", "b"], (arm, place) =>
      board.offer(arm, {
        id: "run",
        folder: "/runs/a",
        arm,
        place,
        attempt: 1,
        digest: "d",
        engine: "tfjs on cpu",
        keep: null,
        budget: {},
      }),
    )
  })
  await Effect.runPromise(offer.pipe(Effect.provide([connect(address, 0), NodeServices.layer])))
  await Effect.runPromise(once)
  expect(heard).toEqual(
    ["a", "b"].map((arm) => expect.stringMatching(`^${arm}: left to others: --engine: found torch`)),
  )
})
