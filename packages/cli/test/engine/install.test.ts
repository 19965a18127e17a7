/** `hmx engine install` on a scripted machine over a real folder: each way in which it ends. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { inHome } from "../../src/engine/inHome.ts"
import { install } from "../../src/engine/install.ts"
import { Machine, type Ran } from "../../src/engine/Machine.ts"
import { remove } from "../../src/engine/remove.ts"

let home = ""
let said = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "hmx-engines-"))
  said = ""
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((said += String(text)), true))
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(home, { recursive: true, force: true })
})

const ok = (out = ""): Ran => ({ code: 0, out, err: "" })
const failed = (err: string, code: number | undefined = 1): Ran => ({ code, out: "", err })

/** What a program of the machine does; the first word that stands in the command decides. */
type Script = { readonly [word: string]: (command: string) => Ran }

const wheel = (cuda: string) => (command: string) => {
  const target = /--target (\S+)/.exec(command)?.[1] ?? ""
  const file = join(target, "torch/version.py")
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `cuda: Optional[str] = ${cuda}\n`)
  mkdirSync(join(target, "torch-2.13.0.dist-info"), { recursive: true })
  writeFileSync(join(target, "torch-2.13.0.dist-info/METADATA"), "Requires-Dist: nvidia-cudnn==9\n")
  return ok()
}

const healthy: Script = {
  "pip --version": () => ok("pip 25"),
  "pip install": wheel("None"),
  loadOnce: () => ok(`{"device":"cpu"}`),
  "nvidia-smi": () => ok("GPU 0"),
  "--version": () => ok("Python 3.12.1"),
}

const on = (
  script: Script,
  more: { readonly free?: number; readonly alive?: boolean; readonly platform?: string; readonly birth?: string } = {},
) => {
  const commands: Array<string> = []
  const machine = Machine.of({
    env: { HMX_HOME: home },
    platform: more.platform ?? "linux-x64",
    pid: 4242,
    alive: () => more.alive ?? false,
    birth: () => more.birth,
    freeBytes: () => Effect.succeed(more.free ?? 1e12),
    run: (program, args) =>
      Effect.sync(() => {
        const command = [program, ...args].join(" ")
        commands.push(command)
        const found = Object.entries({ ...script, ...healthy, ...script }).find(([word]) => command.includes(word))
        return found === undefined ? failed("", undefined) : found[1](command)
      }),
  })
  const provided = <A, E>(effect: Effect.Effect<A, E, Machine | NodeServices.NodeServices>) =>
    Effect.runPromise(Effect.flip(Effect.provide(Effect.provideService(effect, Machine, machine), NodeServices.layer)))
  return {
    commands,
    /** The sentence of a refusal. */
    refused: async (name = "torch", cuda = false) => String(await provided(inHome(install({ name, cuda })))),
    refusedToRemove: async (name = "torch") => String(await provided(inHome(remove({ name })))),
    done: (name = "torch", cuda = false) =>
      Effect.runPromise(
        Effect.provide(Effect.provideService(install({ name, cuda }), Machine, machine), NodeServices.layer),
      ),
    removed: (name = "torch") =>
      Effect.runPromise(Effect.provide(Effect.provideService(remove({ name }), Machine, machine), NodeServices.layer)),
  }
}

const engines = () => (existsSync(join(home, "engines")) ? readdirSync(join(home, "engines")) : [])

