/** Commands that are printed to be pasted into a shell. */
import { escape } from "@hmx/report"
import { resolve } from "node:path"
import { shown } from "./paths.ts"

const plain = /^[\p{L}\p{N}_@%+:,./][\p{L}\p{N}_@%+=:,./-]*$/u

const octal = (char: string): string =>
  Array.from(Buffer.from(char), (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("")

const safe = (char: string): boolean => escape(char) === char

/** A word as a POSIX shell reads it. One with characters that would steer the terminal is written for bash, zsh and POSIX of 2024. */
export const quote = (word: string): string => {
  if (plain.test(word)) return word
  if (Array.from(word).every(safe)) return `'${word.replaceAll("'", `'\\''`)}'`
  return `$'${Array.from(word, (c) => (safe(c) && c !== "'" && c !== "\\" ? c : octal(c))).join("")}'`
}

/** A path as a word of a command, from the working directory; never one that would be read as a flag. */
export const quotePath = (path: string): string => {
  const short = shown(resolve(path))
  return quote(short.startsWith("-") ? `./${short}` : short)
}

/** The command that goes on with a run. */
export const goOnWith = (folder: string): string => `go on with: npx hmx resume ${quotePath(folder)}`
