import type { FileSystem } from "../Files.ts"
import { bad } from "../Files.ts"

/** Bytes that are read at one time. */
const windowBytes = 1 << 20

/** More than any vocabulary in a header needs; a bound against headers that go on for ever. */
export const headerLimit = 512 * 2 ** 20

/** Reads little-endian values of an open file from its start on. Throws BadInput at the end of the file and at the header's limit. */
export class HeaderCursor {
  readonly #files: FileSystem
  readonly #fd: number
  readonly #where: string
  readonly #size: number
  #window = new Uint8Array(0)
  /** The window's first byte in the file, and the next byte to read. */
  #start = 0
  position = 0

  constructor(files: FileSystem, fd: number, where: string, size: number) {
    this.#files = files
    this.#fd = fd
    this.#where = where
    this.#size = size
  }

  /** Passes over bytes. */
  skip(length: number): void {
    const end = this.position + length
    if (!Number.isSafeInteger(end) || end > Math.min(this.#size, headerLimit)) {
      const expected = `at most ${Math.min(this.#size, headerLimit)}, which is what the file can hold (is it cut off?)`
      throw bad(this.#where, `a header that goes on to byte ${end}`, expected)
    }
    this.position = end
  }

  u8(): number {
    return this.#view(1).getUint8(0)
  }
  u32(): number {
    return this.#view(4).getUint32(0, true)
  }
  /** A count: what does not fit into 2⁵³ is BadInput. */
  count(what: string, most: number): number {
    const n = this.#view(8).getBigUint64(0, true)
    if (n > BigInt(most)) throw bad(this.#where, `${n} ${what}`, `at most ${most}`)
    return Number(n)
  }
  text(what: string, most: number): string {
    const { buffer, byteLength, byteOffset } = this.#view(this.count(`bytes of ${what}`, most))
    return new TextDecoder().decode(new Uint8Array(buffer, byteOffset, byteLength))
  }

  #view(length: number): DataView {
    const at = this.position
    this.skip(length)
    if (at < this.#start || at + length > this.#start + this.#window.length) {
      const window = new Uint8Array(Math.max(length, Math.min(windowBytes, this.#size - at)))
      let done = 0
      while (done < window.length) {
        const read = this.#files.readSync(this.#fd, window, done, window.length - done, at + done)
        if (read === 0) throw bad(this.#where, `${at + done} bytes`, `${this.#size} bytes (did the file change?)`)
        done += read
      }
      this.#window = window
      this.#start = at
    }
    return new DataView(this.#window.buffer, this.#window.byteOffset + at - this.#start, length)
  }
}
