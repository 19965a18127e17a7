/** Nano on an engine that fails on purpose: at any operation that makes a tensor, or by the death of its worker. */
import { LocalLanguageModel, shapeOf } from "@hmx/lm"
import { checkpoint } from "@hmx/nano"
import { type Event, type Loadable, run, RunFailed } from "@hmx/runtime"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LanguageModel } from "hmx"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Orders } from "./faultyEngine.ts"
import { differing, inFolder, remains } from "./place.ts"
import { pipelineOf } from "./pipelines.ts"
import { random } from "./random.ts"

export const engines = { tfjs: "@hmx/engine-tfjs", torch: "@hmx/engine-torch" } as const
export type EngineName = keyof typeof engines

/** What became of the runs of one engine. */
export interface Faulted {
  readonly engine: EngineName
  /** Operations of an undisturbed run that make a tensor. */
  readonly operations: number
  /** Runs that found no room once or twice, those that ended in the gradient of the undisturbed one, and those that ended in a typed error. */
  readonly ooms: number
  readonly recovered: number
  readonly refused: number
  /** The largest difference of a gradient, relative to its norm. */
  readonly difference: number
  /** Runs in which one product of a layer was NaN, and those that went on without it or ended in a typed error. */
  readonly nans: number
  readonly answered: number
  /** Runs whose worker died once, and those of them with the bytes of the undisturbed one. */
  readonly deaths: number
  readonly reloaded: number
  readonly problems: ReadonlyArray<string>
}

type Service = (typeof LanguageModel)["Service"]

/** The first moments of the optimiser after the first step: a tenth of the gradient. */
const gradient = (checkpoint: string): Float32Array => {
  const bytes = readFileSync(`${checkpoint}/optimizer.safetensors`)
  const length = Number(bytes.readBigUInt64LE(0))
  const header: Record<string, { readonly dtype?: string; readonly data_offsets?: readonly [number, number] }> =
    JSON.parse(bytes.toString("utf8", 8, 8 + length))
  return Float32Array.from(
    Object.entries(header).flatMap(([name, { data_offsets: at }]) => {
      if (at === undefined || !name.endsWith("exp_avg")) return []
      const part = bytes.subarray(8 + length + at[0], 8 + length + at[1])
      return Array.from({ length: part.length / 4 }, (_, i) => part.readFloatLE(4 * i))
    }),
  )
}

const norm = (xs: Float32Array): number => Math.sqrt(xs.reduce((sum, x) => sum + x * x, 0))

