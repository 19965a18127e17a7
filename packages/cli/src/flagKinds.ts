/** Kinds of flags. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { Settings } from "hmx"

/** Read as text, so that whatever is no such number is told in one sentence. */
export const whole = (name: string, least: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar("n"),
    Flag.filter(
      (text) => /^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) >= least,
      () => `a whole number of at least ${least}`,
    ),
    Flag.map(Number),
  )

/** An amount of memory, such as "2 GiB", in bytes. */
export const amount = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("size"),
    Flag.filter(
      (text) => Settings.bytes(text) >= 1 && Settings.bytes(text) <= Number.MAX_SAFE_INTEGER,
      () => 'an amount such as "2 GiB" or "512 MiB", of less than 8388608 GiB',
    ),
    Flag.map((text) => Math.floor(Settings.bytes(text))),
  )

export const optional = <A>(flag: Flag.Flag<A>): Flag.Flag<A | undefined> =>
  Flag.map(Flag.optional(flag), Option.getOrUndefined)

/** A text that may be left out; `metavar` is what help calls it. */
export const text = (name: string, metavar: string, description: string) =>
  optional(Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description)))

/** Off, unless it is given. */
export const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

export const asJson = (description: string) => toggle("json", description)
