/**
 * Calls of torch's operators through the shim's boxed calling convention: every argument takes a slot of 8 bytes, results overwrite the
 * slots from the first. Tensors are handed over as copies of handles, which the call eats; a handle that it gives back is the caller's.
 * Scalars are not carried: an operator with one, even by default, is not to be had, and its tensor overload is used instead.
 *
 * An argument of the wrong kind would end the process, so all are checked before the first is packed.
 */
import { EngineOutOfMemory } from "@hmx/lm"
import type { Mapping, Natives, Pointer } from "./Natives.ts"
import { MAX_RANK, slot } from "./Natives.ts"

/** T tensor, i integer, f float, b bool, e dtype, I integers, L tensors, s string; `?` before one allows undefined. */
type Letter = "T" | "i" | "f" | "b" | "e" | "I" | "L" | "s"
interface Parameter {
  readonly letter: Letter
  readonly optional: boolean
}
export type Argument = number | boolean | string | ReadonlyArray<number> | undefined

/** An operator, and what it takes. */
export interface Operator {
  readonly name: string
  readonly namePointer: Pointer
  readonly overloadPointer: Pointer
  readonly parameters: ReadonlyArray<Parameter>
  /** It takes nothing but tensors. */
  readonly plain: boolean
}

/** libtorch refused a call that HMX's own checks had let through. */
export class TorchError extends Error {
  override readonly name = "TorchError"
}

const LOW = 2 ** 32

export class Dispatcher {
  readonly natives: Natives
  /** The engine's operation that is running, for errors. */
  where = "create"

  constructor(natives: Natives) {
    this.natives = natives
  }

  /** `operator("mul.Tensor", "TT")`; a name without a library's is ATen's. */
  operator(name: string, parameters: string): Operator {
    const [base = "", overload = ""] = name.split(".")
    return {
      name,
      namePointer: this.natives.cString(base.includes("::") ? base : `aten::${base}`),
      overloadPointer: this.natives.cString(overload),
      plain: /^T+$/.test(parameters),
      parameters: Array.from(parameters.matchAll(/(\??)([TifbeILs])/g), ([, optional, letter]) => ({
        // The expression allows no other letter.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        letter: letter as Letter,
        optional: optional === "?",
      })),
    }
  }

  /** Runs an operator with one tensor as its result. */
  one(op: Operator, ...args: ReadonlyArray<Argument>): Pointer {
    this.#call(op, args)
    return this.pointer(0)
  }
  /** Runs an operator with two tensors as its results. */
  two(op: Operator, ...args: ReadonlyArray<Argument>): readonly [Pointer, Pointer] {
    this.#call(op, args)
    return [this.pointer(0), this.pointer(1)]
  }
  /** Runs an operator without results. */
  none(op: Operator, ...args: ReadonlyArray<Argument>): void {
    this.#call(op, args)
  }

  // --- the shim's own calls ---

