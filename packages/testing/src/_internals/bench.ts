/** Where a stage is tried: a fresh scripted model with an adapter, and the services that the runtime has for every stage. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { type Artefact, Data, Errors, LanguageModel, RemoteJudge, Stage, Step } from "hmx"
import type { Options as Script } from "../ScriptedModel.ts"
import { inSimulatedTime } from "../inSimulatedTime.ts"
import type { Method } from "./contracts.ts"
import { make } from "./scripted.ts"

export type Input = { readonly [tag: string]: unknown }

const ADAPTER = "policy"

/** Every method that takes time where a stage is to be interrupted in it. */
const SLOW = {
  encodeChat: "1 second",
  encode: "1 second",
  decode: "1 second",
  sample: "1 second",
  logprobs: "1 second",
  choices: "1 second",
  forwardBackward: "1 second",
  optimStep: "1 second",
} as const

/** Methods that a stage calls, with an error that each may fail with. */
const FAILURES: { readonly [method: string]: Errors.Ordinary } = {
  encodeChat: new Errors.BadInput({ where: "a test", found: "a fault", expected: "none" }),
  encode: new Errors.BadInput({ where: "a test", found: "a fault", expected: "none" }),
  decode: new Errors.BadInput({ where: "a test", found: "a fault", expected: "none" }),
  sample: new Errors.OutOfMemory({ need: 1, where: "a test" }),
  logprobs: new Errors.OutOfMemory({ need: 1, where: "a test" }),
  choices: new Errors.OutOfMemory({ need: 1, where: "a test" }),
  forwardBackward: new Errors.OutOfMemory({ need: 1, where: "a test" }),
  optimStep: new Errors.OutOfMemory({ need: 1, where: "a test" }),
}
export const faulty = Object.keys(FAILURES)

/** The policy that a bench's rollouts come from: its adapter is made by the same seed every time. */
const created = Effect.runSync(Effect.orDie(make().model.createAdapter(ADAPTER, { rank: 2 }, 1)))
export const policy: Artefact.PolicyRef = { base: make().model.info.digest, adapter: created, step: 0 }

export interface BenchOptions {
  readonly script?: Script
  /** Services of the stage's own. */
  readonly services?: Context.Context<never>
}

export interface Bench {
  /** Runs the stage to its end, in simulated time. */
  readonly run: (input: Input) => Promise<Exit.Exit<Artefact.Any, unknown>>
  /** Starts it, and interrupts it when the model has been called so often. */
  readonly interrupt: (input: Input, calls: number) => Promise<void>
  /** Calls of the model so far, by method. */
  readonly calls: () => { readonly [M in Method]: number }
  /** Adapters that are open. */
  readonly open: () => number
  /** Whether it went on calling the model in the hour after it had ended. */
  readonly late: () => boolean
}

/** A fresh bench; `failing` names the call (its method, and which one) that fails. */
export const bench = (
  stage: Stage.Any,
  { script, services }: BenchOptions,
  change: { readonly slow?: boolean; readonly failing?: readonly [method: string, call: number] } = {},
): Bench => {
  const [method, call] = change.failing ?? ["", 0]
  const error = FAILURES[method]
  const { model, record } = make({
    ...script,
    ...(change.slow === true ? { delays: { ...script?.delays, ...SLOW } } : {}),
    ...(error === undefined ? {} : { failures: { ...script?.failures, [method]: { [call]: error } } }),
  })
  Effect.runSync(Effect.orDie(model.createAdapter(ADAPTER, { rank: 2 }, 1)))
  const place = { seed: 1, step: 1, steps: 4, policy, by: { adapter: ADAPTER }, adapter: ADAPTER }
  const work = (input: Input) => {
    const provided = Stage.run(stage, input).pipe(
      Effect.provideService(LanguageModel, model),
      Effect.provideService(Step, place),
      Effect.provideService(Data, {
        jsonl: () => Effect.succeed([]),
        text: () => Effect.succeed(""),
        heldOut: Effect.succeed([]),
      }),
      Effect.provideService(RemoteJudge, {
        read: (readings) =>
          Effect.succeed(readings.map(({ continuations }) => ({ logprobs: continuations.map((_, i) => -1 - i) }))),
      }),
    )
    return services === undefined ? provided : Effect.provideContext(provided, services)
  }
  const calls = () => Effect.runSync(record.calls)
  const total = () => Object.values(calls()).reduce((sum, n) => sum + n, 0)
  let late = false
  const settle = TestClock.withLive(Effect.promise(() => new Promise<void>((done) => setImmediate(done))))
  return {
    calls,
    run: (input) =>
      Effect.runPromise(
        inSimulatedTime(
          Effect.gen(function* () {
            yield* model.zeroGrad(ADAPTER)
            const exit = yield* Effect.exit(work(input))
            const before = total()
            yield* Effect.sleep("1 hour")
            late ||= total() !== before
            return exit
          }),
        ),
      ).then(({ value }) => value),
    interrupt: (input, at) => {
      const before = total()
      return Effect.runPromise(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(work(input))
          yield* settle
          while (total() - before < at && fiber.pollUnsafe() === undefined) {
            yield* TestClock.adjust("1 second")
            yield* settle
          }
          yield* Fiber.interrupt(fiber)
          const ended = total()
          yield* TestClock.adjust("1 hour")
          yield* settle
          late ||= total() !== ended
        }).pipe(Effect.provide(TestClock.layer())),
      )
    },
    open: () => Effect.runSync(Effect.orDie(model.memory())).tensors,
    late: () => late,
  }
}

/** What the store writes of an artefact, and whether the same comes back. */
export const stored = (
  stage: Stage.Any,
  made: Artefact.Any,
): { readonly text: string } | { readonly wrong: string } => {
  const schema: unknown = stage.makes
  if (!Schema.isSchema(schema))
    return { wrong: `${stage.makes.identifier} is no schema: make it by Schema.TaggedClass` }
  // An artefact is JSON on the wire; a schema that asks for services could not be read back by the store.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const codec = schema as Schema.Codec<unknown, unknown>
  try {
    const text = JSON.stringify(Schema.encodeUnknownSync(codec)(made))
    const again = JSON.stringify(Schema.encodeUnknownSync(codec)(Schema.decodeUnknownSync(codec)(JSON.parse(text))))
    return again === text ? { text } : { wrong: `${text.slice(0, 300)} came back as ${again.slice(0, 300)}` }
  } catch (error) {
    return { wrong: `what it made is not read back: ${String(error).replaceAll(/\s+/g, " ").slice(0, 300)}` }
  }
}
