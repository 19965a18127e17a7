/** Whether this machine has what the options name, asked before work begins. */
import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Options } from "./options.ts"
import { Unusable } from "./options.ts"

const refuse = (flag: string, value: string, expected: string): never => {
  throw new Unusable(`--${flag} is ${value}; ${expected}`)
}
const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true
const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
const writable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** A checkpoint, an empty folder, or none in a folder that there is: gigabytes are written to no place that was misspelled. */
const checkFolder = (folder: string): void => {
  if (isFile(join(folder, "config.json"))) return
  const expected = "expected a checkpoint, an empty folder, or a new one in a folder that there is"
  if (existsSync(folder)) {
    if (!isFolder(folder)) refuse("folder", folder, `it is a file: ${expected}`)
    if (readdirSync(folder).length > 0) refuse("folder", folder, `it has other files and no config.json: ${expected}`)
    if (!writable(folder)) refuse("folder", folder, `nothing can be written there: ${expected}`)
    return
  }
  const around = dirname(resolve(folder))
  if (!isFolder(around)) refuse("folder", folder, `there is no folder ${around}: ${expected}`)
  if (!writable(around)) refuse("folder", folder, `nothing can be written in ${around}: ${expected}`)
}

/** Looks for the modules without loading them; torch alone says whether it has a device. */
const asksPython = `import importlib.util, sys
names = "torch transformers trl peft accelerate datasets".split()
missing = [name for name in names if importlib.util.find_spec(name) is None]
if missing:
    sys.exit("it has no " + ", ".join(missing))
if sys.argv[1] == "cuda":
    import torch
    if not torch.cuda.is_available():
        sys.exit("its torch finds no CUDA")
`

const checkPython = (python: string, device: Options["device"]): void => {
  const { error, status, stderr } = spawnSync(python, ["-c", asksPython, device], { encoding: "utf8" })
  const expected = "expected a Python with torch, transformers, trl, peft, accelerate and datasets"
  if (error !== undefined) refuse("python", python, `it does not start (${error.message.slice(0, 200)}): ${expected}`)
  if (status !== 0) refuse("python", python, `${stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? ""}: ${expected}`)
}

/** What HMX's engine lacks to compute there; undefined where it computes. */
const lacks = (device: Options["device"]): string | undefined => {
  const script = fileURLToPath(new URL("device.ts", import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [script, device], { encoding: "utf8" })
  return status === 0
    ? undefined
    : stderr
        .trim()
        .replaceAll(/\s*\n\s*/g, " ")
        .slice(0, 600)
}

/** Throws `Unusable`. `missing` says what the engine lacks on a device. */
export function ready({ baseline, device, folder, python }: Options, missing = lacks): void {
  if (baseline !== undefined && !isFile(baseline)) refuse("baseline", baseline, "there is no such file")
  if (folder !== undefined) checkFolder(folder)
  if (baseline !== undefined) checkPython(python, device)
  const flaw = missing(device)
  if (flaw !== undefined) refuse("device", device, `HMX's engine does not compute there: ${flaw}`)
}
