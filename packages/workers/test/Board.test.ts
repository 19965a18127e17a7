/** Who has which arm, over a real database file; and what an overtaken worker may still do. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ScriptedModel } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { LanguageModel } from "hmx"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { afterAll, describe, expect, it } from "vitest"
import type { Address } from "../src/Address.ts"
import * as Board from "../src/Board.ts"
import { connect } from "../src/database.ts"
import * as Lease from "../src/Lease.ts"
import { format, prepare } from "../src/tables.ts"

const folder = mkdtempSync(`${tmpdir()}/hmx-board-`)
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

const hour = 3_600_000
const job = (arm: string, place: number) => ({
  id: "run",
  folder: "/runs/a",
  arm,
  place,
  attempt: 1,
  digest: "d",
  engine: "tfjs-wasm on cpu",
  keep: null,
  budget: {},
})

/** Runs a test on a new database. */
const on = <A, E>(
  test: (board: Board.Board, sql: SqlClient.SqlClient, address: Address) => Effect.Effect<A, E, SqlClient.SqlClient>,
) => {
  const file = `${folder}/${++files}.db`
  const address: Address = { kind: "sqlite", shown: `sqlite:${file}`, file }
  return Effect.runPromise(
    Effect.gen(function* () {
      yield* prepare(address)
      return yield* test(yield* Board.make, yield* SqlClient.SqlClient, address)
    }).pipe(Effect.provide([connect(address, 0), NodeServices.layer])),
  )
}
const persistently: Lease.Persistently = Effect.orDie

describe("the board", () => {
  it("forgets runs that have ended long ago, with their steps, and no other", () =>
    on((board, sql) =>
      Effect.gen(function* () {
        const ended = Effect.fnUntraced(function* (run: string, arm: string, closed: boolean, old: boolean) {
          const execution = `${run} ${arm}`
          yield* board.offer(execution, { ...job(arm, 0), id: run })
          const taken = yield* board.take("w", hour, [])
          if (taken?.execution !== execution) throw new Error("not taken")
          yield* board.did(taken, 1, "w")
          if (closed) yield* board.close(taken, "")
          if (old) yield* sql`UPDATE hmx_arms SET offered = offered - ${2 * hour} WHERE execution = ${execution}`
        })
        yield* ended("old", "a", true, true)
        yield* ended("old", "b", true, true)
        yield* ended("half", "a", true, true)
        yield* ended("half", "b", false, true)
        yield* ended("late", "a", true, true)
        yield* ended("late", "b", true, false)
        yield* board.clean(hour)
        const left = yield* Effect.forEach(["old", "half", "late"], (run) =>
          Effect.map(Effect.all([board.standing(run), board.steps(run)]), (of) => of.map((rows) => rows.length)),
        )
        expect(left).toEqual([
          [0, 0],
          [2, 2],
          [2, 2],
        ])
        expect(yield* sql`SELECT * FROM hmx_steps`).toHaveLength(4)
      }),
    ))

  it("gives each arm to one worker, in the order of the file, and an offer twice is one", () =>
    on((board) =>
      Effect.gen(function* () {
        yield* board.offer("b", job("second", 1))
        yield* board.offer("a", job("first", 0))
        yield* board.offer("a", job("other", 5))
        const taken = yield* Effect.forEach(["w1", "w2", "w3"], (worker) => board.take(worker, hour, []), {
          concurrency: 3,
        })
        expect(new Set(taken.map((one) => one?.job.arm))).toEqual(new Set(["first", "second", undefined]))
        expect(yield* board.take("w4", hour, [])).toBeUndefined()
      }),
    ))

  it("gives an arm away again when its lease is over, under a greater token, and tells the first one", () =>
    on((board) =>
      Effect.gen(function* () {
        yield* board.offer("a", job("first", 0))
        const first = yield* board.take("w1", -1, [])
        const second = yield* board.take("w2", hour, [])
        if (first === undefined || second === undefined) throw new Error("not taken")
        expect(second.token).toBeGreaterThan(first.token)
        expect([first.previous, second.previous]).toEqual([undefined, "w1"])
        expect(yield* board.renew(first, hour)).toBe(false)
        expect(yield* board.renew(second, hour)).toBe(true)
        // What the overtaken one says does nothing.
        yield* board.release(first, "w1", "mine?", 0)
        yield* board.close(first, "mine?")
        expect(yield* board.standing("run")).toMatchObject([{ state: "open", worker: "w2", note: "" }])
        yield* board.close(second, "")
        expect(yield* board.open).toBe(0)
        expect(yield* board.renew(second, hour)).toBe(false)
      }),
    ))

  it("leaves out what a worker has refused, and has the first word on who did a step", () =>
    on((board) =>
      Effect.gen(function* () {
        yield* board.offer("a", job("first", 0))
        expect(yield* board.take("w1", hour, ["a"])).toBeUndefined()
        const taken = yield* board.take("w1", hour, ["b"])
        if (taken === undefined) throw new Error("not taken")
        yield* board.did(taken, 1, "w1")
        yield* board.did(taken, 1, "w2")
        yield* board.did(taken, 2, "w2")
        expect(yield* board.steps("run")).toEqual([
          { execution: "a", step: 1, worker: "w1" },
          { execution: "a", step: 2, worker: "w2" },
        ])
        yield* board.release(taken, "w1", "leaves", 0)
        expect(yield* board.standing("run")).toMatchObject([{ worker: undefined, step: 2, note: "leaves" }])
      }),
    ))

  it("of another version is refused", () =>
    on((_, sql, address) =>
      Effect.gen(function* () {
        yield* prepare(address)
        yield* sql`UPDATE hmx_format SET format = ${format + 1}`
        expect(yield* Effect.flip(prepare(address))).toMatchObject({
          _tag: "BadInput",
          where: address.shown,
          found: `tables of format ${format + 1}`,
        })
      }),
    ))
})