describe("a good machine", () => {
  test("gets a whole engine under its name and nothing beside it, once", async () => {
    const machine = on(healthy)
    await machine.done()
    expect(engines()).toEqual(["torch"])
    const manifest: unknown = JSON.parse(readFileSync(join(home, "engines/torch/engine.json"), "utf8"))
    expect(manifest).toEqual({ name: "torch", version: "2.13.0", cuda: false, device: "cpu" })
    const before = machine.commands.length
    await machine.done()
    expect(machine.commands.slice(before).filter((command) => command.includes("pip"))).toEqual([])
    expect(said).toContain("engine torch 2.13.0 is there")
    await machine.removed()
    expect(engines()).toEqual([])
  })

  test("a half-finished and an interrupted install are made again", async () => {
    mkdirSync(join(home, "engines/torch/torch"), { recursive: true })
    mkdirSync(join(home, "engines/.torch-77"), { recursive: true })
    await on(healthy).done()
    expect(said).toContain("was not finished")
    expect(said).toContain("interrupted")
    expect(engines()).toEqual(["torch"])
  })

  test("one that no longer loads is made again", async () => {
    await on(healthy).done()
    let loads = 0
    await on({ loadOnce: () => (loads++ === 0 ? failed("error: gone") : ok(`{"device":"cpu"}`)) }).done()
    expect(said).toContain("does not load")
  })
})

/** A folder of an install that process 77 began then, with the engine in it whole. */
const left = (name: string, { birth, version }: { readonly birth?: string; readonly version?: string } = {}) => {
  const folder = join(home, "engines", name)
  mkdirSync(folder, { recursive: true })
  if (birth !== undefined) writeFileSync(join(folder, ".process"), `${birth}\n`)
  const manifest = { name: "torch", version, cuda: false, device: "cpu" }
  if (version !== undefined) writeFileSync(join(folder, "engine.json"), JSON.stringify(manifest))
}
const versionOf = (): unknown => JSON.parse(readFileSync(join(home, "engines/torch/engine.json"), "utf8")).version

describe("a process id that was given out again", () => {
  const again = { alive: true, birth: "20 boot" }
  test("is no install at work: the next one goes on, and remove removes", async () => {
    left(".torch-77", { birth: "10 boot" })
    await on(healthy, again).done()
    expect(engines()).toEqual(["torch"])
    left(".torch-77", { birth: "10 boot" })
    await on(healthy, again).removed()
    expect(engines()).toEqual([])
  })
  test("the same process is waited for, by install and by remove, and each says what to delete if it is none", async () => {
    left(".torch-77", { birth: "20 boot" })
    const sentence =
      /being installed by process 77: wait for it, or end it \(where that is no install .*delete \S+torch-77\)/
    expect(await on(healthy, again).refused()).toMatch(sentence)
    expect(await on(healthy, again).refusedToRemove()).toMatch(sentence)
    expect(engines()).toEqual([".torch-77"])
  })
  test("an install's own folder says when its process began, and the engine does not", async () => {
    let born = ""
    const pip = (command: string) => {
      born = readFileSync(join(home, "engines/.torch-4242/.process"), "utf8")
      return wheel("None")(command)
    }
    await on({ "pip install": pip }, again).done()
    expect(born).toBe("20 boot\n")
    expect(readdirSync(join(home, "engines/torch"))).not.toContain(".process")
  })
})

describe("a kill between the two renames", () => {
  test("the new engine, which had loaded, gets the name", async () => {
    left(".torch-77", { birth: "1 b", version: "2.13.0" })
    left(".torch-77-old", { version: "2.12.0" })
    const machine = on(healthy)
    await machine.done()
    expect(said).toContain("interrupted at its end: engine torch 2.13.0 has its name again")
    expect(machine.commands.filter((command) => command.includes("pip"))).toEqual([])
    expect([engines(), versionOf()]).toEqual([["torch"], "2.13.0"])
    expect(readdirSync(join(home, "engines/torch"))).toEqual(["engine.json"])
  })
  test("without the new one the engine of before does, and stays where the next install fails", async () => {
    left(".torch-77-old", { version: "2.12.0" })
    await on({ "pip install": () => failed("ERROR: Max retries exceeded") }).refused()
    expect([engines(), versionOf()]).toEqual([["torch"], "2.12.0"])
  })
  test("what is left after the second is removed, and the engine stays as it is", async () => {
    left("torch", { version: "2.13.0", birth: "1 b" })
    left(".torch-77-old", { version: "2.12.0" })
    await on(healthy, { alive: true }).done()
    expect([engines(), versionOf()]).toEqual([["torch"], "2.13.0"])
  })
  test("remove removes all of it", async () => {
    left(".torch-77", { version: "2.13.0" })
    left(".torch-77-old", { version: "2.12.0" })
    await on(healthy).removed()
    expect(engines()).toEqual([])
  })
})

