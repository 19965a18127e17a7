/** What an experiment is, as one canonical text; and the text of its code, as trip-wires beside it. The runtime hashes both. */

/**
 * The canonical text covers names, versions and options, with keys in order. A function has no place in it, except as the `score` or
 * `run` of something with a name and a version; its text, without white space, is a trip-wire: a runtime that finds the same name
 * and version with another text refuses, and asks for a new version.
 *
 * Throws a TypeError where a function without a name and a version, or a number that is not finite, stands in the options.
 */
export const identity = (
  value: unknown,
): { readonly canonical: string; readonly tripwires: { readonly [of: string]: string } } => {
  const tripwires: Record<string, string> = {}
  const walk = (v: unknown, at: string): unknown => {
    if (typeof v === "function")
      throw new TypeError(`${at} is a function without a name and a version: wrap it in Reward.make`)
    if (typeof v === "number" && !Number.isFinite(v)) throw new TypeError(`${at} is ${v}`)
    if (Array.isArray(v)) return v.map((x, i) => walk(x, `${at}[${i}]`))
    if (v instanceof URL) return v.href
    if (typeof v !== "object" || v === null) return v
    const owner = "name" in v && "version" in v ? `${String(v.name)}@${String(v.version)}` : undefined
    return Object.fromEntries(
      Object.entries(v)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([key, x]) => {
          if (x === undefined || ("name" in v && made.has(key))) return []
          if (owner !== undefined && (key === "score" || key === "run")) {
            if (typeof x === "function") tripwires[`${owner}.${key}`] = String(x).replaceAll(/\s+/g, "")
            return []
          }
          return [[key, walk(x, at === "" ? key : `${at}.${key}`)]]
        }),
    )
  }
  const canonical = JSON.stringify(walk(value, "")) ?? "null"
  return { canonical, tripwires }
}

/** What a named value brings along beside its identity. */
const made = new Set([
  "pipe",
  "reversed",
  "guided",
  "makes",
  "remake",
  "reserve",
  "prepare",
  "without",
  "preparedFrom",
  "reads",
  "kept",
  // Of a task: the runtime, which knows where they lie, has their content in an experiment's identity.
  "files",
  "tuning",
  "laws",
  "~",
])
