/** Entry of the model's worker thread: loads engine and model, then answers calls until it is ended. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { amount, Errors } from "hmx"
import { flushCompileCache } from "node:module"
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import type { Engine } from "../Engine.ts"
import { EngineMisuse, EngineOutOfMemory } from "../Engine.ts"
import { Desk } from "./Desk.ts"
import type { Answer } from "./Desk.ts"
import { noteSpeed } from "../speed.ts"
import { LocalModel } from "./LocalModel.ts"
import type { Call, Hello, Start } from "./protocol.ts"
import { encodeFailure } from "./protocol.ts"

const port = parentPort
if (port === null) throw new Error("this module is the entry of a worker thread")

/** What an engine says of options that it does not have is the user's mistake here, who chose them. */
const made = async (creating: Promise<Engine>): Promise<Engine> => {
  try {
    return await creating
  } catch (thrown) {
    if (!(thrown instanceof EngineMisuse)) throw thrown
    const [what = "", expected = "other options"] = thrown.message.replace(/^create: /, "").split("; expected ", 2)
    throw new Errors.BadInput({ where: "the engine's options", found: what, expected })
  }
}

const load = async ({
  chat,
  checkpointFolder,
  engineModule,
  engineOptions,
  speedFolder,
}: Start): Promise<LocalModel> => {
  const found: { readonly create?: (options: unknown) => Promise<Engine> } = await import(engineModule)
  if (typeof found.create !== "function")
    throw new Errors.BadInput({ where: engineModule, found: "no create function", expected: "an engine's module" })
  const engine = await made(found.create(engineOptions))
  const exit = Effect.runSyncExit(LocalModel.load(engine, checkpointFolder, { chat }))
  if (Exit.isSuccess(exit)) {
    const { bytesPerWeight } = exit.value.info.shape
    if (speedFolder !== undefined) Effect.runSync(noteSpeed(engine, bytesPerWeight, speedFolder))
    return exit.value
  }
  const { limit } = engine.memory()
  engine.close()
  const thrown = Cause.squash(exit.cause)
  if (!(thrown instanceof EngineOutOfMemory)) throw thrown
  throw new Errors.OutOfMemory({ need: thrown.bytes, where: `loading the weights within ${amount(limit)}` })
}

const hello = (words: Hello) => port.postMessage(words)

// Typed by the one who starts this worker.
const start: Start = workerData
try {
  const model = await load(start)
  // What is answered together leaves together: each message wakes the main thread.
  let replies: Array<Answer> = []
  const desk = new Desk(model, (reply) => void replies.push(reply))
  let planned = false
  const plan = () => {
    if (planned) return
    planned = true
    setImmediate(() => {
      planned = false
      // What has come in the meantime joins the batch.
      for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
        const calls: ReadonlyArray<Call> = more.message
        desk.push(calls)
      }
      desk.work()
      port.postMessage(replies)
      replies = []
      if (!desk.empty) plan()
    })
  }
  port.on("message", (calls: ReadonlyArray<Call>) => {
    desk.push(calls)
    plan()
  })
  // On stderr, since stdout may be JSON.
  for (const note of model.decoder.engine.info.notes) process.stderr.write(`${model.info.engine.name}: ${note}\n`)
  hello({ kind: "ready", info: model.info })
  // Whoever ends this thread does not wait for it to be kept. Without a folder for it nothing is written.
  flushCompileCache()
} catch (thrown) {
  const error = encodeFailure(thrown)
  // Anything else ends the worker, which the main thread sees.
  if (error === undefined) throw thrown
  hello({ kind: "failed", error })
}
