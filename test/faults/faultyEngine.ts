/**
 * An engine that fails where it is told to: module of a local model's worker. Operations that make a tensor are counted in shared
 * memory; at the one that is named there the engine finds no room, gives NaN, or the worker dies.
 */
import { type Engine, EngineOutOfMemory, type Tensor } from "@hmx/lm"

export interface FaultyOptions {
  /** URL of the module of the engine proper. */
  readonly module: string
  readonly options: unknown
  /** See `Orders`. */
  readonly orders: SharedArrayBuffer
}

/**
 * Places in the orders: operations so far; the one at which there is no room, and so many later there is none once more; the one at
 * which the worker dies; the one from which on the next product of a layer is NaN. 0 is never.
 */
export const Orders = { count: 0, noRoom: 1, andThen: 2, dies: 3, notFinite: 4, length: 5 } as const

/** Operations of a layer that make one tensor of figures. */
const products = new Set<string | symbol>(["linear", "rmsNorm", "attention", "gatedMlp"])

/** What makes tensors. */
const makes = new Set<string | symbol>([
  "upload",
  "reshape",
  "transpose",
  "slice",
  "concat",
  "gather",
  "add",
  "sub",
  "mul",
  "scale",
  "sum",
  "linear",
  "rmsNorm",
  "rotary",
  "attention",
  "gatedMlp",
  "logProbs",
  "vjp",
  "adamW",
])

/** What is made of a tensor that has gone wrong. */
type Spoil = (made: unknown) => unknown

const faulty = <T extends object>(
  target: T,
  orders: Int32Array,
  counted: (name: string | symbol) => boolean,
  spoil: Spoil,
): T =>
  new Proxy(target, {
    get(of, name) {
      const found: unknown = Reflect.get(of, name, of)
      if (typeof found !== "function") return found
      return (...args: ReadonlyArray<unknown>): unknown => {
        let spoilt = false
        if (counted(name)) {
          const n = Atomics.add(orders, Orders.count, 1) + 1
          const from = Atomics.load(orders, Orders.notFinite)
          spoilt = from > 0 && n >= from && products.has(name)
          if (spoilt) Atomics.store(orders, Orders.notFinite, 0)
          if (Atomics.load(orders, Orders.dies) === n) process.exit(1)
          if (Atomics.load(orders, Orders.noRoom) === n) {
            const later = Atomics.exchange(orders, Orders.andThen, 0)
            Atomics.store(orders, Orders.noRoom, later === 0 ? 0 : n + later)
            throw new EngineOutOfMemory(4096, String(name))
          }
        }
        const made: unknown = Reflect.apply(found, of, args)
        if (spoilt) return spoil(made)
        // The way back allocates as well.
        return name === "vjp" && typeof made === "object" && made !== null
          ? faulty(made, orders, (method) => method === "pullback", spoil)
          : made
      }
    },
  })

export const create = async ({ module, options, orders }: FaultyOptions): Promise<Engine> => {
  const { create: make }: { readonly create: (options: unknown) => Promise<Engine> } = await import(module)
  const engine = await make(options)
  // Only what makes one tensor is spoilt.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  const spoil: Spoil = (made) => engine.scale(made as Tensor, Number.NaN)
  return faulty(engine, new Int32Array(orders), (name) => makes.has(name), spoil)
}
