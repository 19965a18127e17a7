/** Tensors out of files: mapped into memory, so that their bytes are the page cache's and are read when they are used. */
import type { DType, TensorFile } from "@hmx/lm"
import { closeSync, fstatSync, openSync } from "node:fs"
import type { Handle } from "./Ledger.ts"
import { bytesOf, widths } from "./Ledger.ts"
import type { Mapping, Pointer } from "./Natives.ts"
import type { Ops } from "./Ops.ts"

type Seen = (bytes: Uint8Array<ArrayBuffer>) => void

/** The largest page of a system that torch runs on: offsets of mappings are its multiples. */
const PAGE = 65_536
/** Bytes that are shown at one time. */
const PIECE = 1 << 24
/**
 * PROT_READ and PROT_WRITE with MAP_PRIVATE: whoever is shown the bytes may write there by mistake, which then changes a page of this process's own
 * and no file, where a page that is for reading alone would end the process. MAP_NORESERVE: no memory is set aside for such pages.
 */
const [ACCESS, FLAGS] = [1 | 2, 2 | (process.platform === "linux" ? 0x4000 : 0x40)]

export function fromFile(ops: Ops, file: TensorFile, shape: ReadonlyArray<number>, dtype: DType, seen: Seen): Handle {
  const { natives } = ops.dispatcher
  const bytes = bytesOf(shape, dtype)
  ops.ledger.admit(bytes)
  const { mapping } = natives
  const aligned = file.offset % widths[dtype] === 0
  const at = mapping !== undefined && aligned && bytes > 0 ? map(mapping, file, bytes) : undefined
  if (mapping === undefined || at === undefined) return read(ops, file, shape, dtype, seen)
  const skip = file.offset % PAGE
  const native = ops.dispatcher.mapped(mapping, at, skip + bytes, skip / widths[dtype], shape, natives.dtypes[dtype])
  // The host's pages are nothing of a GPU's memory.
  const host = ops.ledger.share({ bytes: ops.onHost ? bytes : 0, users: 0, mapped: true }, native, shape, dtype)
  show(ops, at + skip, bytes, seen)
  if (ops.onHost) return host
  const t = ops.empty(shape, dtype)
  ops.into(ops.o.copyInto, t, host, false)
  ops.ledger.free(host)
  return t
}

/** Address of the page in which the tensor begins; undefined where the file is too short or cannot be mapped. */
function map({ map: mmap }: Mapping, { offset, path }: TensorFile, bytes: number): Pointer | undefined {
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    return undefined
  }
  try {
    // A page behind the file's end would end the process when it is touched.
    if (fstatSync(file).size < offset + bytes) return undefined
    const skip = offset % PAGE
    const at = mmap(0, skip + bytes, ACCESS, FLAGS, file, offset - skip)
    return at > 0 ? at : undefined
  } finally {
    closeSync(file)
  }
}

/** Memory of its own, filled by reading. */
function read(ops: Ops, file: TensorFile, shape: ReadonlyArray<number>, dtype: DType, seen: Seen): Handle {
  const { dispatcher, ledger } = ops
  const { natives } = dispatcher
  const bytes = bytesOf(shape, dtype)
  const host = ledger.share(
    { bytes: ops.onHost ? bytes : 0, users: 0 },
    dispatcher.empty(shape, natives.dtypes[dtype], { type: natives.deviceTypes.cpu, index: 0 }),
    shape,
    dtype,
  )
  if (bytes > 0) {
    const data = dispatcher.data(host.native)
    inPieces(ops, data, bytes, (piece, position) => file.read(piece, position))
    show(ops, data, bytes, seen)
  }
  if (ops.onHost) return host
  const t = ops.empty(shape, dtype)
  ops.into(ops.o.copyInto, t, host, false)
  ledger.free(host)
  return t
}

const show = (ops: Ops, at: Pointer, bytes: number, seen: Seen): void =>
  inPieces(ops, at, bytes, (piece) => seen(piece))

function inPieces(
  { dispatcher }: Ops,
  at: Pointer,
  bytes: number,
  body: (piece: Uint8Array<ArrayBuffer>, position: number) => void,
): void {
  for (let position = 0; position < bytes; position += PIECE) {
    const length = Math.min(PIECE, bytes - position)
    const shown = dispatcher.natives.view(at + position, length)
    try {
      body(new Uint8Array(shown), position)
    } finally {
      // Whoever keeps it has nothing: its memory goes with the tensor.
      if (!shown.detached) shown.transfer()
    }
  }
}