describe("a home that cannot be one", () => {
  test("a file there or above it is one sentence, for every command", async () => {
    const file = join(home, "file")
    writeFileSync(file, "")
    for (const at of [file, join(file, "below")]) {
      home = at
      const sentence = `HMX_HOME: found a file, ${file}; expected a folder, or a place where one can be made`
      expect(await on(healthy).refused()).toContain(sentence)
      expect(await on(healthy).refusedToRemove()).toContain(sentence)
    }
    home = dirname(file)
  })
  test.runIf(process.platform === "linux")("one under /proc is refused, and not waited for", async () => {
    const before = home
    home = "/proc/hmx"
    expect(await on(healthy).refused()).toMatch(/make \/proc\/hmx\/engines/)
    home = before
  })
})

describe("one sentence, and nothing left behind", () => {
  test.each<[string, Script, RegExp]>([
    ["no python3", { "python3 --version": () => failed("", undefined) }, /no python3 on the PATH/],
    ["no pip", { "pip --version": () => failed("No module named pip") }, /has no pip/],
    [
      "no wheel",
      { "pip install": () => failed("ERROR: No matching distribution found") },
      /no wheel of torch.*linux-x64/,
    ],
    ["a full disk", { "pip install": () => failed("OSError: No space left on device") }, /^.*no room/],
    ["no network", { "pip install": () => failed("ERROR: Max retries exceeded") }, /could not download/],
    ["another platform", { loadOnce: () => failed("error: x.so: invalid ELF header") }, /another platform/],
    [
      "one that does not load",
      { loadOnce: () => failed("error: undefined symbol: x") },
      /does not load: .*undefined symbol/,
    ],
  ])("%s", async (_, script, sentence) => {
    const message = await on(script).refused()
    expect(message).toMatch(sentence)
    expect(message.split("\n")).toHaveLength(1)
    expect(engines()).toEqual([])
  })

  test("no g++", async () => {
    expect(await on({ "g++": () => failed("", undefined) }).refused("tensorflow")).toMatch(/no g\+\+ on the PATH/)
  })
  test("no room, before anything is downloaded", async () => {
    const machine = on(healthy, { free: 1e8 })
    expect(await machine.refused()).toMatch(/no room: engine torch needs 1\.50 GiB/)
    expect(machine.commands.filter((command) => command.includes("pip install"))).toEqual([])
  })
  test("a wheel without CUDA on a CUDA request, and no GPU for one", async () => {
    expect(await on(healthy).refused("torch", true)).toMatch(/a wheel without CUDA/)
    expect(await on({ "nvidia-smi": () => failed("", undefined) }).refused("torch", true)).toMatch(/--cuda needs/)
  })
  test("another process at it, another platform, an unknown name", async () => {
    mkdirSync(join(home, "engines/.torch-77"), { recursive: true })
    expect(await on(healthy, { alive: true }).refused()).toMatch(/installed by process 77/)
    expect(await on(healthy, { platform: "darwin-arm64" }).refused("tensorflow")).toMatch(/and this is darwin-arm64/)
    expect(await on(healthy).refused("torhc")).toMatch(/no engine torhc: did you mean torch\?/)
    expect(await on(healthy).refused("zzz")).toMatch(/there are torch and tensorflow/)
  })
})

test("with CUDA NVIDIA's libraries come too", async () => {
  const machine = on({ "pip install": wheel("'13.0'") })
  await machine.done("torch", true)
  expect(machine.commands.some((command) => command.endsWith("nvidia-cudnn==9"))).toBe(true)
})
