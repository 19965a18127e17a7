/**
 * `hmx engine install NAME`: pip puts a pinned wheel into a folder of HMX's own, beside its final name; once the engine has loaded there in
 * a process of its own, the folder gets that name. What is found under the final name is therefore whole.
 */
import { escape, format } from "@hmx/report"
import { failing, makeFolders } from "@hmx/runtime"
import { type EngineManifest, enginesFolder, MANIFEST } from "@hmx/lm"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Refused } from "../Refused.ts"
import { engineName } from "./engineName.ts"
import { atWork, BIRTH, installed, oldName, partialName, unfinished } from "./Installed.ts"
import { Machine, type Ran } from "./Machine.ts"
import { compilerProblem, loadProblem, npmProblem, pipProblem } from "./problems.ts"
import { Progress } from "./Progress.ts"
import { compilerArguments, links, nvidiaRequirements, pipArguments, type Recipe, recipe } from "./recipes.ts"

const refuse = (message: string) => Effect.fail(new Refused({ message }))

const python = process.platform === "win32" ? "python" : "python3"

export const install = Effect.fnUntraced(function* (options: { readonly name: string; readonly cuda: boolean }) {
  const name = yield* engineName(options.name)
  const machine = yield* Machine
  const fs = yield* FileSystem.FileSystem
  const what = recipe(name, options.cuda, machine.platform)
  if (!what.platforms.includes(machine.platform))
    yield* refuse(
      `engine ${name}${what.cuda ? " with CUDA" : ""} is made for ${what.platforms.join(", ")}, and this is ${machine.platform}`,
    )
  const engines = enginesFolder(machine.env)
  const folder = join(engines, name)

  yield* settle(name, folder)
  const before = yield* installed(name)
  const { manifest } = before ?? {}
  if (manifest?.version === what.version && manifest.cuda === what.cuda) {
    if ((yield* load(what, folder)).code === 0) {
      process.stdout.write(`engine ${name} ${what.version} is there: ${folder}\n`)
      return
    }
    process.stdout.write(`engine ${name} is there and does not load: it is made again\n`)
  } else if (before !== undefined && manifest === undefined)
    process.stdout.write(`engine ${name} was not finished: it is made again\n`)

  const needs = yield* tools(what)
  const other = (yield* unfinished(name)).find(({ living }) => living)
  if (other !== undefined) yield* refuse(atWork(name, other))
  yield* failing("make", engines)(makeFolders(engines))
  const free = yield* machine.freeBytes(engines)
  if (free !== undefined && free < what.room)
    yield* refuse(
      `no room: engine ${name} needs ${format.bytes(what.room)} while it is made, and ${engines} has ${format.bytes(free)}; set HMX_HOME to a folder with more`,
    )

  const partial = join(engines, partialName(name, machine.pid))
  yield* Effect.acquireUseRelease(
    fs.makeDirectory(partial),
    () => make(what, partial, folder, needs),
    // An interruption leaves nothing; a kill leaves the folder, which the next install finds.
    () => Effect.ignore(fs.remove(partial, { recursive: true, force: true })),
  )
})

/** Brings an engine back whose successor was about to take its name when its install was ended, and removes what dead installs have left. */
const settle = Effect.fnUntraced(function* (name: string, folder: string) {
  const fs = yield* FileSystem.FileSystem
  const left = (yield* unfinished(name)).filter(({ living }) => !living)
  if (left.length === 0) return
  // The new one has loaded by then.
  const whole = left
    .filter(({ manifest }) => manifest !== undefined)
    .toSorted((a, b) => a.kind.localeCompare(b.kind))[0]
  const back = (yield* fs.exists(folder)) ? undefined : whole
  process.stdout.write(
    back === undefined
      ? "an install was interrupted: what it left is removed\n"
      : `an install was interrupted at its end: engine ${name} ${back.manifest?.version} has its name again\n`,
  )
  if (back !== undefined) yield* fs.rename(back.folder, folder)
  yield* fs.remove(join(folder, BIRTH), { force: true })
  for (const { folder: rest } of left)
    if (rest !== back?.folder) yield* fs.remove(rest, { recursive: true, force: true })
})

/** What must be there, each looked for before anything is downloaded. Returns what Python calls itself. */
const tools = Effect.fnUntraced(function* (what: Recipe) {
  const { run } = yield* Machine
  if (what.cuda && (yield* run("nvidia-smi", ["-L"])).code !== 0)
    return yield* refuse("--cuda needs an NVIDIA GPU with its driver: nvidia-smi lists none; install without --cuda")
  const found = yield* run(python, ["--version"])
  if (found.code !== 0)
    return yield* refuse(
      `engine ${what.name} comes as a Python wheel, and there is no ${python} on the PATH; install Python 3.10 or later (it is not used at run time)`,
    )
  if ((yield* run(python, ["-m", "pip", "--version"])).code !== 0)
    return yield* refuse(`${python} has no pip: install it with \`${python} -m ensurepip\` or your system's packages`)
  if (what.npm.length > 0) {
    if ((yield* run("g++", ["--version"])).code !== 0)
      return yield* refuse(
        `engine ${what.name} compiles a binding, and there is no g++ on the PATH; install g++ 9 or later`,
      )
    if ((yield* run("npm", ["--version"])).code !== 0)
      return yield* refuse(`engine ${what.name} takes a binding from npm, and there is no npm on the PATH`)
  }
  return escape(`${found.out}${found.err}`.trim(), 40)
})