/** Runs nano so often with a fault of each kind, at operations that the seed decides. */
export const fault = (
  engine: EngineName,
  counts: { readonly ooms: number; readonly nans: number; readonly deaths: number },
  seed: number,
) =>
  inFolder((folder) =>
    Effect.gen(function* () {
      const orders = new Int32Array(new SharedArrayBuffer(4 * Orders.length))
      const path = fileURLToPath(checkpoint)
      const shape = yield* shapeOf(path)
      const layer = LocalLanguageModel.layer({
        checkpointFolder: path,
        engineModule: import.meta.resolve("./faultyEngine.ts"),
        engineOptions: {
          module: import.meta.resolve(engines[engine]),
          options: { threads: 1 },
          orders: orders.buffer,
        },
      })
      const { experiment } = yield* pipelineOf("nano")
      const once = Effect.fnUntraced(function* (model: Loadable<unknown>, name: string) {
        const events: Array<Event> = []
        const exit = yield* Effect.exit(
          run(experiment, {
            model,
            locate: (file) => ({ path: String(file), name: String(file) }),
            place: { path: `${folder}/${name}` },
            source: {},
            versions: {},
            onEvent: (event) => void events.push(event),
          }),
        )
        const notes = events.flatMap((e) => (e._tag === "Noted" ? [e.text] : []))
        return { exit, notes, run: `${folder}/${name}` }
      })
      /** The operations of a run, counted from its beginning when the model is there. */
      const begin = (order: number, at: number): void => {
        orders.fill(0)
        Atomics.store(orders, order, at)
      }

      const problems: Array<string> = []
      let [recovered, refused, answered, reloaded, difference] = [0, 0, 0, 0, 0]
      const next = random(seed)
      const [operations, first, plain] = yield* Effect.gen(function* () {
        const lm: Service = yield* LanguageModel
        const model = { name: "nano", shape, layer: Layer.succeed(LanguageModel, lm) }
        const rest = yield* lm.memory()
        begin(Orders.noRoom, 0)
        const whole = yield* once(model, "whole")
        if (whole.exit._tag === "Failure") return yield* Effect.die(whole.exit.cause)
        const total = Atomics.load(orders, Orders.count)
        const wanted = gradient(`${whole.run}/checkpoints/step-1`)
        yield* lm.dropAdapter("policy")
        for (let i = 0; i < counts.ooms; i++) {
          const at = 1 + Math.floor(next() * total)
          begin(Orders.noRoom, at)
          // Every second time what answers the first one finds no room either.
          if (i % 2 === 1) Atomics.store(orders, Orders.andThen, 1 + Math.floor(300 * next()))
          const made = yield* once(model, `oom-${i}`)
          orders.fill(0)
          const told = (what: string) => problems.push(`${engine}, no room at operation ${at} of ${total}: ${what}`)
          yield* lm.dropAdapter("policy")
          const after = yield* lm.memory()
          if (after.tensors !== rest.tensors || after.live !== rest.live)
            told(`${after.tensors - rest.tensors} tensors and ${after.live - rest.live} bytes are left`)
          if (made.exit._tag === "Failure") {
            const error = made.exit.cause.reasons.length === 1 ? Cause.squash(made.exit.cause) : undefined
            const typed = Cause.hasDies(made.exit.cause) ? undefined : error
            if (typed instanceof RunFailed && typed.error === "OutOfMemory") refused++
            else told(JSON.stringify(made.exit.cause).slice(0, 500))
            continue
          }
          const found = gradient(`${made.run}/checkpoints/step-1`)
          const apart = norm(found.map((x, k) => x - (wanted[k] ?? 0))) / norm(wanted)
          difference = Math.max(difference, apart)
          if (apart <= 1e-5) recovered++
          else told(`its gradient differs by ${apart} (${made.notes.join("; ")})`)
        }
        const files = remains(whole.run)
        for (let i = 0; i < counts.nans; i++) {
          const at = 1 + Math.floor(next() * total)
          begin(Orders.notFinite, at)
          const made = yield* once(model, `nan-${i}`)
          orders.fill(0)
          const told = (what: string) => problems.push(`${engine}, NaN from operation ${at} of ${total}: ${what}`)
          yield* lm.dropAdapter("policy")
          const after = yield* lm.memory()
          if (after.tensors !== rest.tensors || after.live !== rest.live)
            told(`${after.tensors - rest.tensors} tensors and ${after.live - rest.live} bytes are left`)
          if (made.exit._tag === "Failure") {
            const typed = Cause.hasDies(made.exit.cause) ? undefined : Cause.squash(made.exit.cause)
            if (typed instanceof RunFailed && typed.error === "NonFinite") answered++
            else told(JSON.stringify(made.exit.cause).slice(0, 500))
          } else {
            // Either the update is dropped and told, or what was asked again alone is as if nothing had been.
            const [one, two] = [1, 2].map((step) => gradient(`${made.run}/checkpoints/step-${step}`))
            const alike = differing(files, remains(made.run)).length === 0
            if ([one, two].some((found) => found?.every(Number.isFinite) !== true)) told("it was trained on")
            else if (!alike && !made.notes.some((note) => note.includes("not finite")))
              told(`nobody said so (${made.notes.join("; ")})`)
            else answered++
          }
        }
        return [total, whole.run, files] as const
      }).pipe(Effect.provide(layer))

      for (let i = 0; i < counts.deaths; i++) {
        // Which requests wait together differs from run to run, and the count by some operations: the last ones may not come.
        const at = 1 + Math.floor(next() * 0.9 * operations)
        // Counted from the loading on: its uploads are no part of the run.
        let loads = 0
        const dying = Layer.effect(
          LanguageModel,
          Effect.tap(Effect.service(LanguageModel), () =>
            Effect.sync(() => (loads++ === 0 ? begin(Orders.dies, at) : orders.fill(0))),
          ),
        ).pipe(Layer.provide(Layer.fresh(layer)))
        orders.fill(0)
        const made = yield* once({ name: "nano", shape, layer: dying }, `death-${i}`)
        const told = (what: string) => problems.push(`${engine}, death at operation ${at} of ${operations}: ${what}`)
        if (made.exit._tag === "Failure") told(JSON.stringify(made.exit.cause).slice(0, 500))
        else {
          const unlike = differing(plain, remains(made.run))
          if (unlike.length > 0) told(`other bytes than ${first} in ${unlike.join(", ")}`)
          else if (loads !== 2) told(`the model was loaded ${loads} times`)
          else reloaded++
        }
      }
      return {
        engine,
        operations,
        ooms: counts.ooms,
        recovered,
        refused,
        nans: counts.nans,
        answered,
        difference,
        deaths: counts.deaths,
        reloaded,
        problems,
      } satisfies Faulted
    }).pipe(Effect.provide(NodeFileSystem.layer), Effect.runPromise),
  )
