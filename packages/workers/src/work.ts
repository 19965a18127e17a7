/** A worker: takes one arm after the other, and says how each ended. */
import { ArmsFolder, lookAtArms } from "@hmx/runtime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Address } from "./Address.ts"
import * as Board from "./Board.ts"
import { connect, patience, persistently } from "./database.ts"
import * as Lease from "./Lease.ts"
import * as Member from "./Member.ts"
import { oneModel } from "./oneModel.ts"
import { type Came, cameTo, perform, type PerformOptions } from "./perform.ts"
import { prepare } from "./tables.ts"

export interface WorkOptions<E, R> extends PerformOptions<E, R> {
  readonly address: Address
  /** Milliseconds for which an arm is this worker's without a word from it. */
  readonly lease: number
  /** Milliseconds between two looks at the database. */
  readonly poll: number
  /** What others call this worker. */
  readonly worker: string
  /** Ends when no arm is open that this worker could do. */
  readonly once: boolean
}

/** Letters of a note that others read. */
const longest = 600

/** Works until it is told to leave, or with `once` until nothing is left to do. */
export const work = <E, R>(options: WorkOptions<E, R>) =>
  Effect.gen(function* () {
    const { address, leave, lease, once, poll, say, worker } = options
    yield* prepare(address)
    const board = yield* Board.make
    const persist = persistently(address, say)
    const member = yield* Member.join(board, poll)
    const models = yield* oneModel
    /** Arms that this worker cannot do. */
    const refused = new Set<string>()

    const tell = Effect.fnUntraced(function* (taken: Board.Taken, came: Came) {
      const { execution, job } = taken
      const heard = (text: string) => say(`${job.arm}: ${text}`)
      switch (came.to) {
        case "another":
          heard("another worker has it by now")
          break
        case "be handed on":
          yield* persist(board.release(taken, worker, "", 0))
          heard("saved, and handed on")
          break
        case "nothing": {
          if (!came.again) refused.add(execution)
          const note = `${worker} leaves it to others: ${came.because}`.slice(0, longest)
          yield* persist(board.release(taken, taken.previous, note, came.again ? lease : 0))
          heard(`left to others: ${came.because}`)
          break
        }
        case "its end":
          yield* sideBySide(options.folder(job))
          // First for good, then for all to see: a worker that dies in between is asked again, and says the same.
          yield* member.settle(execution, { open: came.open, because: came.because, worker })
          yield* persist(board.close(taken, came.because.slice(0, longest)))
          heard(came.open ? `ended: ${came.because}` : "done")
          // Whatever it was, the next arm begins with a model of its own.
          if (came.open) yield* models.drop
      }
    })

    const one = Effect.fnUntraced(function* (taken: Board.Taken) {
      const held = yield* Lease.hold(board, taken, worker, lease, persist)
      const wrote = (step: number) => persist(board.did(taken, step, taken.previous ?? worker))
      const done = Effect.map(Effect.exit(perform(taken, held, models, wrote, options)), cameTo)
      const came = yield* Effect.raceFirst(done, Effect.as(held.lost, { to: "another" } satisfies Came))
      yield* held.flush
      yield* tell(taken, came)
    }, Effect.scoped)

    while (!(yield* Deferred.isDone(leave))) {
      const taken = yield* persist(board.take(worker, lease, [...refused]))
      if (taken !== undefined) {
        yield* one(taken)
        continue
      }
      // What others hold may come back from them.
      if (once && (yield* persist(board.open)) <= refused.size) break
      yield* Effect.raceFirst(Deferred.await(leave), Effect.sleep(poll))
    }
  }).pipe(Effect.scoped, Effect.provide(connect(options.address, patience)))

/** The table of all arms, for whoever looks at the folder; the last one to end writes it whole. */
const sideBySide = (folder: string) =>
  Effect.ignore(Effect.flatMap(lookAtArms(folder), (made) => ArmsFolder.writeComparison(folder, made)))
