/** What the bench names and the machine lacks is said in a sentence before anything is computed or written. */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { create } from "@hmx/engine-torch"
import { EngineUnavailable } from "@hmx/lm"
import { options, Unusable } from "./grpo-step/options.ts"
import { ready } from "./grpo-step/ready.ts"

const engine = await create({ threads: 1 }).catch((error: unknown) => {
  if (!(error instanceof EngineUnavailable)) throw error
  console.warn(`engine torch is absent, its bench is not begun. ${error.message}`)
})
engine?.close()

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hmx-ready-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, text = ""): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const program = (name: string, script: string): string => {
  const path = file(name, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}
const asked = (...args: ReadonlyArray<string>) => options(args, { threads: 1, narrow: false, baseline: "/no/trl.py" })
const sentence = (args: ReadonlyArray<string>, missing: () => string | undefined = () => undefined): string => {
  try {
    ready(asked(...args), missing)
    return "ready"
  } catch (error) {
    if (error instanceof Unusable) return error.message
    throw error
  }
}

test("the baseline's script and its Python are looked for, and the Python is asked for its modules and its device", () => {
  const baseline = file("trl.py")
  const able = program("able", `[ "$1" = -c ] && [ "$3" = cpu ] || { echo 'its torch finds no CUDA' >&2; exit 1; }`)
  const bare = program("bare", "echo 'it has no trl' >&2; exit 1")
  expect(sentence([])).toBe("--baseline is /no/trl.py; there is no such file")
  expect(sentence(["--baseline", folder])).toContain("there is no such file")
  expect(sentence(["--baseline", baseline, "--python", "/no/python"])).toMatch(/^--python is \/no\/python; .*ENOENT/)
  expect(sentence(["--baseline", baseline, "--python", bare])).toMatch(
    /^--python is .*bare; it has no trl: expected a Py/,
  )
  expect(sentence(["--baseline", baseline, "--python", able])).toBe("ready")
  expect(sentence(["--baseline", baseline, "--python", able, "--device", "cuda"])).toContain("its torch finds no CUDA")
  // Nobody asks for a Python that is not used.
  expect(sentence(["--baseline", "none", "--python", "/no/python"])).toBe("ready")
})

const at = (path: string) => sentence(["--size", "4b", "--folder", path])
test("a checkpoint's folder is one already, or is empty, or is a new one in a folder that there is", () => {
  const [empty, full, whole] = [join(folder, "empty"), join(folder, "full"), join(folder, "whole")]
  for (const made of [empty, full, whole]) mkdirSync(made)
  writeFileSync(join(full, "notes.txt"), "")
  writeFileSync(join(whole, "config.json"), "{}")
  expect([at(empty), at(whole), at(join(folder, "new"))]).toEqual(["ready", "ready", "ready"])
  expect(at("/no/such/x/y")).toMatch(/^--folder is \/no\/such\/x\/y; there is no folder \/no\/such\/x: expected/)
  expect(at(full)).toContain("other files and no config.json")
  expect(at(join(full, "notes.txt"))).toContain("it is a file")
  expect(existsSync(join(folder, "new"))).toBe(false)
})

test("what the engine lacks on a device is said with the flag", () => {
  const args = ["--baseline", "none", "--device", "cuda"]
  expect(sentence(args, () => "no libtorch_cuda.so")).toBe(
    "--device is cuda; HMX's engine does not compute there: no libtorch_cuda.so",
  )
})

const main = fileURLToPath(new URL("grpo-step/main.ts", import.meta.url))
const bench = (env: NodeJS.ProcessEnv, ...args: ReadonlyArray<string>) => {
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8", env })
  return { status, lines: stderr.trim().split("\n") }
}

test("the bench ends with 2 and one line; what it lacks itself is found by a process of its own", () => {
  expect(bench(process.env, "--baseline", "/no/such.py")).toEqual({
    status: 2,
    lines: ["--baseline is /no/such.py; there is no such file"],
  })
  // No torch is there that is named.
  const { lines, status } = bench({ ...process.env, HMX_LIBTORCH: join(folder, "nothing") }, "--baseline", "none")
  expect(status).toBe(2)
  expect(lines).toEqual([expect.stringMatching(/^--device is cpu; HMX's engine does not compute there: .*nothing/)])
})

test.skipIf(engine === undefined)("a folder that the bench made goes with a bench that fails", () => {
  const made = join(folder, "made")
  // More threads than the engine takes: HMX's turn fails when the checkpoint has been written.
  const { lines, status } = bench(process.env, "--baseline", "none", "--threads", "513", "--folder", made)
  expect(status).toBe(1)
  expect(lines.join("\n")).toContain("threads is 513")
  expect(existsSync(made)).toBe(false)
})
