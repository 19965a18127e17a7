/**
 * Who has which arm. A worker takes an arm for the time of a lease and renews it; the token counts the takers, so that whoever has been
 * overtaken is told (a fencing token). Times are the database's own, so clocks need not agree.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import { Job } from "./Job.ts"

const JobJson = Schema.fromJsonString(Job)
const encodeJob = Schema.encodeSync(JobJson)
const decodeJob = Schema.decodeUnknownEffect(JobJson)

/** An arm that this worker has taken. */
export interface Taken {
  readonly execution: string
  readonly token: number
  readonly job: Job
  /** Steps that are known to be done. */
  readonly step: number
  /** Who had it before; undefined where nobody had. */
  readonly previous: string | undefined
}

/** An arm as it stands. */
export interface Standing {
  readonly execution: string
  readonly arm: string
  readonly state: "open" | "done"
  readonly worker: string | undefined
  readonly step: number
  /** What a worker last said of it. */
  readonly note: string
}

/** One step, and who did it. */
export interface Done {
  readonly execution: string
  readonly step: number
  readonly worker: string
}

type Row = { readonly [column: string]: unknown }
const text = (value: unknown): string => (typeof value === "string" ? value : "")
const name = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const now = sql.onDialectOrElse({
    pg: () => sql.literal("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
    orElse: () => sql.literal("CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
  })
  /** Two that ask at once are given two arms. */
  const alone = sql.onDialectOrElse({ pg: () => sql.literal("FOR UPDATE SKIP LOCKED"), orElse: () => sql.literal("") })

  return {
    /** Puts an arm up; one that is there stays as it is. */
    offer: (execution: string, job: Job) =>
      sql`
      INSERT INTO hmx_arms (execution, run, arm, place, job, state, token, expires, offered, step, note)
      VALUES (${execution}, ${job.id}, ${job.arm}, ${job.place}, ${encodeJob(job)}, 'open', 0, 0, ${now}, 0, '')
      ON CONFLICT (execution) DO NOTHING`.pipe(Effect.asVoid),

    /** Takes the first arm that nobody has, leaving those out; undefined where there is none. */
    take: Effect.fnUntraced(function* (worker: string, lease: number, except: ReadonlyArray<string>) {
      const others = except.length === 0 ? sql`1 = 1` : sql`NOT ${sql.in("execution", except)}`
      const rows = yield* sql<Row>`
        UPDATE hmx_arms
        SET previous = worker, worker = ${worker}, token = token + 1, expires = ${now} + ${lease}
        WHERE execution = (
          SELECT execution FROM hmx_arms
          WHERE state = 'open' AND expires < ${now} AND ${others}
          ORDER BY offered, run, place LIMIT 1 ${alone}
        )
        RETURNING execution, token, job, step, previous`
      const [row] = rows
      if (row === undefined) return undefined
      return {
        execution: text(row["execution"]),
        token: Number(row["token"]),
        job: yield* Effect.orDie(decodeJob(row["job"])),
        step: Number(row["step"]),
        previous: name(row["previous"]),
      } satisfies Taken
    }),

    /** Holds it for another lease; false where it is another's by now. */
    renew: ({ execution, token }: Pick<Taken, "execution" | "token">, lease: number) =>
      Effect.map(
        sql`UPDATE hmx_arms SET expires = ${now} + ${lease}
          WHERE execution = ${execution} AND token = ${token} AND state = 'open' RETURNING token`,
        (rows) => rows.length === 1,
      ),

    /** Writes down who did a step. The first word stands: a step is done once. */
    did: ({ execution, token }: Pick<Taken, "execution" | "token">, step: number, worker: string) =>
      sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`INSERT INTO hmx_steps (execution, step, worker, token) VALUES (${execution}, ${step}, ${worker}, ${token})
            ON CONFLICT (execution, step) DO NOTHING`
          yield* sql`UPDATE hmx_arms SET step = ${step} WHERE execution = ${execution} AND step < ${step}`
        }),
      ),

    /** Gives it back, to be taken by others after `delay` milliseconds; `worker` is who worked on it last. */
    release: (
      { execution, token }: Pick<Taken, "execution" | "token">,
      worker: string | undefined,
      note: string,
      delay: number,
    ) =>
      sql`UPDATE hmx_arms SET expires = ${now} + ${delay} - 1, worker = ${worker ?? null}, note = ${note}
        WHERE execution = ${execution} AND token = ${token}`.pipe(Effect.asVoid),

    /** Nobody takes it again. */
    close: ({ execution, token }: Pick<Taken, "execution" | "token">, note: string) =>
      sql`UPDATE hmx_arms SET state = 'done', note = ${note} WHERE execution = ${execution} AND token = ${token}`.pipe(
        Effect.asVoid,
      ),

    /** Forgets the runs of which all arms are done, the last of them put up `age` milliseconds ago or longer: what they made is in their folders. */
    clean: (age: number) =>
      sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`DELETE FROM hmx_arms WHERE run NOT IN (
            SELECT run FROM hmx_arms WHERE state <> 'done' OR offered > ${now} - ${age}
          )`
          yield* sql`DELETE FROM hmx_steps WHERE execution NOT IN (SELECT execution FROM hmx_arms)`
        }),
      ),

    /** Arms that are not done, of all runs. */
    open: Effect.map(sql<Row>`SELECT COUNT(*) AS open FROM hmx_arms WHERE state = 'open'`, (rows) =>
      Number(rows[0]?.["open"] ?? 0),
    ),

    /** The arms of a run, by the database's word. A worker is named where it holds one. */
    standing: (run: string) =>
      Effect.map(
        sql<Row>`SELECT execution, arm, state, CASE WHEN expires >= ${now} THEN worker ELSE NULL END AS holder, step, note
          FROM hmx_arms WHERE run = ${run} ORDER BY place, offered`,
        (rows) =>
          rows.map((row): Standing => ({
            execution: text(row["execution"]),
            arm: text(row["arm"]),
            state: row["state"] === "done" ? "done" : "open",
            worker: name(row["holder"]),
            step: Number(row["step"]),
            note: text(row["note"]),
          })),
      ),

    /** Who did which step of a run. */
    steps: (run: string) =>
      Effect.map(
        sql<Row>`SELECT s.execution, s.step, s.worker FROM hmx_steps s JOIN hmx_arms a ON a.execution = s.execution
          WHERE a.run = ${run} ORDER BY a.place, s.step`,
        (rows) =>
          rows.map((row): Done => ({
            execution: text(row["execution"]),
            step: Number(row["step"]),
            worker: text(row["worker"]),
          })),
      ),
  }
})
export type Board = Effect.Success<typeof make>
