/**
 * The worker's desk: calls wait here, and those that can be computed together are. A call that changes weights waits for all
 * before it, and all behind it wait for it.
 */
import type { Control, LocalModel } from "./LocalModel.ts"
import { Meter } from "./Meter.ts"
import type { Call, Method, Reply } from "./protocol.ts"
import { encodeFailure } from "./protocol.ts"

/** Thrown between two layers when nobody wants the result any more. */
class Stopped extends Error {
  override readonly name = "Stopped"
}

/** A reply before its value's type is forgotten. */
export type Answer =
  | Exclude<Reply, { readonly kind: "value" }>
  | { readonly id: number; readonly kind: "value"; readonly value: unknown }

type CallOf<M extends Method> = Extract<Call, { readonly method: M }>

/** Calls that leave weights and adapters as they are. */
const reads: ReadonlySet<Method> = new Set<Method>([
  "encodeChat",
  "encode",
  "decode",
  "sample",
  "logprobs",
  "choices",
  "memory",
])

const unwanted = ({ stop }: Call) => Atomics.load(stop, 0) === 1

const controlOf = (calls: ReadonlyArray<Call>, callOf: (request: number) => Call | undefined): Control => ({
  checkpoint: () => {
    if (calls.every(unwanted)) throw new Stopped("nobody waits for this")
  },
  dropped: (request) => {
    const call = callOf(request)
    return call !== undefined && unwanted(call)
  },
})

/** Lists of requests of several calls as one, and the results dealt out again. */
const together = <Request, Result>(
  calls: ReadonlyArray<Call & { readonly args: readonly [requests: ReadonlyArray<Request>] }>,
  run: (requests: ReadonlyArray<Request>, control: Control) => ReadonlyArray<Result>,
): ReadonlyArray<ReadonlyArray<Result>> => {
  const owners = calls.flatMap((call) => call.args[0].map(() => call))
  const results = run(
    calls.flatMap(({ args }) => args[0]),
    controlOf(calls, (request) => owners[request]),
  )
  let next = 0
  return calls.map(({ args }) => results.slice(next, (next += args[0].length)))
}

/** What answers: a `LocalModel`. */
export type Answering = Pick<LocalModel, Method>

export class Desk {
  readonly #model: Answering
  readonly #reply: (reply: Answer) => void
  readonly #meter: Meter
  #waiting: ReadonlyArray<Call> = []

  constructor(model: Answering, reply: (reply: Answer) => void) {
    this.#model = model
    this.#reply = reply
    this.#meter = new Meter(model)
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  push(calls: ReadonlyArray<Call>): void {
    this.#waiting = [...this.#waiting, ...calls]
  }

  /** Answers the first call that waits, and those of its kind that can be computed with it. */
  work(): void {
    for (const call of this.#waiting.filter(unwanted)) this.#reply({ id: call.id, kind: "stopped" })
    this.#waiting = this.#waiting.filter((call) => !unwanted(call))
    const [first] = this.#waiting
    if (first === undefined) return
    const barrier = this.#waiting.findIndex(({ method }) => !reads.has(method))
    const reach = barrier === -1 ? this.#waiting.length : barrier
    const batch = this.#waiting.filter(
      (call, i) => call === first || (i < reach && call.method === first.method && reads.has(first.method)),
    )
    const taken = new Set(batch)
    this.#waiting = this.#waiting.filter((call) => !taken.has(call))
    this.#answer(batch)
  }

  #answer(batch: ReadonlyArray<Call>): void {
    let values: ReadonlyArray<unknown>
    try {
      values = this.#meter.run(batch, () => this.#run(batch))
    } catch (thrown) {
      if (thrown instanceof Stopped) for (const { id } of batch) this.#reply({ id, kind: "stopped" })
      // One bad request must not fail its neighbours; and what is too much together may fit alone.
      else if (batch.length > 1) for (const call of batch) this.#answer([call])
      else for (const { id } of batch) this.#fail(id, thrown)
      return
    }
    batch.forEach((call, i) => {
      if (unwanted(call)) this.#reply({ id: call.id, kind: "stopped" })
      else this.#reply({ id: call.id, kind: "value", value: values[i] })
    })
  }

  #fail(id: number, thrown: unknown): void {
    const error = encodeFailure(thrown)
    if (error !== undefined) this.#reply({ id, kind: "error", error })
    else
      this.#reply({
        id,
        kind: "defect",
        text: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
      })
  }

  /** One value a call; all calls are of one method. */
  #run(batch: ReadonlyArray<Call>): ReadonlyArray<unknown> {
    const model = this.#model
    const of = <M extends Method>(method: M): ReadonlyArray<CallOf<M>> =>
      batch.filter((call): call is CallOf<M> => call.method === method)
    const samples = of("sample")
    if (samples.length > 0)
      return model.sample(
        samples.map(({ args }) => args[0]),
        controlOf(samples, (request) => samples[request]),
      )
    const logprobs = of("logprobs")
    if (logprobs.length > 0) return together(logprobs, (requests, control) => model.logprobs(requests, control))
    const choices = of("choices")
    if (choices.length > 0) return together(choices, (requests, control) => model.choices(requests, control))
    return batch.map((call) => (call.method === "memory" ? this.#meter.memory(...call.args) : single(model, call)))
  }
}

/** A call that is computed by itself. */
const single = (model: Answering, call: Call): unknown => {
  switch (call.method) {
    case "encodeChat":
      return model.encodeChat(...call.args)
    case "encode":
      return model.encode(...call.args)
    case "decode":
      return model.decode(...call.args)
    case "forwardBackward":
      return model.forwardBackward(
        call.args[0],
        controlOf([call], () => call),
      )
    case "optimStep":
      return model.optimStep(...call.args)
    case "zeroGrad":
      return model.zeroGrad(...call.args)
    case "offload":
      return model.offload(...call.args)
    case "createAdapter":
      return model.createAdapter(...call.args)
    case "dropAdapter":
      return model.dropAdapter(...call.args)
    case "saveState":
      return model.saveState(...call.args)
    case "loadState":
      return model.loadState(...call.args)
    default:
      throw new Error(`${call.method} is computed in batches`)
  }
}
