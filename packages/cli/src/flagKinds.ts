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

export const asJson = (what: string) => Flag.Boolean("json").pipe(Flag.withDescription(what), Flag.withDefault(false))
