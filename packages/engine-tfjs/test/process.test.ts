/** What the engine does to the process around it: threads, globals, files, exit, other engines. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create } from "@hmx/engine-tfjs"
import { EngineMisuse, EngineOutOfMemory } from "@hmx/lm"
import { afterEach, describe, expect, test, vi } from "vitest"

const folders: Array<string> = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** Runs a module's text in a process of its own, with a temporary folder of its own. */
function runAlone(text: string): {
  readonly out: unknown
  readonly status: number | null
  readonly left: ReadonlyArray<string>
} {
  const folder = mkdtempSync(join(tmpdir(), "engine-"))
  folders.push(folder)
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", text], {
    cwd: import.meta.dirname,
    encoding: "utf8",
    env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: "" },
    timeout: 60_000,
  })
  if (stdout === "") throw new Error(`nothing came out: ${stderr}`)
  return { out: JSON.parse(stdout), status, left: readdirSync(folder) }
}

/** A product on the engine `e`, as text: 2·3 + 1·4. */
const product = `(() => {
  const t = (...v) => e.upload(Float32Array.from(v), [1, v.length], "f32")
  return e.scope(() => e.download(e.linear(t(2, 1), t(3, 4)))[0])
})()`

describe("threads", () => {
  test("start, leave no file and no global, and let the process end without close", () => {
    const { out, status, left } = runAlone(`
      import { create } from "@hmx/engine-tfjs"
      const names = () => Object.getOwnPropertyNames(globalThis).sort().join()
      const before = { names: names(), listeners: process.eventNames().map(String).sort().join() }
      const e = await create({ threads: 2 })
      const after = { names: names(), listeners: process.eventNames().map(String).sort().join() }
      console.log(JSON.stringify({ threads: e.info.threads, value: ${product}, same: JSON.stringify(before) === JSON.stringify(after) }))
    `)
    expect(out).toEqual({ threads: 2, value: 10, same: true })
    expect(status).toBe(0)
    expect(left).toEqual([])
  })

  test("start in a worker thread, end with close, and start again with another number", () => {
    const { out, status } = runAlone(`
      import { Worker } from "node:worker_threads"
      const worker = new Worker(\`
        import { parentPort } from "node:worker_threads"
        import { create } from "@hmx/engine-tfjs"
        const found = []
        for (const threads of [2, 1, 3]) {
          const e = await create({ threads })
          found.push([e.info.threads, ${product}])
          e.close()
        }
        parentPort.postMessage(found)
      \`, { eval: true, type: "module", execArgv: ["--input-type=module"] })
      worker.on("message", (found) => console.log(JSON.stringify(found)))
    `)
    expect(out).toEqual([
      [2, 10],
      [1, 10],
      [3, 10],
    ])
    expect(status).toBe(0)
  })

  test("that cannot start leave one thread, and the info says so", () => {
    const { out } = runAlone(`
      import { createRequire, syncBuiltinESMExports } from "node:module"
      const threads = createRequire(import.meta.url)("node:worker_threads")
      threads.Worker = class { constructor() { throw new Error("no threads here") } }
      syncBuiltinESMExports()
      const { create } = await import("@hmx/engine-tfjs")
      const e = await create({ threads: 2 })
      console.log(JSON.stringify([e.info.threads, ${product}]))
    `)
    expect(out).toEqual([1, 10])
  })

  test("are whole numbers", async () => {
    await expect(create({ threads: 0 })).rejects.toThrow(EngineMisuse)
    await expect(create({ threads: 1.5 })).rejects.toThrow(/threads is 1.5/)
  })
})

describe("several engines", () => {
  test("share the wasm module without touching each other's tensors", async () => {
    const [a, b] = [await create({ threads: 1 }), await create({ threads: 1 })]
    const x = a.upload(Float32Array.of(1, 2), [2], "f32")
    const y = b.upload(Float32Array.of(3, 4), [2], "f32")
    expect(() => b.scale(x, 2)).toThrow(/scale.*not a tensor of this engine/)
    expect(a.memory().tensors).toBe(1)
    a.close()
    expect([...b.download(b.scale(y, 2))]).toEqual([6, 8])
    b.close()
  })

  test("with other numbers of threads are refused while one is open", async () => {
    const e = await create({ threads: 1 })
    await expect(create({ threads: 2 })).rejects.toThrow(/runs with 1 thread.*close the other engine first/)
    e.close()
  })

  test("of other backends work beside it", async () => {
    const [wasm, cpu] = [await create({ threads: 1 }), await create({ backend: "cpu" })]
    const values = [wasm, cpu].map((e) => [...e.download(e.scale(e.upload(Float32Array.of(1), [1], "f32"), 3))])
    expect(values).toEqual([[3], [3]])
    wasm.close()
    cpu.close()
  })
})

test("a full heap is EngineOutOfMemory with the bytes, and the engine goes on", async () => {
  const e = await create({ threads: 1 })
  const before = e.memory()
  const wide = (shape: ReadonlyArray<number>) => e.upload(new Float32Array(60_000), shape, "f32")
  let thrown: unknown
  e.scope(() => {
    try {
      e.add(wide([60_000, 1]), wide([1, 60_000]))
    } catch (error) {
      thrown = error
    }
  })
  expect(thrown).toBeInstanceOf(EngineOutOfMemory)
  expect(thrown).toMatchObject({ bytes: 4 * 60_000 ** 2 })
  expect(e.memory().tensors).toBe(before.tensors)
  expect([...e.download(e.scale(e.upload(Float32Array.of(1), [1], "f32"), 2))]).toEqual([2])
  e.close()
})

test("a missing TensorFlow package is one sentence that says what to install", async () => {
  // An empty folder in the place of what this machine has.
  const folder = mkdtempSync(join(tmpdir(), "engine-"))
  folders.push(folder)
  vi.stubEnv("HMX_TENSORFLOW", folder)
  try {
    await expect(create({ backend: "tensorflow" })).rejects.toThrow(/expected one: `hmx engine install tensorflow`$/)
  } finally {
    vi.unstubAllEnvs()
  }
})
