/** What an option's type lets through and its meaning does not: checked when a stage is made. */

/** A whole number of at least `least`. */
export const whole = (option: string, n: number, least: number): void => {
  if (!Number.isSafeInteger(n) || n < least)
    throw new RangeError(`${option} must be a whole number of at least ${least}, not ${n}`)
}

/** A finite number within (`above`, `most`] or, without `above`, [`least`, `most`]. */
export const within = (
  option: string,
  n: number,
  bounds: { readonly above?: number; readonly least?: number; readonly below?: number; readonly most?: number },
): void => {
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
  if (!words.includes(word)) throw new RangeError(`${option} must be one of ${words.join(", ")}, not ${word}`)
}