  /** a − factor · b, by the operator (autograd sees it). */
  subtract(a: Pointer, b: Pointer, factor: number): Pointer {
    this.#alive(a)
    this.#alive(b)
    this.check(this.natives.subtract(a, b, factor, this.at(slot.result)))
    return this.pointer(slot.result)
  }
  /** A second handle of a tensor. */
  copy(t: Pointer): Pointer {
    this.#alive(t)
    this.check(this.natives.newHandle(t, this.at(slot.result)))
    return this.pointer(slot.result)
  }
  delete(t: Pointer): void {
    if (t !== 0) this.check(this.natives.deleteHandle(t))
  }
  /** Memory as it comes, contiguous. */
  empty(
    shape: ReadonlyArray<number>,
    dtype: number,
    device: { readonly type: number; readonly index: number },
  ): Pointer {
    this.#strides(shape)
    const { emptyStrided } = this.natives
    const result = this.at(slot.result)
    this.check(
      emptyStrided(shape.length, this.at(slot.sizes), this.at(slot.strides), dtype, device.type, device.index, result),
    )
    return this.pointer(slot.result)
  }
  /** A tensor over mapped memory, from `offset` elements behind `at` on; torch unmaps the whole when it lets go of it. */
  mapped(
    { fromBlob, deleter, strided }: Mapping,
    at: Pointer,
    length: number,
    offset: number,
    shape: ReadonlyArray<number>,
    dtype: number,
  ): Pointer {
    this.#strides(shape)
    const [sizes, strides, result] = [this.at(slot.sizes), this.at(slot.strides), this.at(slot.result)]
    const { cpu } = this.natives.deviceTypes
    // -1: the CPU has no number. A mapping that torch refuses stays: whether it was unmapped is not said.
    this.check(
      fromBlob(at, shape.length, sizes, strides, offset, dtype, cpu, -1, result, strided, 0, 0, deleter, length),
    )
    return this.pointer(slot.result)
  }
  fill(t: Pointer, value: number): void {
    this.#alive(t)
    this.check(this.natives.fill(t, value))
  }
  /** A number as a tensor without axes, f32 on the host: operators on any device take it. */
  scalar(value: number): Pointer {
    this.check(this.natives.scalar(value, this.at(slot.result)))
    return this.pointer(slot.result)
  }
  item(t: Pointer): number {
    this.#alive(t)
    this.check(this.natives.itemF64(t, this.at(slot.result)))
    return this.natives.scratch.f64[slot.result] ?? Number.NaN
  }
  /** Address of a tensor's first element. */
  data(t: Pointer): Pointer {
    this.#alive(t)
    this.check(this.natives.dataPointer(t, this.at(slot.result)))
    return this.pointer(slot.result)
  }
  /** Address and bytes of the memory that a tensor looks into. */
  storage(t: Pointer, width: number): { readonly at: Pointer; readonly bytes: number } {
    const first = this.data(t)
    this.check(this.natives.storageOffset(t, this.at(slot.result)))
    const offset = this.pointer(slot.result)
    this.check(this.natives.storageSize(t, this.at(slot.result)))
    return { at: first - offset * width, bytes: this.pointer(slot.result) }
  }
  /** Marks a tensor that autograd shall find the gradient of. */
  requireGrad(t: Pointer): void {
    this.#alive(t)
    this.check(this.natives.setRequiresGrad(t, true))
  }
  /** The gradient that a backward pass left at a leaf, as a handle of its own; undefined where none arrived. */
  grad(leaf: Pointer): Pointer | undefined {
    this.#alive(leaf)
    // A handle is the address of an at::Tensor, whose first word is the address of its TensorImpl.
    const grad = this.natives.mutableGrad(this.#read(leaf))
    this.check(this.natives.isDefined(grad, this.at(slot.result)))
    return ((this.natives.scratch.u32[2 * slot.result] ?? 0) & 255) === 0 ? undefined : this.copy(grad)
  }

  /** Runs `body` with autograd's recording on or off, and puts back what it was: another recording of this thread may be under way. */
  recording<A>(on: boolean, body: () => A): A {
    const { gradMode, setGradMode } = this.natives
    const before = gradMode()
    setGradMode(on)
    try {
      return body()
    } finally {
      setGradMode(before)
    }
  }

  // --- inside ---

  #call(op: Operator, args: ReadonlyArray<Argument>): void {
    const { parameters } = op
    if (args.length !== parameters.length)
      throw new TorchError(`${op.name} takes ${parameters.length} arguments, ${args.length} given`)
    const { dispatch, newHandle, abi, scratch } = this.natives
    for (let i = 0; i < parameters.length; i++) this.#validate(op, i, parameters[i], args[i])
    if (op.plain) {
      for (let i = 0; i < args.length; i++) {
        const t = args[i]
        if (typeof t === "number") this.check(newHandle(t, scratch.base + 8 * i))
      }
    } else for (let i = 0; i < parameters.length; i++) this.#pack(i, parameters[i], args[i])
    this.check(dispatch(op.namePointer, op.overloadPointer, scratch.base, abi))
  }

