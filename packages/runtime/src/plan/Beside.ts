/** The plan of memory beside what was measured, stage by stage: memory.json of a run's folder. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { LanguageModel, type ModelShape, type Stage } from "hmx"
import type { Event, Memory as Use } from "../Event.ts"
import { measures } from "../measuring.ts"
import { held, type Plan } from "../Memory.ts"
import { type Room, roomOf } from "../Reservations.ts"
import { writeFile } from "../Storage.ts"
import { heldBy } from "./heldBy.ts"
import { type Asked, counter, type During, sequencesOf } from "./Rehearsal.ts"

/** All in bytes. */
export const Record = Schema.Struct({
  format: Schema.Literal(1),
  budget: Schema.Number,
  /** At rest, by the plan. */
  weights: Schema.Number,
  stays: Schema.Number,
  /**
   * With weights and adapter. `planned` is for answers as long as they may be, `asked` the same closed form for what was asked in the
   * step that held most, `measured` what the engine counted there; null where the model does not say, or where all was in the store.
   */
  stages: Schema.Array(
    Schema.Struct({
      stage: Schema.String,
      planned: Schema.Number,
      asked: Schema.NullOr(Schema.Number),
      measured: Schema.NullOr(Schema.Number),
    }),
  ),
})
export type Record = typeof Record.Type

type Service = (typeof LanguageModel)["Service"]

/** What a stage has asked: which methods, and in the step in work with what. */
interface Noted {
  readonly methods: Set<string>
  readonly calls: Array<Asked>
  readonly tick: () => number
}

/** The model, noting what it is asked; answers are as long as they came out. */
const noting = (lm: Service, { calls, methods, tick }: Noted): Service => {
  const note = <A, E, R>(method: string, effect: Effect.Effect<A, E, R>, asked: (made: A, during: During) => Asked) =>
    Effect.suspend(() => {
      methods.add(method)
      const began = tick()
      return Effect.tap(effect, (made) => Effect.sync(() => calls.push(asked(made, { began, ended: tick() }))))
    })
  return {
    ...lm,
    sample: (request) =>
      note("sample", lm.sample(request), (made, during) => {
        const lengths = made.map(({ tokens }) => tokens.length)
        return { ...during, method: "sample", request, made: lengths }
      }),
    logprobs: (requests) =>
      note("logprobs", lm.logprobs(requests), (_, during) => ({ ...during, method: "score", sequences: requests })),
    choices: (requests) =>
      note("choices", lm.choices(requests), (_, during) => ({
        ...during,
        method: "score",
        sequences: sequencesOf(requests),
      })),
    forwardBackward: (request) =>
      note("forwardBackward", lm.forwardBackward(request), (_, during) => ({ ...during, method: "train", request })),
    optimStep: (request) => Effect.suspend(() => (methods.add("optimStep"), lm.optimStep(request))),
  }
}

export interface Beside {
  /** Reserves what a stage needs, and notes by whom the model is asked. */
  readonly room: Room
  /** Takes what an event says of memory; what it comes to is worked out when `settle` is called, which may be while the model works. */
  readonly see: (event: Event) => void
  readonly settle: () => void
  readonly record: () => Record
}

/**
 * `groups` are those of a step, `adapter` the one in training. Two stages that ask the same method share its peak: the greater is told of both. What is measured
 * between steps is told of the first stage that measures.
 */
export const beside = (plan: Plan, groups: number, shape: ModelShape, adapter: string): Beside => {
  const room = roomOf(plan, groups, adapter)
  const offloads = new Map(plan.stages.map((one) => [one.stage, one.offloads]))
  const noted = new Map<string, Noted & { readonly stage: Stage.Any }>()
  const tick = counter()
  const peaks = new Map<string, { readonly asked: number; readonly measured: number }>()
  const later: Array<() => void> = []
  const see = (which: (stage: Stage.Any) => boolean, work: Use["work"]): void => {
    for (const { calls, methods, stage } of noted.values()) {
      if (!which(stage) || calls.length === 0) continue
      const taken = calls.splice(0)
      if (work === undefined) continue
      const measured = [...methods].reduce((most, method) => Math.max(most, work[method]?.peak ?? 0), 0)
      later.push(() => {
        if (measured <= (peaks.get(stage.name)?.measured ?? 0)) return
        const bytes = heldBy(shape, taken, stage).reduce((sum, part) => sum + part.bytes, 0)
        const asked = held(plan, { bytes, offloads: offloads.get(stage.name) ?? 0 })
        peaks.set(stage.name, { asked, measured })
      })
    }
  }
  const settle = (): void => {
    for (const work of later.splice(0)) work()
  }
  return {
    room: <A, E, R>(stage: Stage.Any, work: Effect.Effect<A, E, R>) => {
      const mine = noted.get(stage.name) ?? { stage, methods: new Set<string>(), calls: [], tick }
      noted.set(stage.name, mine)
      const watched = Effect.gen(function* () {
        const lm = yield* Effect.serviceOption(LanguageModel)
        if (lm._tag === "None") return yield* work
        return yield* Effect.provideService(work, LanguageModel, noting(lm.value, mine))
      })
      return room(stage, watched)
    },
    see: (event) => {
      if (event._tag === "StepFinished") see((stage) => !measures(stage), event.memory.work)
      if (event._tag === "Evaluated") see(measures, event.memory?.work)
    },
    settle,
    record: () => {
      settle()
      return {
        format: 1,
        budget: plan.budget,
        weights: plan.weights,
        stays: plan.stays,
        stages: plan.stages.map(({ bytes, offloads, stage }) => ({
          stage,
          planned: held(plan, { bytes, offloads }),
          asked: peaks.get(stage)?.asked ?? null,
          measured: peaks.get(stage)?.measured ?? null,
        })),
      }
    },
  }
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Record))

/** The record in the text of a memory.json; undefined where it is none: it is for the eye. */
export const parse = (text: string): Record | undefined => {
  const found = decode(text)
  return found._tag === "Some" ? found.value : undefined
}
const pathOf = (run: string): string => `${run}/memory.json`

/** The record of a run; undefined where there is none that can be read: it is for the eye. */
export const read = Effect.fnUntraced(function* (run: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(pathOf(run)), () => "")
  return parse(text)
})

/** Writes the record; of a run that goes on, the greater of what either process measured. */
export const write = Effect.fnUntraced(function* (run: string, record: Record) {
  const before = yield* read(run)
  const stages = record.stages.map((now) => {
    const was = before?.stages.find(({ stage }) => stage === now.stage)
    return (was?.measured ?? 0) > (now.measured ?? 0)
      ? { ...now, asked: was?.asked ?? null, measured: was?.measured ?? null }
      : now
  })
  yield* writeFile(pathOf(run), `${JSON.stringify({ ...record, stages }, null, 2)}\n`)
})
