/** What a function reads that is neither its arguments nor a constant: tables of names, by where they come from. */
import type { Origin } from "../Origin.ts"

export type Impurity = "HMX301" | "HMX302" | "HMX303" | "HMX304"

/** By the chain of names, or its beginning. */
const globals: { readonly [path: string]: Impurity } = {
  "Date.now": "HMX301",
  performance: "HMX301",
  "Temporal.Now": "HMX301",
  "process.hrtime": "HMX301",
  "process.uptime": "HMX301",
  setTimeout: "HMX301",
  setInterval: "HMX301",
  setImmediate: "HMX301",
  "Math.random": "HMX302",
  "crypto.randomUUID": "HMX302",
  "crypto.getRandomValues": "HMX302",
  fetch: "HMX303",
  WebSocket: "HMX303",
  EventSource: "HMX303",
  XMLHttpRequest: "HMX303",
  process: "HMX304",
  localStorage: "HMX304",
  sessionStorage: "HMX304",
}

/** By module, and name within it where it has one. */
const modules: { readonly [path: string]: Impurity } = {
  "effect/Clock": "HMX301",
  "effect/DateTime.now": "HMX301",
  "effect/DateTime.nowUnsafe": "HMX301",
  "node:perf_hooks": "HMX301",
  "node:timers": "HMX301",
  "node:timers/promises": "HMX301",
  "effect/Random": "HMX302",
  "node:crypto.randomBytes": "HMX302",
  "node:crypto.randomInt": "HMX302",
  "node:crypto.randomUUID": "HMX302",
  "node:crypto.randomFill": "HMX302",
  "node:crypto.randomFillSync": "HMX302",
  "node:crypto.getRandomValues": "HMX302",
  "node:crypto.webcrypto": "HMX302",
  "effect/http": "HMX303",
  "node:http": "HMX303",
  "node:http2": "HMX303",
  "node:https": "HMX303",
  "node:net": "HMX303",
  "node:tls": "HMX303",
  "node:dgram": "HMX303",
  "node:dns": "HMX303",
  axios: "HMX303",
  got: "HMX303",
  ky: "HMX303",
  "node-fetch": "HMX303",
  openai: "HMX303",
  undici: "HMX303",
  ws: "HMX303",
  "effect/FileSystem": "HMX304",
  "node:child_process": "HMX304",
  "node:fs": "HMX304",
  "node:os": "HMX304",
  "node:process": "HMX304",
  "node:worker_threads": "HMX304",
}

const builtIn = new Set([
  "child_process",
  "crypto",
  "dgram",
  "dns",
  "fs",
  "http",
  "http2",
  "https",
  "net",
  "os",
  "perf_hooks",
  "process",
  "timers",
  "tls",
])

/** The longest beginning of a path that a table has. */
const longest = (table: { readonly [path: string]: Impurity }, names: ReadonlyArray<string>, between: string) => {
  for (let length = names.length; length > 0; length--) {
    const found = table[names.slice(0, length).join(between)]
    if (found !== undefined) return found
  }
  return undefined
}

/** What is impure about using this name, if anything. */
export const impurity = (origin: Origin): Impurity | undefined => {
  if (origin.from === "own") return undefined
  if (origin.from === "global") {
    const path = origin.path[0] === "globalThis" || origin.path[0] === "window" ? origin.path.slice(1) : origin.path
    return longest(globals, path, ".")
  }
  const plain = origin.module.startsWith("node:") ? origin.module.slice(5) : origin.module
  const top = plain.split("/")[0] ?? ""
  const module = builtIn.has(top) ? `node:${plain}` : origin.module
  const path = origin.path[0] === "default" ? origin.path.slice(1) : origin.path
  return modules[[module, ...path.slice(0, 1)].join(".")] ?? longest(modules, module.split("/"), "/") ?? undefined
}

/** Said after "the reward brevity". */
export const does: { readonly [I in Impurity]: string } = {
  HMX301: "reads the clock",
  HMX302: "draws a random number",
  HMX303: "uses the network",
  HMX304: "reads files or the process",
}
/** Said after that. */
export const because: { readonly [I in Impurity]: string } = {
  HMX301: "the same answer scores differently at another time",
  HMX302: "the same answer scores differently the next time, and no seed repeats it",
  HMX303: "a run depends on who answers, and nothing stored can be trusted",
  HMX304: "the same experiment scores differently on another machine",
}
