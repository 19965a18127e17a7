/** Files in a folder from which `hmx` can be imported. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"

const folders: Array<string> = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A new folder with these files; its path. */
export const sandbox = (files: { readonly [name: string]: string }): string => {
  const folder = mkdtempSync(fileURLToPath(new URL(".tmp-", import.meta.url)))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(`${folder}/${name}`), { recursive: true })
    writeFileSync(`${folder}/${name}`, text)
  }
  return folder
}

/** A pipeline as a user writes it; its reward comes from `reward`. */
export const pipeline = (
  change: { readonly reward?: string; readonly sample?: string; readonly head?: string } = {},
): string =>
  `import { Evaluate, Experiment, GroupAdvantage, LoRAUpdate, Model, Prompts, Reward, Sample, SelfJudge } from "hmx"
import { heldOut } from "@hmx/evals"
${change.head ?? ""}
${change.reward ?? `const brevity = Reward.make("brevity", { version: 1, score: (c) => 1 / (1 + c.text.length) })`}
export default Experiment.make("brief", {
  model: Model.nano,
  prompts: Prompts.inline(["What is one?", "What is two?"], { perStep: 2, heldOut: ["What is five?"] }),
  memory: "1 GiB",
  steps: 2,
  seed: 7,
}).pipe(
  ${change.sample ?? `Sample.stage({ groupSize: 2, maxNewTokens: 8 })`},
  SelfJudge.stage({ rubric: brevity, judge: "frozen" }),
  GroupAdvantage.stage({ scale: "group" }),
  LoRAUpdate.stage({ rank: 2, learningRate: 1e-2, loss: "dapo" }),
  Evaluate.stage({ tasks: [heldOut(brevity, "frozen")] }),
)
`
