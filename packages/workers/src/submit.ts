/** Gives the arms of a contrast or a sweep to workers, and follows them. */
import {
  ArmsFolder,
  type Loadable,
  type Locate,
  makeFolder,
  type Place,
  RunFolder,
  runState,
  sameArms,
} from "@hmx/runtime"
import * as Effect from "effect/Effect"
import type { Plan } from "hmx"
import { randomUUID } from "node:crypto"
import { resolve } from "node:path"
import type { Address } from "./Address.ts"
import { ArmWorkflow } from "./ArmWorkflow.ts"
import * as Board from "./Board.ts"
import * as cluster from "./cluster.ts"
import { connect, patience, persistently } from "./database.ts"
import { digestOf, readGiven, writeGiven } from "./identify.ts"
import type { Job } from "./Job.ts"
import { quietly } from "./quietly.ts"
import { prepare } from "./tables.ts"

export interface SubmitOptions<E = never> {
  readonly address: Address
  /** Milliseconds between two looks at the database. */
  readonly poll: number
  /** A new run, or the folder of one that goes on. */
  readonly where: Place | { readonly resume: string }
  readonly model: Loadable<E>
  readonly locate: Locate
  /** How the pipeline is found again, from the folder of all. */
  readonly source: () => unknown
  /** Engine and device that the arms want, as `engineOf` of the worker calls its own. */
  readonly engine: string
  readonly keep?: number | undefined
  /** What an arm may use in all, where that is another than at the run's start. */
  readonly budget: Job["budget"]
  /** Hears of the folder as soon as all arms are given. */
  readonly given: (folder: string, database: string) => void
  /** Hears how the arms stand, a few times a second. None of them: no worker has taken part yet. */
  readonly look?: (arms: ReadonlyArray<Board.Standing>) => void
  readonly say: (text: string) => void
}

/** The folder of a new run with what its arms are, or that of one that goes on; and the digests of the arms. */
const place = Effect.fnUntraced(function* <E>(plan: Plan, options: SubmitOptions<E>) {
  const { locate, model, where } = options
  const arms = yield* Effect.forEach(plan.entries, ({ at, experiment, name }) =>
    Effect.map(digestOf(experiment, model, locate), ({ all, identity }) => ({ name, at, identity, all })),
  )
  const digests = arms.map(({ all }) => all)
  if ("resume" in where) {
    const folder = where.resume
    yield* sameArms(yield* ArmsFolder.readRecord(folder), arms, folder)
    return { folder, digests }
  }
  const folder = yield* makeFolder(where)
  yield* ArmsFolder.writeRecord(folder, {
    format: RunFolder.format,
    kind: plan.kind,
    name: plan.name,
    arms: arms.map(({ at, identity, name }) => ({ name, at, ...identity })),
    source: options.source(),
  })
  return { folder, digests }
})

/** Milliseconds for which the database knows of a run that has ended: 30 days. */
const remembered = 30 * 24 * 3_600_000

const isDone = (state: string): boolean => state === "finished" || state === "stopped early"

/**
 * Gives every arm that is not done to the workers of an address, and, where `look` is there, follows them to their ends. Given twice, an
 * arm is worked on once: what waits or is in work goes on, and what failed is tried anew. Returns the folder.
 */
export const submit = <E>(plan: Plan, options: SubmitOptions<E>) =>
  Effect.gen(function* () {
    const { address, budget, engine, keep, look, poll } = options
    yield* prepare(address)
    const { digests, folder } = yield* place(plan, options)
    const before = yield* readGiven(folder)
    const { id } = before ?? { id: randomUUID() }
    if (before === undefined) yield* writeGiven(folder, { format: 1, id, database: address.shown })
    const board = yield* Board.make
    const persist = persistently(address, options.say)
    yield* persist(board.clean(remembered))
    const standing = persist(board.standing(id))
    const known = yield* standing
    const names = plan.entries.map(({ name }) => name)
    const jobs: Array<Job> = []
    for (const [i, arm] of names.entries()) {
      const { state } = yield* runState(ArmsFolder.armFolder(folder, names, i))
      if (isDone(state)) continue
      const tried = known.filter((at) => at.arm === arm)
      const attempt = Math.max(1, tried.length + (tried.at(-1)?.state === "done" ? 1 : 0))
      const digest = digests[i] ?? ""
      jobs.push({ id, folder: resolve(folder), arm, place: i, attempt, digest, engine, keep: keep ?? null, budget })
    }
    const executions = yield* Effect.forEach(jobs, (job) => ArmWorkflow.execute(job, { discard: true })).pipe(
      Effect.provide(cluster.layer("client", poll)),
      quietly,
    )
    // The workflow puts its arm up when a worker gets to it; here it is there at once, and one offer is as good as two.
    for (const [i, execution] of executions.entries()) {
      const job = jobs[i]
      if (job !== undefined) yield* persist(board.offer(execution, job))
    }
    options.given(folder, address.shown)
    if (look === undefined) return folder
    const mine = new Set(executions)
    for (;;) {
      const arms = (yield* standing).filter(({ execution }) => mine.has(execution))
      look(arms)
      if (arms.length === mine.size && arms.every(({ state }) => state === "done")) return folder
      yield* Effect.sleep(poll)
    }
  }).pipe(Effect.provide(connect(options.address, patience)))

/** Who did which step of a run, as the database has it. */
export const steps = (address: Address, folder: string) =>
  Effect.gen(function* () {
    const given = yield* readGiven(folder)
    if (given === undefined) return []
    yield* prepare(address)
    const board = yield* Board.make
    const arms = new Map((yield* board.standing(given.id)).map(({ arm, execution }) => [execution, arm]))
    return (yield* board.steps(given.id)).map(({ execution, step, worker }) => ({
      arm: arms.get(execution) ?? "",
      step,
      worker,
    }))
  }).pipe(Effect.provide(connect(address, patience)))
