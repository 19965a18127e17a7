/** Python's notions of characters, which differ from JavaScript's here and there: what Python reads in the harness is read by these. */

/** What `\s`, `strip` and `split` take for white space; as the inside of a class of characters. */
export const space = String.raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`

/** What `\w` takes for a part of a word. */
export const inWord = String.raw`\p{L}\p{N}_`

const atBegin = new RegExp(`^[${space}]+`)
const blank = new RegExp(`[${space}]`)

/** Without white space at its end. By hand: a pattern would try every run of white space within. */
export const trimEnd = (text: string): string => {
  let end = text.length
  while (end > 0 && blank.test(text[end - 1] ?? "")) end--
  return text.slice(0, end)
}

export const trimStart = (text: string): string => text.replace(atBegin, "")
export const trim = (text: string): string => trimStart(trimEnd(text))
export const isBlank = (text: string): boolean => trimStart(text) === ""

/** Its words: runs of anything but white space. */
export const split = (text: string): ReadonlyArray<string> => text.match(new RegExp(`[^${space}]+`, "g")) ?? []

/** `int` of digits of any script: each stands among its script's ten, which lie in a row. */
export const toInt = (digits: string): number =>
  Array.from(digits).reduce((all, digit) => {
    let code = digit.codePointAt(0) ?? 0
    if (code < 0x80) return 10 * all + Number(digit)
    let before = 0
    while (/\p{Nd}/u.test(String.fromCodePoint(--code))) before++
    return 10 * all + (before % 10)
  }, 0)

/** `isupper`: a great letter, and none that is small or titlecase. */
export const isUpper = (text: string): boolean => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text)

/** `islower`. */
export const isLower = (text: string): boolean => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text)
