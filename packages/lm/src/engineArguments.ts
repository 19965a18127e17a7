/**
 * What each operation of `Engine` asks of its arguments, before a library sees them: engines check ownership and types of their tensors, this
 * their shapes and the numbers beside them. A mistake is an EngineMisuse that begins with the operation's name.
 */
import type {
  AdamWOptions,
  AdamWState,
  AttentionOptions,
  DType,
  LogProbsOptions,
  Tensor,
  TensorFile,
} from "./Engine.ts"
import { checkDType, checkPositive, checkShape, checkSize, misuse, showShape } from "./engineChecks.ts"

type Shape = ReadonlyArray<number>

export const engineArguments = {
  /** Checks what is the same of host numbers and of a file's; returns the shape, a copy. */
  made(shape: Shape, elements: number | undefined, dtype: DType, where: "upload" | "fromFile"): Shape {
    checkDType(dtype, where)
    return checkSize(shape, elements, where)
  },
  fromFile({ offset }: TensorFile, shape: Shape, dtype: DType): Shape {
    if (!Number.isSafeInteger(offset) || offset < 0)
      misuse("fromFile", `offset is ${offset}; expected a whole number of bytes`)
    return engineArguments.made(shape, undefined, dtype, "fromFile")
  },
  transpose({ shape }: Tensor, perm: Shape): void {
    if (perm.length !== shape.length || shape.some((_, i) => !perm.includes(i)))
      misuse("transpose", `[${perm.join(", ")}] does not permute ${showShape(shape)}`)
  },
  slice({ shape }: Tensor, axis: number, start: number, length: number): void {
    const size = shape[axis]
    if (size === undefined) return misuse("slice", `${showShape(shape)} has no axis ${axis}`)
    if (!Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 0 || start + length > size)
      misuse("slice", `${start} + ${length} is outside axis ${axis} of ${showShape(shape)}`)
  },
  write(into: Tensor, x: Tensor, axis: number, start: number, users: number): void {
    if (x.dtype !== into.dtype) misuse("write", `${x.dtype} does not go into ${into.dtype}`)
    const length = x.shape[axis] ?? 0
    checkShape(
      x,
      into.shape.map((d, i) => (i === axis ? length : d)),
      "write",
      "x",
    )
    const size = into.shape[axis]
    if (size === undefined || !Number.isInteger(start) || start < 0 || start + length > size)
      misuse("write", `${start} + ${length} is outside axis ${axis} of ${showShape(into.shape)}`)
    if (users !== 1) misuse("write", "what is written to is shared: views of it or a tape are alive")
  },
  /** Returns the result's shape. */
  concat(parts: ReadonlyArray<Tensor>, axis: number): Shape {
    const [first] = parts
    if (first === undefined) return misuse("concat", "no tensors given")
    if (first.shape[axis] === undefined) misuse("concat", `${showShape(first.shape)} has no axis ${axis}`)
    const expected = first.shape.with(axis, -1)
    let along = 0
    for (const p of parts) {
      checkShape(p, expected, "concat", "an argument")
      if (p.dtype !== first.dtype) misuse("concat", `${first.dtype} and ${p.dtype} do not mix`)
      along += p.shape[axis] ?? 0
    }
    return first.shape.with(axis, along)
  },
  /** The values of `ids` are for `within`. */
  gather(table: Tensor, ids: Tensor): void {
    if (ids.shape.length !== 1) misuse("gather", `ids are ${showShape(ids.shape)}; expected [*]`)
    if (table.shape.length === 0) misuse("gather", "a scalar has no rows")
  },
  /** Values that pick rows of something of `limit` rows. */
  within(ids: Iterable<number>, limit: number, where: string, what: "id" | "target"): void {
    for (const id of ids)
      if (id < 0 || id >= limit)
        misuse(where, `${what} ${id} is outside the ${limit} ${what === "id" ? "rows" : "tokens"}`)
  },
  packed(ws: ReadonlyArray<Tensor>): void {
    const [first] = ws
    if (first?.shape.length !== 2) return misuse("packed", "expected weights [O, I]")
    for (const w of ws) {
      checkShape(w, [-1, first.shape[1] ?? 0], "packed", "a weight")
      if (w.dtype !== first.dtype) misuse("packed", `${first.dtype} and ${w.dtype} do not mix`)
    }
  },
  linear(x: Tensor, w: Tensor, bias: Tensor | undefined, lora: { readonly a: Tensor; readonly b: Tensor } | undefined) {
    const at = "linear"
    checkShape(x, [-1, -1], at, "x")
    const [, I = 0] = x.shape
    checkShape(w, [-1, I], at, "w")
    const [O = 0] = w.shape
    if (bias !== undefined) checkShape(bias, [O], at, "bias")
    if (lora === undefined) return
    checkShape(lora.a, [-1, I], at, "lora.a")
    checkShape(lora.b, [O, lora.a.shape[0] ?? 0], at, "lora.b")
  },
  rmsNorm(x: Tensor, w: Tensor): void {
    const last = x.shape.at(-1)
    if (last === undefined) return misuse("rmsNorm", "x has no axis")
    checkShape(w, [last], "rmsNorm", "w")
  },
  rotary(x: Tensor, cos: Tensor, sin: Tensor): void {
    checkShape(x, [-1, -1, -1], "rotary", "x")
    const [n = 0, , d = 0] = x.shape
    if (d % 2 !== 0) misuse("rotary", `the head dimension ${d} is odd`)
    checkShape(cos, [n, d / 2], "rotary", "cos")
    checkShape(sin, [n, d / 2], "rotary", "sin")
  },
  /** Returns the sizes; Tk is that of the keys that there are. */
  attention(q: Tensor, k: Tensor, v: Tensor, { bias, softcap, keys }: AttentionOptions) {
    const at = "attention"
    checkShape(q, [-1, -1, -1, -1], at, "q")
    const [B = 0, Tq = 0, H = 0, D = 0] = q.shape
    checkShape(k, [B, -1, -1, D], at, "k")
    const [, room = 0, K = 0] = k.shape
    checkShape(v, [B, room, K, D], at, "v")
    const Tk = keys ?? room
    if (!Number.isInteger(Tk) || Tk < 0 || Tk > room) misuse(at, `keys is ${Tk}; expected a count of at most ${room}`)
    if (K === 0 || H % K !== 0) misuse(at, `${H} query heads are not a multiple of ${K} key heads`)
    checkShape(bias, [bias.shape[0] === 1 ? 1 : B, Tq, Tk], at, "bias")
    checkPositive(softcap, at, "softcap")
    return { B, Tq, Tk, H, K, D }
  },
  gatedMlp(gate: Tensor, up: Tensor): void {
    checkShape(up, gate.shape, "gatedMlp", "up")
  },
  /** Fills in what is left out; `logits` is how many may exist at one time. */
  logProbs(h: Tensor, w: Tensor, targets: Tensor, options: LogProbsOptions, logits: number) {
    const at = "logProbs"
    checkShape(h, [-1, -1], at, "h")
    const [N = 0, I = 0] = h.shape
    checkShape(w, [-1, I], at, "w")
    const [V = 0] = w.shape
    checkShape(targets, [N], at, "targets")
    if (V === 0) misuse(at, "the vocabulary is empty")
    const { temperature = 1, softcap, chunk = Math.max(1, Math.floor(logits / V)) } = options
    checkPositive(temperature, at, "temperature")
    checkPositive(softcap, at, "softcap")
    if (!Number.isInteger(chunk) || chunk < 1) misuse(at, `chunk is ${chunk}; expected at least one row`)
    return { temperature, softcap, chunk }
  },
  expSums(logits: Tensor, temperature: number, block: number): void {
    const at = "expSums"
    checkShape(logits, [-1, -1], at, "logits")
    if (logits.shape[1] === 0) misuse(at, "the vocabulary is empty")
    checkPositive(temperature, at, "temperature")
    if (!Number.isSafeInteger(block) || block < 1) misuse(at, `block is ${block}; expected at least one column`)
  },
  adamW(param: Tensor, grad: Tensor, { m, v }: AdamWState, { step }: AdamWOptions): void {
    checkShape(grad, param.shape, "adamW", "grad")
    checkShape(m, param.shape, "adamW", "state.m")
    checkShape(v, param.shape, "adamW", "state.v")
    if (!Number.isInteger(step) || step < 1) misuse("adamW", `step is ${step}; the first is 1`)
  },
}
