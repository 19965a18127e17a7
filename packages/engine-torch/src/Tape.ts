/**
 * One `vjp` on torch's autograd. Torch's graph records what happens to copies of the inputs that require a gradient. Its C interface lacks
 * three things, which the tape adds:
 *
 * - **Operations with a backward pass of our own** (`custom`): the log-probabilities, whose logits must not be kept, and products with
 *   weights that are stored narrower than they are computed with. Such an operation ends a *segment* of the graph: its results are
 *   fresh leaves of the next one, and whatever is used across the border is carried over as a leaf as well. Segments are disjoint, so
 *   each is run back once, from the last to the first.
 * - **Several outputs**: a segment is run back from one tensor, its results laid end to end, which changes no number.
 * - **What the graph keeps**: torch does not say, so each operation names the tensors that its derivative wants, and their memory is
 *   counted until the tape ends.
 */
import type { Dispatcher } from "./Dispatcher.ts"
import type { Step } from "./GradientBytes.ts"
import { GradientBytes } from "./GradientBytes.ts"
import type { Handle, Ledger, Place, Storage } from "./Ledger.ts"
import type { Pointer } from "./Natives.ts"

/** Gradients that arrived somewhere, to be added up: native handles that the tape holds. */
type Arrived = Array<Pointer>

/** A tensor at which a segment begins. */
class Leaf implements Place {
  readonly segment: number
  /** Requires a gradient. */
  readonly native: Pointer
  /** Gradients that come past torch's graph. */
  readonly arrived: Arrived = []
  /** Where its gradient goes once its segment has been run back. */
  readonly sink: Arrived
  constructor(segment: number, native: Pointer, sink: Arrived) {
    this.segment = segment
    this.native = native
    this.sink = sink
  }
}

interface Segment {
  readonly leaves: Array<Leaf>
  /** Results that later segments, or the caller, use. */
  readonly roots: Array<{ readonly native: Pointer; readonly bytes: number; readonly arrived: Arrived }>
  readonly steps: Array<Step>
  /** The operation that ended it; goes back before it. */
  custom:
    | { readonly run: () => void; readonly from: ReadonlyArray<Handle>; readonly made: ReadonlyArray<Handle> }
    | undefined
}
const segment = (): Segment => ({ leaves: [], roots: [], steps: [], custom: undefined })

/** Gradients of a custom operation's inputs from those of its outputs; `undefined` where there is none. */
export type Pull = (
  cotangents: ReadonlyArray<Handle | undefined>,
  saved: ReadonlyArray<Handle>,
  wanted: ReadonlyArray<boolean>,
) => ReadonlyArray<Handle | undefined>

/** What a tape needs of the operations. */
export interface TapeOps {
  readonly dispatcher: Dispatcher
  readonly ledger: Ledger
  /** A new tensor over the same memory, without a history. */
  readonly detach: (t: Pointer) => Pointer
  readonly backward: (root: Pointer, gradient: Pointer, inputs: ReadonlyArray<Pointer>) => void
  /** Tensors made flat and laid end to end. */
  readonly join: (ts: ReadonlyArray<Pointer>) => Pointer
}

export class Tape {
  readonly #ops: TapeOps
  readonly #segments: Array<Segment> = []
  #current: Segment = segment()
  /** Inputs: their gradients, and the leaf that stands for each in the latest segment that used it. */
  readonly #sources = new Map<Handle, { readonly arrived: Arrived; leaf: Leaf | undefined }>()
  /** What has a history here, and must lose it when the recording ends. */
  readonly #tracked = new Set<Handle>()
  readonly #kept: Array<Storage> = []
  readonly #held: Array<Handle> = []
  /** Native handles that the way back has made and not yet given on: an exception leaves them to `release`. */
  readonly #loose = new Set<Pointer>()
  /** What gradients take on the way back. */
  readonly #bytes = new GradientBytes()

  constructor(ops: TapeOps, sources: ReadonlyArray<Handle>) {
    this.#ops = ops
    this.#segments.push(this.#current)
    for (const t of sources) if (t.dtype !== "i32") this.#sources.set(t, { arrived: [], leaf: undefined })
  }

