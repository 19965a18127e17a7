import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { libraryFlaw } from "../src/libraryFlaw.ts"

const folder = mkdtempSync(join(tmpdir(), "hmx-library-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** What is said of a file with these bytes, on Linux with an x64 processor. */
const said = (bytes: Uint8Array | string): string | undefined => {
  const path = join(folder, "lib.so")
  writeFileSync(path, bytes)
  return libraryFlaw(path, "linux-x64")
}

/** A 64-bit ELF file: a segment of 500 bytes at 300, its sections' table (two of 64 bytes) at 900. */
const elf = (machine = 62): Uint8Array => {
  const bytes = new Uint8Array(1028)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  view.setUint16(18, machine, true)
  view.setBigUint64(32, 64n, true)
  view.setBigUint64(40, 900n, true)
  for (const [at, value] of [
    [54, 56],
    [56, 1],
    [58, 64],
    [60, 2],
  ] as const)
    view.setUint16(at, value, true)
  view.setBigUint64(64 + 8, 300n, true)
  view.setBigUint64(64 + 32, 500n, true)
  return bytes
}

test("a whole library has none, and one that is cut off anywhere has", () => {
  expect(said(elf())).toBeUndefined()
  for (const size of [6, 63, 64, 100, 120, 300, 799, 800, 899, 1027])
    expect(said(elf().slice(0, size)), `${size}`).toMatch(
      new RegExp(`^lib\\.so cut off \\(${size} bytes of \\d+ or more`),
    )
})

test("a segment behind the sections counts as well", () => {
  const long = elf()
  new DataView(long.buffer).setBigUint64(64 + 32, 729n, true)
  expect(said(long)).toBe("lib.so cut off (1028 bytes of 1029 or more)")
})

/** One with a section of code of 256 KiB at 4096, and the table of sections behind it, the names of which are the second one's. */
const withCode = (): Uint8Array => {
  const [start, length] = [4096, 1 << 18]
  const bytes = new Uint8Array(start + length + 3 * 64).fill(0x90, start, start + length)
  bytes.set(elf().subarray(0, 120))
  const view = new DataView(bytes.buffer)
  const table = start + length
  view.setBigUint64(40, BigInt(table), true)
  view.setUint16(60, 3, true)
  view.setUint16(62, 1, true)
  view.setUint32(table + 64 + 4, 3, true)
  view.setUint32(table + 128 + 4, 1, true)
  view.setBigUint64(table + 128 + 8, 6n, true)
  view.setBigUint64(table + 128 + 24, BigInt(start), true)
  view.setBigUint64(table + 128 + 32, BigInt(length), true)
  return bytes
}

test("a library of the right size whose end, or whose code, is zeros has a flaw", () => {
  const whole = withCode()
  expect(said(whole)).toBeUndefined()
  const zeros = "lib.so, which has zeros where its code belongs"
  for (const from of [4096, 100_000, whole.length - 3 * 64])
    expect(said(withCode().fill(0, from)), `${from}`).toBe(zeros)
  // The table is there, what came before it is not.
  for (const from of [4096, 100_000]) expect(said(withCode().fill(0, from, 4096 + (1 << 18))), `${from}`).toBe(zeros)
  // Fewer zeros than a page are code's own.
  expect(said(withCode().fill(0, 8000, 8100))).toBeUndefined()
})

test("another platform is named", () => {
  expect(said(elf(183))).toBe("lib.so of another platform (linux-arm64; this is linux-x64)")
  const narrow = elf()
  narrow[4] = 1
  expect(said(narrow)).toContain("(linux-x64 with 32 bits; this is linux-x64)")
  const mach = new Uint8Array(64)
  mach.set([0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1])
  expect(said(mach)).toContain("(darwin-arm64; this is linux-x64)")
  const pe = new Uint8Array(256)
  pe.set([0x4d, 0x5a])
  pe.set([128], 60)
  pe.set([0x50, 0x45, 0, 0, 0x64, 0x86], 128)
  expect(said(pe)).toContain("(win32-x64; this is linux-x64)")
  // Apple's files for several processors begin so.
  expect(said(new Uint8Array([0xca, 0xfe, 0xba, 0xbe]))).toBeUndefined()
})

test("what is no library, and what is not there", () => {
  expect(said("")).toBe("lib.so, which is no library (0 bytes)")
  expect(said("INPUT(libother.so)")).toContain("no library")
  expect(libraryFlaw(join(folder, "nowhere.so"))).toBeUndefined()
  expect(libraryFlaw(process.execPath)).toBeUndefined()
})
