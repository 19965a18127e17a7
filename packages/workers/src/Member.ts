/** Membership of the cluster: joined, left, and joined anew after the database was away. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import * as ArmWorkflow from "./ArmWorkflow.ts"
import type { Board } from "./Board.ts"
import * as cluster from "./cluster.ts"
import type { Ended } from "./Job.ts"
import { quietly } from "./quietly.ts"

export interface Member {
  /** Says how an arm ended, and returns when the cluster has it for good. */
  readonly settle: (execution: string, how: Ended) => Effect.Effect<void>
}

/** Milliseconds that a member which leaves has to give back what it holds. */
const farewell = 3000

/** Joins for the length of the scope. */
export const join = Effect.fnUntraced(function* (
  board: Board,
  poll: number,
): Effect.fn.Return<Member, never, SqlClient.SqlClient | Scope.Scope> {
  const sql = yield* SqlClient.SqlClient
  let engine: Context.Context<WorkflowEngine> | undefined
  const membership = ArmWorkflow.layer(board).pipe(
    Layer.provideMerge(cluster.layer("worker", poll)),
    Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)),
  )
  /** A look at the database that fails when it is away for longer than a moment. */
  const answers = Effect.retry(Effect.timeout(sql`SELECT 1`, cluster.membership), {
    times: 2,
    schedule: Schedule.spaced(poll),
  })
  const session = Effect.acquireUseRelease(
    Scope.make(),
    (scope) =>
      Effect.gen(function* () {
        engine = yield* Layer.buildWithScope(Layer.fresh(membership), scope)
        yield* Effect.forever(Effect.delay(answers, cluster.membership / 4))
      }),
    (scope) =>
      Effect.gen(function* () {
        engine = undefined
        // Where the database is away nothing can be given back: nobody waits for that.
        const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
        yield* Effect.timeoutOption(Fiber.await(closing), farewell)
      }),
  )
  yield* session.pipe(
    Effect.catchCause(() => Effect.retry(sql`SELECT 1`, Schedule.spaced(poll * 4))),
    Effect.forever,
    quietly,
    Effect.forkScoped,
  )
  const settle = (execution: string, how: Ended) =>
    Effect.gen(function* () {
      if (engine === undefined) yield* Effect.die("not a member at the moment")
      else yield* Effect.timeout(Effect.provideContext(ArmWorkflow.settle(execution, how), engine), cluster.membership)
    }).pipe(
      // The engine has no typed errors: it dies of a database that is away.
      Effect.sandbox,
      Effect.retry(Schedule.spaced(poll)),
      Effect.orDie,
      quietly,
    )
  return { settle }
})