const make = Effect.fnUntraced(function* (what: Recipe, partial: string, folder: string, version: string) {
  const machine = yield* Machine
  const fs = yield* FileSystem.FileSystem
  const { cuda, name } = what
  const progress = new Progress(2 + (cuda ? 1 : 0) + (what.npm.length > 0 ? 2 : 0))
  const started = performance.now()
  const target = join(partial, what.python)
  const born = machine.birth(machine.pid)
  if (born !== undefined) yield* fs.writeFileString(join(partial, BIRTH), `${born}\n`)

  const requirement = yield* pip(what, target, version, progress)
  const build = yield* Effect.orElseSucceed(fs.readFileString(join(partial, what.build)), () => "")
  if (cuda && !what.builtForCuda(build))
    yield* refuse(
      `a wheel without CUDA: pip gave one for ${requirement}; let pip find the one with CUDA (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL), or install without --cuda`,
    )
  if (cuda) {
    const libraries = nvidiaRequirements(yield* metadata(target, name))
    yield* progress.during("NVIDIA's libraries, by pip", (onLine) =>
      Effect.flatMap(
        machine.run(python, pipArguments(libraries, target, { dependencies: true }), { onLine }),
        orRefuse((said) => pipProblem(said, "NVIDIA's libraries", machine.platform, version)),
      ),
    )
  }
  if (what.npm.length > 0) yield* bind(what, partial, progress)
  const loaded = yield* progress.during("load it once", () => load(what, partial))
  if (loaded.code !== 0) yield* refuse(loadProblem(loaded.err, machine.platform))
  const device = /"device":"([\w:]{1,20})"/.exec(loaded.out)?.[1] ?? "cpu"

  const manifest: EngineManifest = { name, version: what.version, cuda, device }
  yield* fs.writeFileString(join(partial, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
  // What was there before goes when the new one stands.
  const old = join(dirname(folder), oldName(name, machine.pid))
  if (yield* fs.exists(folder)) yield* fs.rename(folder, old)
  yield* fs.rename(partial, folder)
  yield* fs.remove(join(folder, BIRTH), { force: true })
  yield* fs.remove(old, { recursive: true, force: true })
  const seconds = format.duration((performance.now() - started) / 1000)
  process.stdout.write(
    `engine ${name} ${what.version} (${device}) in ${seconds}: ${folder}\nuse it: npx hmx run FILE --engine ${name}\n`,
  )
})

/** Fails with a sentence where a program did not end well. */
const orRefuse =
  (sentence: (output: string) => string) =>
  ({ code, err, out }: Ran) =>
    code === 0 ? Effect.void : refuse(sentence(`${out}\n${err}`))

/** Tries the wheels in turn; only one that is nowhere to be had makes it try the next. Returns the requirement that was met. */
const pip = Effect.fnUntraced(function* (what: Recipe, target: string, version: string, progress: Progress) {
  const machine = yield* Machine
  return yield* progress.during(`${what.wheels[0]?.requirement ?? what.name}, by pip`, (onLine) =>
    Effect.gen(function* () {
      let said = ""
      for (const { requirement } of what.wheels) {
        const { code, err, out } = yield* machine.run(python, pipArguments([requirement], target), {
          onLine,
        })
        if (code === 0) return requirement
        said = `${out}\n${err}`
        if (!/no matching distribution|could not find a version/i.test(said)) break
      }
      return yield* refuse(pipProblem(said, what.wheels[0]?.requirement ?? what.name, machine.platform, version))
    }),
  )
})

/** METADATA of the installed wheel. */
const metadata = Effect.fnUntraced(function* (target: string, name: string) {
  const fs = yield* FileSystem.FileSystem
  const entries = yield* fs.readDirectory(target)
  const info = entries.find((entry) => new RegExp(String.raw`^${name}-[^/]*\.dist-info$`).test(entry))
  return info === undefined ? "" : yield* fs.readFileString(join(target, info, "METADATA"))
})

/** TensorFlow's Node binding: npm's package without its download, compiled against the wheel. */
const bind = Effect.fnUntraced(function* (what: Recipe, partial: string, progress: Progress) {
  const { run } = yield* Machine
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(join(partial, "package.json"), `{ "name": "hmx-engine", "private": true }\n`)
  const npm = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--prefix", partial]
  yield* progress.during(`${what.npm[0]}, by npm`, (onLine) =>
    Effect.flatMap(run("npm", [...npm, ...what.npm], { cwd: partial, onLine }), orRefuse(npmProblem)),
  )
  for (const { at, to } of links) {
    yield* fs.makeDirectory(dirname(join(partial, at)), { recursive: true })
    yield* fs.symlink(to, join(partial, at))
  }
  yield* fs.makeDirectory(join(partial, "node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8"), { recursive: true })
  yield* progress.during("its binding, by g++", (onLine) =>
    Effect.flatMap(run("g++", compilerArguments, { cwd: partial, onLine }), orRefuse(compilerProblem)),
  )
})

/** Loads the engine of a folder in a process of its own, and computes one product with it. */
const load = Effect.fnUntraced(function* (what: Recipe, folder: string) {
  const { run } = yield* Machine
  const named = what.name === "torch" ? { HMX_LIBTORCH: join(folder, "torch", "lib") } : { HMX_TENSORFLOW: folder }
  return yield* run(
    process.execPath,
    [fileURLToPath(new URL("./loadOnce.ts", import.meta.url)), what.name, what.cuda ? "cuda" : "cpu"],
    { env: { ...named, TF_CPP_MIN_LOG_LEVEL: "2" }, timeout: 120_000 },
  )
})
