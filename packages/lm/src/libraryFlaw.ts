/**
 * What a native library's headers show before it is loaded. The loader maps a file as far as its headers say: where the file is shorter,
 * reading it ends the process (SIGBUS), so it must not be asked. And of a library of another platform it says that there is none. A file of the right
 * size may still have holes, where a copy was broken off after the room for it had been made: its code would be zeros. So the table of sections at its
 * end is looked at, and some pages of its code.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { basename } from "node:path"

/** This platform as `process.platform` and `process.arch` say it: linux-x64. */
const here = `${process.platform}-${process.arch}`

/** e_machine of ELF, cputype of Mach-O, Machine of PE. */
const machines = {
  elf: { 62: "x64", 183: "arm64", 3: "ia32", 40: "arm", 243: "riscv64", 21: "ppc64", 22: "s390x" },
  mach: { 0x01000007: "x64", 0x0100000c: "arm64" },
  pe: { 0x8664: "x64", 0xaa64: "arm64", 0x14c: "ia32" },
} as const

const named = (table: { readonly [code: number]: string }, code: number): string => table[code] ?? `machine ${code}`

/** Most program headers that are read; a library has about ten. */
const MOST = 1024

/**
 * Why this library cannot be loaded here, as what was found: `libx.so cut off (100000 bytes of 430000000 or more)`. Undefined where the headers are in
 * order, where there is no such file, and where it cannot be read: of that the loader says enough.
 */
export const libraryFlaw = (path: string, platform: string = here): string | undefined => {
  const name = basename(path)
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    return undefined
  }
  try {
    const { size } = fstatSync(file)
    const head = read(file, 0, 64)
    const elf = isElf(head)
    if (elf && size < 64) return cutOff(name, size, 64)
    const of = platformOf(file, head)
    if (of === undefined) return `${name}, which is no library (${size} bytes)`
    if (of !== "" && of !== platform) return `${name} of another platform (${of}; this is ${platform})`
    const least = elf ? elfSize(file, head) : 0
    if (size < least) return cutOff(name, size, least)
    return elf && hasHoles(file, head) ? `${name}, which has zeros where its code belongs` : undefined
  } catch (error) {
    return `${name}, which cannot be read (${error instanceof Error ? error.message : String(error)})`
  } finally {
    closeSync(file)
  }
}

const cutOff = (name: string, size: number, least: number): string =>
  `${name} cut off (${size} bytes of ${least} or more)`

/** As many of these bytes as there are, and zeros behind them. */
const read = (file: number, at: number, length: number): DataView => {
  const bytes = new Uint8Array(length)
  readSync(file, bytes, 0, length, at)
  return new DataView(bytes.buffer)
}

/** Lowest byte first, as on every processor that is not refused. */
const long = (view: DataView, at: number): number => Number(view.getBigUint64(at, true))

const isElf = (head: DataView): boolean => head.getUint32(0) === 0x7f454c46

/** Of a library's first bytes; "" where it is for several, undefined where it is none. */
const platformOf = (file: number, head: DataView): string | undefined => {
  if (isElf(head)) {
    const arch = named(machines.elf, head.getUint16(18, head.getUint8(5) !== 2))
    return `linux-${arch}${head.getUint8(4) === 2 ? "" : " with 32 bits"}`
  }
  const magic = head.getUint32(0)
  if (magic === 0xcffaedfe) return `darwin-${named(machines.mach, head.getUint32(4, true))}`
  // One file for several processors.
  if (magic === 0xcafebabe || magic === 0xcafebabf) return ""
  if (head.getUint16(0) !== 0x4d5a) return undefined
  const pe = read(file, head.getUint32(60, true), 8)
  return pe.getUint32(0) === 0x50450000 ? `win32-${named(machines.pe, pe.getUint16(4, true))}` : undefined
}

/** Bytes that a 64-bit ELF file has at least: its tables, and what its segments map. */
const elfSize = (file: number, head: DataView): number => {
  const [programs, sections] = [long(head, 32), long(head, 40)]
  const [each, count] = [head.getUint16(54, true), Math.min(MOST, head.getUint16(56, true))]
  let least = Math.max(64, sections + head.getUint16(58, true) * head.getUint16(60, true), programs + each * count)
  if (each < 56) return least
  const table = read(file, programs, each * count)
  for (let i = 0; i < count; i++) least = Math.max(least, long(table, i * each + 8) + long(table, i * each + 32))
  return least
}

/** Of a section's header: its type and the flag that says that it is code. */
const [STRINGS, CODE] = [3, 4n]
const PAGE = 4096
/** Pages of a section of code that are read: about a millisecond a library. */
const SAMPLES = 32

/** Whether the table of sections, or a page of code among those that are read, is empty. No processor's code is a page of zeros. */
const hasHoles = (file: number, head: DataView): boolean => {
  const [at, each, count, names] = [
    long(head, 40),
    head.getUint16(58, true),
    head.getUint16(60, true),
    head.getUint16(62, true),
  ]
  // A library may do without the table.
  if (at === 0 || each < 64 || count === 0) return false
  const table = read(file, at, each * count)
  if (names > 0 && names < count && table.getUint32(names * each + 4, true) !== STRINGS) return true
  for (let i = 0; i < count; i++) {
    const flags = table.getBigUint64(i * each + 8, true)
    const [start, length] = [long(table, i * each + 24), long(table, i * each + 32)]
    if ((flags & CODE) === 0n || length < PAGE) continue
    for (let sample = 0; sample < SAMPLES; sample++) {
      const page = read(file, start + Math.floor(((length - PAGE) * sample) / (SAMPLES - 1)), PAGE)
      if (new Uint8Array(page.buffer).every((byte) => byte === 0)) return true
    }
  }
  return false
}
