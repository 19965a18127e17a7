/**
 * Finds what a TypeScript file imports, from its tokens. TypeScript 7 has no compiler API and Node's type stripping drops
 * type-only imports, so this reads them itself: comments, strings, templates and regular expressions are told apart, and a
 * file that cannot be told apart throws, so that nothing is passed over in silence.
 */

export interface Import {
  readonly kind: "static" | "type" | "export" | "dynamic" | "require" | "url"
  /** Undefined where it is computed. */
  readonly specifier: string | undefined
  /** 1-based. */
  readonly line: number
}

interface Token {
  readonly kind: "word" | "string" | "template" | "regex" | "number" | "punctuation"
  readonly text: string
  readonly line: number
}

/** After these words a slash starts a regular expression. */
const BEFORE_REGEX = new Set(
  "return typeof case in of new delete void throw do else instanceof yield await default extends".split(" "),
)

const STRING = /(["'])(?:\\[^]|(?!\1)[^\\\n])*\1/y
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*/y
const WORD = /[\p{L}\p{N}_$#@]+/uy
const NUMBER = /[\w.]+/y

const fail = (what: string, from: number): never => {
  throw new Error(`line ${from}: ${what} does not end`)
}

const tokenise = (source: string): Array<Token> => {
  const tokens: Array<Token> = []
  let at = 0
  let line = 1
  const match = (sticky: RegExp): string | undefined => {
    sticky.lastIndex = at
    return sticky.exec(source)?.[0]
  }
  const advance = (n: number) => {
    for (const c of source.slice(at, at + n)) if (c === "\n") line++
    at += n
  }
  const push = (kind: Token["kind"], length: number) => {
    tokens.push({ kind, text: source.slice(at, at + length), line })
    advance(length)
  }
  /** Whether a value ends with the token at `i`, so that a slash behind it divides. */
  const endsValue = (i: number): boolean => {
    const token = tokens[i]
    if (token === undefined) return false
    if (token.kind === "word") return !BEFORE_REGEX.has(token.text) || tokens[i - 1]?.text === "."
    if (token.kind !== "punctuation" || [")", "]", "}"].includes(token.text)) return true
    // x! / y and x++ / y
    if (token.text === "!") return endsValue(i - 1)
    return (token.text === "+" || token.text === "-") && tokens[i - 1]?.text === token.text
  }
  /** Up to the backtick; what stands in `${}` gives tokens of its own. A template with a hole has the text "". */
  const template = () => {
    const start = line
    let text = ""
    let holes = 0
    advance(1)
    while (source[at] !== "`") {
      if (at >= source.length) fail("a template", start)
      if (source.startsWith("${", at)) {
        holes++
        advance(2)
        scan(true)
        if (source[at] !== "}") fail("a template", start)
        advance(1)
      } else {
        const length = source[at] === "\\" ? 2 : 1
        text += source.slice(at, at + length)
        advance(length)
      }
    }
    advance(1)
    tokens.push({ kind: "template", text: holes === 0 ? text : "", line: start })
  }
  const scan = (inHole: boolean) => {
    let depth = 0
    while (at < source.length) {
      const rest = source.slice(at, at + 2)
      const c = rest[0] ?? ""
      if (/\s/.test(c)) advance(1)
      else if (rest === "//" || (rest === "#!" && at === 0)) {
        const end = source.indexOf("\n", at)
        advance((end === -1 ? source.length : end) - at)
      } else if (rest === "/*") {
        const end = source.indexOf("*/", at + 2)
        if (end === -1) fail("a comment", line)
        advance(end + 2 - at)
      } else if (c === '"' || c === "'") {
        const found = match(STRING) ?? fail("a string", line)
        tokens.push({ kind: "string", text: found.slice(1, -1), line })
        advance(found.length)
      } else if (c === "`") template()
      else if (c === "/" && !endsValue(tokens.length - 1)) {
        const found = match(REGEX) ?? fail("a regular expression", line)
        push("regex", found.length)
      } else if (/[\p{L}_$#@]/u.test(c)) push("word", (match(WORD) ?? c).length)
      else if (/\d/.test(c)) push("number", (match(NUMBER) ?? c).length)
      else {
        if (c === "{") depth++
        if (c === "}" && depth-- === 0 && inHole) return
        push("punctuation", 1)
      }
    }
    if (inHole) fail("a template", line)
  }
  scan(false)
  return tokens
}

export const scanImports = (source: string): ReadonlyArray<Import> => {
  const tokens = tokenise(source)
  const found: Array<Import> = []
  const text = (i: number) => (tokens[i]?.kind === "string" ? undefined : tokens[i]?.text)
  const literal = (i: number): string | undefined => {
    const token = tokens[i]
    if (token?.kind === "string") return token.text
    return token?.kind === "template" && token.text !== "" ? token.text : undefined
  }
  /** The specifier of a `from "…"` that follows a clause of names. */
  const from = (start: number): string | undefined => {
    for (let i = start; i < tokens.length; i++) {
      const token = tokens[i]
      if (token?.kind === "word" && token.text === "from" && tokens[i + 1]?.kind === "string")
        return tokens[i + 1]?.text
      const inClause =
        token?.kind === "word" || token?.kind === "string" || ["{", "}", ",", "*"].includes(token?.text ?? "")
      if (!inClause) return undefined
    }
    return undefined
  }
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== "word" || text(i - 1) === ".") continue
    const add = (kind: Import["kind"], specifier: string | undefined) =>
      found.push({ kind, specifier, line: token.line })
    if (token.text === "import") {
      if (tokens[i + 1]?.kind === "string") add("static", literal(i + 1))
      else if (text(i + 1) === "(") {
        const end = text(i + 3)
        add("dynamic", end === ")" || end === "," ? literal(i + 2) : undefined)
      } else if (text(i + 1) === ".") {
        // import.meta.resolve("…")
        if (text(i + 4) === "resolve") add("require", literal(i + 6))
      } else {
        const specifier = from(i + 1)
        if (specifier !== undefined) add(text(i + 1) === "type" ? "type" : "static", specifier)
      }
    } else if (token.text === "export") {
      const start = text(i + 1) === "type" ? i + 2 : i + 1
      if (text(start) !== "{" && text(start) !== "*") continue
      // Only what follows the closing brace may be the `from` of an export list.
      const close =
        text(start) === "{" ? tokens.findIndex((t, j) => j > start && t.text === "}" && t.kind !== "string") : start
      const star = text(start) === "*" ? (text(start + 1) === "as" ? start + 3 : start + 1) : close + 1
      if (text(star) === "from") add("export", literal(star + 1))
    } else if (token.text === "require" && text(i + 1) === "(") add("require", literal(i + 2))
    else if (token.text === "require" && text(i + 1) === "." && text(i + 2) === "resolve")
      add("require", literal(i + 4))
    else if (token.text === "URL" && text(i - 1) === "new" && text(i + 1) === "(" && literal(i + 2) !== undefined) {
      if (text(i + 3) === "," && text(i + 4) === "import" && text(i + 6) === "meta") add("url", literal(i + 2))
    }
  }
  return found
}
