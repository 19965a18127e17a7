/** What an option's type lets through and its meaning does not: checked when a stage or a reward is made. Each throws a RangeError. */
import { nearest } from "./nearest.ts"
import type { Range } from "./Reward.ts"

/** An option that a file which nobody compiled has left out. */
export const present = (option: string, given: unknown): void => {
  if (given === undefined) throw new RangeError(`${option} is missing`)
}

/** A whole number of at least `least`. */
export const whole = (option: string, n: number, least: number): void => {
  present(option, n)
  if (!Number.isSafeInteger(n) || n < least)
    throw new RangeError(`${option} must be a whole number of at least ${least}, not ${n}`)
}

/** A finite number within (`above`, `most`] or, without `above`, [`least`, `most`]. */
export const within = (
  option: string,
  n: number,
  bounds: { readonly above?: number; readonly least?: number; readonly below?: number; readonly most?: number },
): void => {
  present(option, n)
  const { above, below, least, most } = bounds
  const said = [
    above === undefined ? [] : [`above ${above}`],
    least === undefined ? [] : [`at least ${least}`],
    below === undefined ? [] : [`below ${below}`],
    most === undefined ? [] : [`at most ${most}`],
  ].flat()
  const fits =
    Number.isFinite(n) &&
    n > (above ?? Number.NEGATIVE_INFINITY) &&
    n >= (least ?? Number.NEGATIVE_INFINITY) &&
    n < (below ?? Number.POSITIVE_INFINITY) &&
    n <= (most ?? Number.POSITIVE_INFINITY)
  if (!fits) throw new RangeError(`${option} must be ${said.length === 0 ? "a number" : said.join(" and ")}, not ${n}`)
}

/** One of the given words. */
export const oneOf = (option: string, word: string, words: ReadonlyArray<string>): void => {
  present(option, word)
  if (!words.includes(word)) throw new RangeError(`${option} must be one of ${words.join(", ")}, not ${word}`)
}

/** A name that can be read. */
export const named = <Name extends string>(name: Name): Name => {
  if (name.trim() === "") throw new RangeError("a reward needs a name")
  return name
}

/** A version of something with a name. */
export const versioned = (name: string, version: number): number => {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new RangeError(`the version of ${name} must be a whole number of at least 1, not ${version}`)
  }
  return version
}

/** A range from a number to a greater one. */
export const ranged = (name: string, range: Range): Range => {
  if (!Number.isFinite(range.min) || !Number.isFinite(range.max) || range.min >= range.max) {
    throw new RangeError(
      `the range of ${name} must go from a number to a greater one, not from ${range.min} to ${range.max}`,
    )
  }
  return range
}

/** A weight above 0. */
export const weighed = (name: string, weight: number): void => {
  if (!Number.isFinite(weight) || weight <= 0)
    throw new RangeError(`the weight of ${name} must be above 0, not ${weight}`)
}

/** No name twice. */
export const unique = (where: string, names: ReadonlyArray<string>): void => {
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new RangeError(`${where} has ${twice} twice: each part needs a name of its own`)
}

/** No option but these: what the compiler says of a literal, for a file that nobody compiled. */
export const known = (where: string, given: object, names: ReadonlyArray<string>): void => {
  const odd = Object.keys(given).find((name) => !names.includes(name))
  if (odd === undefined) return
  const near = nearest(odd, names)
  throw new RangeError(
    `${where} has no option ${odd}${near === undefined ? `; it has ${names.join(", ")}` : `: did you mean ${near}?`}`,
  )
}
