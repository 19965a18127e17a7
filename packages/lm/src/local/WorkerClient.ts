import * as Effect from "effect/Effect"
import type { ModelInfo } from "hmx"
import { Errors } from "hmx"
import { getCompileCacheDir } from "node:module"
import { dirname } from "node:path"
import { Worker } from "node:worker_threads"
import type { Call, Failure, Hello, Method, Methods, Reply, Start } from "./protocol.ts"
import { decodeFailure } from "./protocol.ts"

type Answer = (reply: Reply | Errors.DeviceLost) => void

/** This process's, and where it keeps compiled code: a worker looks for that in its environment alone, and compiles for a fifth of a second without. */
const environment = (): NodeJS.ProcessEnv => {
  const folder = getCompileCacheDir()
  return folder === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(folder) }
}

/** The main thread's end: calls as effects. A worker that dies fails what waits, and all that comes after, with DeviceLost. */
export class WorkerClient {
  readonly info: ModelInfo
  readonly #worker: Worker
  readonly #pending = new Map<number, Answer>()
  #outbox: ReadonlyArray<object> = []
  #lost: Errors.DeviceLost | undefined
  #next = 1

  private constructor(worker: Worker, info: ModelInfo) {
    this.#worker = worker
    this.info = info
    worker.on("message", (replies: ReadonlyArray<Reply>) => {
      for (const reply of replies) {
        const answer = this.#pending.get(reply.id)
        this.#pending.delete(reply.id)
        answer?.(reply)
      }
    })
    worker.once("error", (error) => this.#lose(String(error)))
    worker.once("exit", (code) => this.#lose(`it ended with code ${code}`))
  }

  /** Starts a worker; waits until its model is loaded. */
  static start(start: Start): Effect.Effect<WorkerClient, Failure> {
    return Effect.callback<WorkerClient, Failure>((resume) => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: start, env: environment() })
      const lost = (reason: string) => resume(Effect.fail(new Errors.DeviceLost({ reason })))
      const onError = (error: unknown) => lost(error instanceof Error ? error.message : String(error))
      const onExit = (code: number) => lost(`it ended with code ${code} while loading`)
      worker.once("error", onError)
      worker.once("exit", onExit)
      worker.once("message", (hello: Hello) => {
        worker.off("error", onError)
        worker.off("exit", onExit)
        if (hello.kind === "ready") resume(Effect.succeed(new WorkerClient(worker, hello.info)))
        else {
          const failure = decodeFailure(hello.error)
          resume(Effect.andThen(end(worker), Effect.fail(failure)))
        }
      })
      return end(worker)
    })
  }

  close(): Effect.Effect<void> {
    return Effect.andThen(
      Effect.sync(() => this.#lose("it was closed")),
      end(this.#worker),
    )
  }

  /**
   * Asks the worker. Calls of one turn of the event loop leave together, so that the worker finds them together. An interruption
   * takes the call back where it has not left, and else raises its flag, which is read between two layers or tokens.
   */
  call<M extends Method>(method: M, ...args: Parameters<Methods[M]>): Effect.Effect<ReturnType<Methods[M]>, Failure> {
    return Effect.callback<ReturnType<Methods[M]>, Failure>((resume) => {
      if (this.#lost !== undefined) {
        resume(Effect.fail(this.#lost))
        return Effect.void
      }
      const id = this.#next++
      const stop = new Int32Array(new SharedArrayBuffer(4))
      this.#pending.set(id, (reply) => {
        if (reply instanceof Errors.DeviceLost) resume(Effect.fail(reply))
        else if (reply.kind === "value") resume(Effect.succeed(reply.value))
        else if (reply.kind === "error") resume(Effect.fail(decodeFailure(reply.error)))
        else resume(Effect.die(new Error(reply.kind === "defect" ? reply.text : "a call stopped that was wanted")))
      })
      const call = { id, stop, method, args }
      this.#send(call)
      return Effect.sync(() => {
        this.#pending.delete(id)
        Atomics.store(stop, 0, 1)
        this.#outbox = this.#outbox.filter((waiting) => waiting !== call)
      })
    })
  }

  #send(call: Pick<Call, "id" | "stop" | "method"> & { readonly args: ReadonlyArray<unknown> }): void {
    if (this.#outbox.length === 0)
      setImmediate(() => {
        const calls = this.#outbox
        this.#outbox = []
        if (calls.length > 0 && this.#lost === undefined) this.#worker.postMessage(calls, [])
      })
    this.#outbox = [...this.#outbox, call]
  }

  #lose(reason: string): void {
    this.#lost ??= new Errors.DeviceLost({ reason })
    const waiting = [...this.#pending.values()]
    this.#pending.clear()
    for (const answer of waiting) answer(this.#lost)
  }
}

/** Ends the thread; what it was computing is lost. */
const end = (worker: Worker): Effect.Effect<void> => Effect.asVoid(Effect.promise(() => worker.terminate()))
