/** How fast an engine computes here, by a probe of fixed products: kept as a small file, from which plans estimate time. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { type DType, type Engine, type EngineInfo, EngineOutOfMemory, type Tensor } from "./Engine.ts"
import { decodeAt } from "./io/decodeAt.ts"
import { jsonFile, readJson, writeAtomically } from "./io/Files.ts"

const Positive = Schema.Finite.check(Schema.isGreaterThan(0))

export const Speed = Schema.Struct({
  format: Schema.Literal(2),
  /** The engine that was probed, as `EngineInfo` has it. */
  engine: Schema.Struct({
    name: Schema.String,
    version: Schema.String,
    device: Schema.String,
    threads: Schema.Int,
  }),
  /** Bytes of a weight in the probe's products. */
  bytesPerWeight: Schema.Literals([2, 4]),
  /** Floating-point operations a second of a product of many rows, beside its call: a multiplication and an addition are two. */
  product: Positive,
  /** Bytes of weights a second in the product of one row, beside its call. */
  memory: Positive,
  /** Seconds of the smallest operation: what every call costs, whatever it computes. */
  call: Positive,
})
export type Speed = typeof Speed.Type

/** Products of [rows, size] and a square weight; and of a row with weights of 8 MiB in f32 and more, which no near cache holds. */
const products = [512, 1024, 2048, 4096, 8192].map((size) => ({ rows: size / 4, into: size, out: size }))
const readings = [1, 2, 4, 8].map((times) => ({ rows: 1, into: 1024 * times, out: 2048 * times }))
/** A product that takes so many calls says what it computes a second, and not what a call costs: a GPU has done a small one before the next is asked. */
const manyCalls = 16
/** A sample lasts about so long, in milliseconds: less than what else runs here takes the processor for. The shortest of so many counts. */
const [least, samples] = [1, 6]

/** 1/512 holds in every type: results stay about as great as what goes in. */
const filled = (engine: Engine, shape: readonly [number, number], dtype: DType, power: number): Tensor => {
  const n = shape[0] * shape[1]
  // The upper half of the bits of a power of two in f32 is the number in bf16.
  const bits = (127 + power) << 7
  return engine.upload(
    dtype === "bf16" ? new Uint16Array(n).fill(bits) : new Float32Array(n).fill(2 ** power),
    shape,
    dtype,
  )
}

/** Seconds of one call of `body`, which makes one tensor. */
const secondsOf = (engine: Engine, body: () => Tensor): number => {
  const sample = (times: number): number => {
    const start = performance.now()
    for (let i = 1; i < times; i++) engine.scope(() => void body())
    // Waits for a device that computes on its own.
    engine.scope(() => void engine.download(body()))
    return performance.now() - start
  }
  // A slow engine is not asked again.
  const first = sample(1)
  if (first > 20 * least) return first / 1000
  // The next ones compile and allocate.
  for (let i = 0; i < 2; i++) sample(1)
  let times = 1
  while (sample(times) < least && times < 4096) times *= 2
  const shortest = Math.min(...Array.from({ length: samples }, () => sample(times)))
  return Math.max(shortest, 1e-3) / times / 1000
}

/** Measures an engine: some tens of milliseconds, nothing stays. Throws what the engine throws, as where its memory has no room. */
export const probe = (engine: Engine, bytesPerWeight: 2 | 4): Speed => {
  const { device, name, threads, version } = engine.info
  const dtype = bytesPerWeight === 2 ? "bf16" : "f32"
  let call = 0
  engine.scope(() => {
    const one = filled(engine, [1, 1], "f32", 0)
    call = secondsOf(engine, () => engine.add(one, one))
  })
  /** Units a second of the first product that takes many calls, or of the greatest that there is room for. */
  const rate = (sizes: typeof products, units: (size: (typeof products)[number]) => number): number => {
    let found: number | undefined
    for (const size of sizes) {
      let seconds = 0
      try {
        engine.scope(() => {
          const weights = engine.frozen(filled(engine, [size.out, size.into], dtype, -9))
          const block = filled(engine, [size.rows, size.into], "f32", 0)
          seconds = secondsOf(engine, () => engine.linear(block, weights))
        })
      } catch (thrown) {
        if (found === undefined || !(thrown instanceof EngineOutOfMemory)) throw thrown
        break
      }
      found = units(size) / Math.max(seconds - call, seconds / manyCalls)
      if (seconds >= manyCalls * call) break
    }
    return found ?? 0
  }
  const product = rate(products, ({ into, out, rows }) => 2 * rows * into * out)
  const memory = rate(readings, ({ into, out }) => bytesPerWeight * into * out)
  return { format: 2, engine: { name, version, device, threads }, bytesPerWeight, product, memory, call }
}

/** Where a folder has the speed of an engine on a processor or a GPU, for weights of that width. */
export const speedFile = (folder: string, engine: string, device: string, bytesPerWeight: number): string =>
  join(folder, `${engine}-${device.startsWith("cuda") ? "cuda" : "cpu"}-${bytesPerWeight * 8}bit.json`)

/** What is noted there; undefined where nothing is that can be read. */
export const readSpeed = (file: string): Effect.Effect<Speed | undefined> =>
  Effect.orElseSucceed(Effect.flatMap(readJson(file, 10_000), decodeAt(Speed, file)), () => undefined)

const isOf = ({ engine }: Speed, info: EngineInfo): boolean =>
  engine.version === info.version && engine.threads === info.threads && engine.device === info.device

/** Probes an engine of which the folder says nothing, or of another version or other threads. What fails leaves nothing: it is for plans only. */
export const noteSpeed = (engine: Engine, bytesPerWeight: number, folder: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const file = speedFile(folder, engine.info.name, engine.info.device, bytesPerWeight)
    const known = yield* readSpeed(file)
    if (known !== undefined && isOf(known, engine.info)) return
    const found = yield* Effect.try(() => probe(engine, bytesPerWeight === 2 ? 2 : 4))
    engine.resetPeak()
    yield* writeAtomically([jsonFile(file, found)], { flush: false })
  }).pipe(Effect.ignore)