  get #index(): number {
    return this.#segments.length - 1
  }

  /** Whether a gradient may flow through this tensor. */
  tracks(t: Handle): boolean {
    return t.place !== undefined || this.#sources.has(t)
  }

  /** A tensor's native handle in the current segment: what an operation that autograd is to see must use. */
  native(t: Handle): Pointer {
    const source = this.#sources.get(t)
    if (source !== undefined) {
      if (source.leaf === undefined) this.#keep(t.storage)
      if (source.leaf?.segment !== this.#index) source.leaf = this.#leaf(t.native, source.arrived)
      return source.leaf.native
    }
    if (t.place !== undefined && t.place.segment !== this.#index) this.#become(t, this.#arrivals(t, t.place))
    return t.native
  }

  /** Notes that an operation on the tracked tensors `from` made `t` (see `Step`), and what its derivative keeps. */
  made(
    t: Handle,
    from: ReadonlyArray<Handle>,
    shared: number,
    saved: ReadonlyArray<Handle>,
    hiddenBytes: number,
  ): void {
    t.place = { segment: this.#index }
    this.#current.steps.push({ made: t, from, shared })
    this.#tracked.add(t)
    for (const s of saved) this.#keep(s.storage)
    if (hiddenBytes > 0) this.#keep({ bytes: hiddenBytes, users: 0 })
  }

  /**
   * Notes an operation whose derivative is ours; it was computed with recording off. `outputs` are those that carry a gradient. `saved`
   * is what `pull` gets, and lives until the tape ends.
   */
  custom(
    inputs: ReadonlyArray<Handle>,
    saved: ReadonlyArray<Handle>,
    outputs: ReadonlyArray<Handle>,
    pull: Pull,
  ): void {
    const { dispatcher, ledger, detach } = this.#ops
    const wanted = inputs.map((t) => this.tracks(t))
    const destinations = inputs.map((t) => this.#destination(t))
    const held = saved.map((t) => {
      const copy = ledger.share(t.storage, detach(t.native), t.shape, t.dtype)
      ledger.keep(copy)
      return copy
    })
    this.#held.push(...held)
    const ending = this.#current
    this.#current = segment()
    this.#segments.push(this.#current)
    const results = outputs.map((t) => {
      const arrived: Arrived = []
      this.#become(t, arrived)
      return { arrived, shape: t.shape }
    })
    const run = () => {
      const cotangents = results.map(({ arrived, shape }) => {
        const sum = this.#sum(arrived)
        return sum === undefined ? undefined : ledger.enter(this.#giveOn(sum), shape, "f32")
      })
      if (cotangents.every((c) => c === undefined)) return
      for (const [i, gradient] of pull(cotangents, held, wanted).entries())
        if (gradient !== undefined && wanted[i] === true)
          destinations[i]?.push(this.#hold(dispatcher.copy(gradient.native)))
    }
    ending.custom = { run, made: outputs, from: inputs.filter((_, i) => wanted[i] === true) }
  }

  /** Ends the recording: everything loses its history. Returns what takes each output's cotangent; undefined for a constant. */
  finish(outputs: ReadonlyArray<Handle>): ReadonlyArray<((cotangent: Handle) => void) | undefined> {
    const { detach, dispatcher } = this.#ops
    // A cotangent that another recording follows is a constant here.
    const plain = ({ native, place }: Handle) => (place === undefined ? dispatcher.copy(native) : detach(native))
    const takers = outputs.map((t) => {
      const arrived = this.#destination(t)
      return (
        arrived &&
        ((cotangent: Handle) => {
          arrived.push(this.#hold(plain(cotangent)))
          this.#bytes.given(t)
        })
      )
    })
    this.forget()
    return takers
  }

  /** Takes the history off every tensor that is still alive. */
  forget(): void {
    const { detach, dispatcher } = this.#ops
    for (const t of this.#tracked) {
      if (t.native === 0) continue
      const plain = detach(t.native)
      dispatcher.delete(t.native)
      t.native = plain
      t.place = undefined
    }
    this.#tracked.clear()
  }

  /** Runs all segments back from what has arrived; hands over each source's gradient as a native handle, which `take` owns from then on. */
  pullback(take: (t: Handle, native: Pointer) => void): void {
    const { dispatcher, ledger } = this.#ops
    for (const part of this.#segments.toReversed()) {
      const { custom, steps } = part
      if (custom !== undefined) {
        ledger.during(this.#bytes.live, () => ledger.scope(custom.run))
        this.#bytes.custom(custom.made, custom.from)
      }
      ledger.during(this.#bytes.segment(steps), () => this.#back(part))
      for (const leaf of part.leaves) {
        const own = dispatcher.grad(leaf.native)
        if (own !== undefined) leaf.arrived.push(this.#hold(own))
        const gradient = this.#sum(leaf.arrived)
        if (gradient !== undefined) leaf.sink.push(gradient)
      }
      this.#clear(part)
    }
    for (const [t, { arrived }] of this.#sources) {
      const gradient = this.#sum(arrived)
      if (gradient !== undefined) take(t, this.#giveOn(gradient))
    }
  }

  /** Lets go of everything that the forward pass kept. */
  release(): void {
    const { dispatcher, ledger } = this.#ops
    for (const part of this.#segments.splice(0)) this.#clear(part)
    for (const g of this.#loose) dispatcher.delete(g)
    this.#loose.clear()
    for (const t of this.#held.splice(0)) ledger.free(t)
    for (const storage of this.#kept.splice(0)) ledger.unuse(storage)
    ledger.closeTape(this)
  }

  // --- inside ---

  #keep(storage: Storage): void {
    this.#ops.ledger.use(storage)
    this.#kept.push(storage)
  }

  /** A leaf of the current segment over a tensor's memory. */
  #leaf(native: Pointer, sink: Arrived): Leaf {
    const leaf = new Leaf(this.#index, this.#ops.detach(native), sink)
    this.#current.leaves.push(leaf)
    this.#ops.dispatcher.requireGrad(leaf.native)
    return leaf
  }

  /** Makes a tensor a leaf of the current segment. */
  #become(t: Handle, sink: Arrived): void {
    const { dispatcher } = this.#ops
    const leaf = this.#leaf(t.native, sink)
    dispatcher.delete(t.native)
    t.native = dispatcher.copy(leaf.native)
    t.place = leaf
    this.#tracked.add(t)
  }

  /** Where gradients of a tensor with a history go: to the leaf that it is, or to a root of its segment. */
  #arrivals(t: Handle, place: Place): Arrived {
    if (place instanceof Leaf) return place.arrived
    const root = { native: this.#ops.dispatcher.copy(t.native), bytes: 4 * t.size, arrived: [] }
    this.#segments[place.segment]?.roots.push(root)
    return root.arrived
  }
  #destination(t: Handle): Arrived | undefined {
    return this.#sources.get(t)?.arrived ?? (t.place === undefined ? undefined : this.#arrivals(t, t.place))
  }

  #back({ roots, leaves }: Segment): void {
    const { backward, dispatcher, join, ledger } = this.#ops
    const pairs = roots.flatMap(({ native, bytes, arrived }) => {
      const gradient = this.#sum(arrived)
      return gradient === undefined ? [] : [{ native, bytes, gradient }]
    })
    const [first] = pairs
    if (first === undefined) return
    const inputs = leaves.map((leaf) => leaf.native)
    if (pairs.length === 1) backward(first.native, first.gradient, inputs)
    else {
      const joined = pairs.reduce((sum, { bytes }) => sum + bytes, 0)
      ledger.during(2 * joined, () => {
        const gradient = this.#hold(join(pairs.map((p) => p.gradient)))
        const root = this.#hold(dispatcher.recording(true, () => join(pairs.map((p) => p.native))))
        backward(root, gradient, inputs)
        this.#drop(root)
        this.#drop(gradient)
      })
    }
    for (const { gradient } of pairs) this.#drop(gradient)
  }

  /** Adds up and empties; undefined where nothing arrived. */
  #sum(arrived: Arrived): Pointer | undefined {
    const { dispatcher } = this.#ops
    let sum: Pointer | undefined
    for (const g of arrived.splice(0)) {
      if (sum === undefined) sum = g
      else {
        const next = this.#hold(dispatcher.subtract(sum, g, -1))
        this.#drop(sum)
        this.#drop(g)
        sum = next
      }
    }
    return sum
  }

  #hold(native: Pointer): Pointer {
    this.#loose.add(native)
    return native
  }
  #giveOn(native: Pointer): Pointer {
    this.#loose.delete(native)
    return native
  }
  #drop(native: Pointer): void {
    this.#ops.dispatcher.delete(this.#giveOn(native))
  }

  /** Deletes what a segment's graph hangs on. */
  #clear({ leaves, roots }: Segment): void {
    for (const { native } of [...leaves.splice(0), ...roots.splice(0)]) this.#ops.dispatcher.delete(native)
  }
}
