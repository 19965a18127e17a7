/** Pipelines of the tests, in a folder outside the repository from which `hmx` can be imported, and `hmx` as a user meets it. */
import { ScriptedModel, type ScriptedModelOptions } from "@hmx/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LanguageModel } from "hmx"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, vi } from "vitest"
import { codeOf } from "../src/exit.ts"
import { program } from "../src/main.ts"
import { type Engine, Models } from "../src/Models.ts"

export const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
export const root = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "")
export const checkpoint = fileURLToPath(new URL("../../../test/fixtures/parity/checkpoints/qwen3", import.meta.url))

const folders: Array<string> = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A new folder with these files; its path. */
export const sandbox = (files: { readonly [name: string]: string }): string => {
  const folder = realpathSync(mkdtempSync(`${tmpdir()}/hmx-cli-`))
  folders.push(folder)
  // Finished work of one test is not found by another, nor kept in the repository.
  process.env["HMX_STORE"] = `${folder}/.store`
  // Nor are an engine's speeds noted in the user's own folder.
  process.env["HMX_HOME"] ??= `${folder}/.home`
  symlinkSync(`${root}/node_modules`, `${folder}/node_modules`)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(`${folder}/${name}`), { recursive: true })
    writeFileSync(`${folder}/${name}`, text)
  }
  return folder
}

/** A pipeline as a user writes it; each stage on a line of its own, from line 16. */
export const pipeline = (
  change: { readonly stages?: (stages: ReadonlyArray<string>) => ReadonlyArray<string>; readonly model?: string } = {},
): string => {
  const stages = [
    `Sample.stage({ groupSize: 2, maxNewTokens: 8, temperature: 0.8 }),`,
    `SelfJudge.stage({ rubric: brevity, judge: "frozen" }),`,
    `GroupAdvantage.stage({ scale: "group" }),`,
    `LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),`,
    `Evaluate.stage({ tasks: [heldOut(brevity, "frozen")] }),`,
  ]
  return [
    `import { heldOut } from "@hmx/evals"`,
    `import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, SelfJudge } from "hmx"`,
    ``,
    `const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / (1 + c.text.length) })`,
    ``,
    `export default Experiment.make("brief", {`,
    `  model: ${change.model ?? "Model.nano"},`,
    `  prompts: Prompts.inline(`,
    `    ["What is one?", "What is two?", "What is three?", "What is four?"],`,
    `    { perStep: 2, heldOut: ["What is five?", "What is six?"] },`,
    `  ),`,
    `  memory: "1 GiB",`,
    `  steps: 2,`,
    `  seed: 7,`,
    `}).pipe(`,
    ...(change.stages ?? ((s) => s))(stages).map((s) => `  ${s}`),
    `)`,
    ``,
  ].join("\n")
}

/** What a command printed, and its exit code. */
export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command in this process, on a scripted model whatever the experiment names; `engines` gets the engine that was asked for. */
export const hmx = async (
  args: ReadonlyArray<string>,
  script: ScriptedModelOptions = {},
  engines: Array<Engine> = [],
): Promise<Said> => {
  const said = { out: "", err: "" }
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => ((said.out += String(text)), true))
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((said.err += String(text)), true))
  const layer = ScriptedModel.layer(script)
  const scripted = Layer.succeed(Models, {
    find: (_model, _locate, { backend, compute, device, engine, threads }) => {
      engines.push({ backend, compute, device, engine, threads })
      return Effect.provide(
        Effect.map(Effect.service(LanguageModel), ({ info }) => ({ name: info.name, shape: info.shape, layer })),
        layer,
      )
    },
  })
  try {
    const exit = await Effect.runPromiseExit(Effect.provide(program(args), scripted))
    return { code: codeOf(exit), ...said }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

/** Runs a program as a process of its own. */
export const spawned = (
  file: string,
  args: ReadonlyArray<string>,
  cwd: string,
  env: { readonly [name: string]: string } = {},
): Promise<Said> =>
  new Promise((done) => {
    execFile(
      process.execPath,
      [file, ...args],
      { cwd, encoding: "utf8", env: { ...process.env, ...env } },
      (error, out, err) => done({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