  #validate(op: Operator, i: number, parameter: Parameter | undefined, value: Argument): void {
    if (parameter === undefined || (value === undefined && parameter.optional)) return
    const { letter } = parameter
    const right =
      letter === "T"
        ? typeof value === "number" && value > 0
        : letter === "i" || letter === "e"
          ? Number.isSafeInteger(value)
          : letter === "f"
            ? typeof value === "number"
            : letter === "b"
              ? typeof value === "boolean"
              : letter === "s"
                ? typeof value === "string"
                : typeof value === "object" && value.every((x) => Number.isSafeInteger(x) && (letter === "I" || x > 0))
    if (!right) throw new TorchError(`${op.name}: argument ${i} is ${String(value)}; expected ${letter}`)
  }

  /** Writes a checked argument into slot `i`. */
  #pack(i: number, parameter: Parameter | undefined, value: Argument): void {
    const { natives } = this
    const { u32, f64, i32 } = natives.scratch
    if (value === undefined || parameter === undefined) {
      u32[2 * i] = 0
      u32[2 * i + 1] = 0
      return
    }
    if (typeof value === "boolean") {
      u32[2 * i] = value ? 1 : 0
      u32[2 * i + 1] = 0
    } else if (typeof value === "string") {
      this.check(natives.newString(value, Buffer.byteLength(value), this.at(i)))
    } else if (typeof value === "object") {
      this.check(natives.newList(value.length, this.at(i)))
      const list = this.pointer(i)
      for (const x of value) {
        if (parameter.letter === "I") this.check(natives.push(list, x))
        else {
          this.check(natives.newHandle(x, this.at(slot.second)))
          this.check(natives.push(list, this.pointer(slot.second)))
        }
      }
    } else if (parameter.letter === "T") this.check(natives.newHandle(value, this.at(i)))
    else if (parameter.letter === "f") f64[i] = value
    else if (parameter.letter === "e") {
      i32[2 * i] = value
      u32[2 * i + 1] = 0
    } else this.setInteger(i, value)
    if (parameter.optional) {
      const low = u32[2 * i] ?? 0
      const high = u32[2 * i + 1] ?? 0
      this.check(natives.newOptional(this.at(i)))
      u32[2 * slot.second] = low
      u32[2 * slot.second + 1] = high
      natives.copyMemory(this.pointer(i), this.at(slot.second), 8)
    }
  }

  /** Turns a caught C++ exception into an error. */
  check(rc: number): void {
    if (rc === 0) return
    const text = this.natives.what?.() ?? ""
    const wanted = outOfMemory(text)
    if (wanted !== undefined) throw new EngineOutOfMemory(wanted, this.where)
    const [line = ""] = text.split("\n")
    throw new TorchError(
      `${this.where}: ${line === "" ? "libtorch refused the call; before torch 2.13 its reason goes to stderr" : line.slice(0, 500)}`,
    )
  }

  #alive(t: Pointer): void {
    // Reached by a mistake of this package alone; libtorch would crash on it.
    if (t === 0) throw new TorchError(`${this.where}: a null handle`)
  }
  #sizes(shape: ReadonlyArray<number>): void {
    if (shape.length > MAX_RANK) throw new TorchError(`${this.where}: ${shape.length} axes; at most ${MAX_RANK}`)
    for (const [i, d] of shape.entries()) this.setInteger(slot.sizes + i, d)
  }
  /** Sizes and strides of a contiguous tensor. */
  #strides(shape: ReadonlyArray<number>): void {
    this.#sizes(shape)
    let stride = 1
    for (let i = shape.length - 1; i >= 0; i--) {
      this.setInteger(slot.strides + i, stride)
      stride *= Math.max(1, shape[i] ?? 1)
    }
  }
  /** Address of a slot. */
  at(i: number): Pointer {
    return this.natives.scratch.base + 8 * i
  }
  /** What a slot holds, as an unsigned number. */
  pointer(i: number): Pointer {
    const { u32 } = this.natives.scratch
    return (u32[2 * i] ?? 0) + (u32[2 * i + 1] ?? 0) * LOW
  }
  /** Writes an integer into a slot. */
  setInteger(i: number, value: number): void {
    const { i32, u32 } = this.natives.scratch
    const high = Math.floor(value / LOW)
    u32[2 * i] = value - high * LOW
    i32[2 * i + 1] = high
  }
  #read(at: Pointer): Pointer {
    this.natives.copyMemory(this.at(slot.result), at, 8)
    return this.pointer(slot.result)
  }
}

/** Bytes asked for, where the text is an allocator's; 0 where it does not say. */
export function outOfMemory(text: string): number | undefined {
  const cpu = /allocat\w* memory: you tried to allocate (\d+) bytes/.exec(text)
  if (cpu !== null) return Number(cpu[1])
  const cuda = /out of memory\. Tried to allocate ([\d.]+) (bytes|KiB|MiB|GiB)/i.exec(text)
  if (cuda !== null) {
    const unit = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }[cuda[2] ?? ""] ?? 1
    return Math.round(Number(cuda[1]) * unit)
  }
  // What CUDA's libraries say where they find no room for themselves.
  return /out of memory|not enough memory|CU(?:BLAS|DNN|SOLVER|SPARSE)_STATUS_ALLOC_FAILED|Storage size calculation overflowed/i.test(
    text,
  )
    ? 0
    : undefined
}
