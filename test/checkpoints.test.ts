/**
 * Every tiny checkpoint of the fixtures as a user meets it, on every engine that is here: a step of an experiment with a live judge,
 * and a conversation. The larger set of fixtures is run as well where it stands beside the repository.
 */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { presentTensorflow } from "@hmx/engine-tfjs"
import { presentTorch } from "@hmx/engine-torch"
import { afterAll, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const bin = join(root, "packages/cli/src/bin.ts")

/** Checkpoints by their names; of two sets with the same name the first one's. */
const checkpoints = new Map(
  [join(root, "../shared/fixtures/checkpoints"), join(root, "test/fixtures/parity/checkpoints")].flatMap((set) =>
    existsSync(set) ? readdirSync(set).map((name) => [name, join(set, name)] as const) : [],
  ),
)

const engines = [
  { engine: "tfjs", absent: undefined },
  { engine: "torch", absent: asReason(presentTorch()) },
  { engine: "tensorflow", absent: asReason(presentTensorflow()) },
].filter(({ absent, engine }) => {
  if (absent !== undefined) console.warn(`engine ${engine} is absent: ${absent}`)
  return absent === undefined
})
function asReason(found: unknown): string | undefined {
  return typeof found === "string" ? found : undefined
}

const folder = mkdtempSync(join(tmpdir(), "hmx-checkpoints-"))
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// As pipelines/human.ts, with less of everything.
writeFileSync(
  join(folder, "short.ts"),
  `import { heldOut, humanLikeWords } from "@hmx/evals"
import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Sample, SelfJudge } from "hmx"
import { humanLike } from ${JSON.stringify(join(root, "rubrics/human-like.ts"))}

export default Experiment.make("short", {
  model: Model.nano,
  prompts: Prompts.inline(["Who are you?", "What now?"], { perStep: 2, heldOut: ["And then?"] }),
  memory: "2 GiB",
  steps: 1,
  seed: 7,
}).pipe(
  Sample.stage({ groupSize: 4, maxNewTokens: 8 }),
  SelfJudge.stage({ rubric: humanLike, judge: "live" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 4, learningRate: 5e-3, loss: "dapo", beta: 0.1 }),
  Evaluate.stage({ tasks: [humanLikeWords(), heldOut(humanLike, "frozen")], when: ["before", "after"] }),
)
`,
)

const hmx = (args: ReadonlyArray<string>, input = "") =>
  new Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>((done) => {
    const child = execFile(process.execPath, [bin, ...args], { cwd: folder, encoding: "utf8" }, (error, out, err) =>
      done({ code: error === null ? 0 : error.code, out, err }),
    )
    child.stdin?.end(input)
  })

describe.each(engines)("$engine", ({ engine }) => {
  it.each([...checkpoints])(
    "trains %s for a step",
    async (name, path) => {
      const out = `${name}-${engine}`
      const run = await hmx(["run", "short.ts", "--model", path, "--engine", engine, "--out", out])
      // An engine's library may have words of its own on stderr.
      expect(run).toMatchObject({
        code: 0,
        err: expect.not.stringContaining("error"),
        out: expect.stringMatching(/human-like/),
      })
      expect(existsSync(join(folder, out, "checkpoints/step-1/adapter_model.safetensors"))).toBe(true)
      const chat = await hmx(
        ["chat", "--model", path, "--engine", engine, "--tokens", "8", "--adapter", out],
        "Hello\n",
      )
      expect(chat).toMatchObject({
        code: 0,
        err: expect.not.stringContaining("error"),
        out: expect.stringMatching(/\S/),
      })
      // Two processes that load an engine, TensorFlow among them, on a machine that may be busy.
    },
    600_000,
  )
})