describe("a worker that was overtaken", () => {
  it("writes nothing more: its model waits, and its lease says that it is lost", () =>
    on((board) =>
      Effect.gen(function* () {
        yield* board.offer("a", job("first", 0))
        const taken = yield* board.take("w1", -1, [])
        if (taken === undefined) throw new Error("not taken")
        const scripted = yield* Effect.provide(Effect.service(LanguageModel), ScriptedModel.layer())
        let wrote = 0
        const model = { ...scripted, saveState: () => Effect.sync(() => void wrote++) }
        // A lease of no length is over when it is asked for: every word is asked of the database.
        const lease = yield* Lease.hold(board, taken, "w1", 0, persistently)
        const fenced = Lease.fenced(model, lease)
        yield* board.take("w2", hour, [])
        const ended = yield* Effect.raceFirst(
          Effect.as(fenced.saveState("policy", "/nowhere", { optimizer: true }), "wrote"),
          Effect.as(lease.lost, "lost"),
        )
        expect([ended, wrote]).toEqual(["lost", 0])
      }).pipe(Effect.scoped),
    ))

  it("asks the database only when its time is over, and writes down its steps", () =>
    on((board) =>
      Effect.gen(function* () {
        yield* board.offer("a", job("first", 0))
        const taken = yield* board.take("w1", -1, [])
        if (taken === undefined) throw new Error("not taken")
        let renewed = 0
        const counting = { ...board, renew: () => Effect.sync(() => ++renewed > 0) }
        const lease = yield* Lease.hold(counting, taken, "w1", hour, persistently)
        yield* lease.fence
        expect(renewed).toBe(0)
        lease.did(1)
        yield* lease.flush
        expect(yield* board.steps("run")).toEqual([{ execution: "a", step: 1, worker: "w1" }])
      }).pipe(Effect.scoped),
    ))
})
