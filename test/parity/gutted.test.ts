/** Fixtures from which something is missing are off: a check that finds nothing to compare is not a pass. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { create } from "@hmx/engine-tfjs"
import { afterAll, expect, test } from "vitest"
import { harness } from "./harness.ts"
import { dropTensors, plant, setJson } from "./rewrite.ts"

const committed = fileURLToPath(new URL("../fixtures/parity", import.meta.url))
const engine = await create()
afterAll(() => engine.close())

/** The lines that are off in a copy of these folders after `spoil`; whole, they have none but of folders that are not copied. */
const offAfter = (folders: ReadonlyArray<string>, spoil: (root: string) => void) => {
  const root = mkdtempSync(join(tmpdir(), "parity-"))
  try {
    for (const folder of folders) cpSync(join(committed, folder), join(root, folder), { recursive: true })
    spoil(root)
    return [...harness(root, engine)].filter((line) => line.status === "off")
  } finally {
    rmSync(root, { recursive: true })
  }
}

const model = ["checkpoints", "vectors"]
const lora = ["checkpoints/qwen3", "lora/qwen3_regex_layer0"] as const
const kl = ["checkpoints/qwen3", "e2e/grpo_kl_2iter"]
const [vectors, adapter, trace, losses] = [
  "vectors/qwen3.safetensors",
  "lora/qwen3_regex_layer0/vectors.safetensors",
  "e2e/grpo_kl_2iter/trace.safetensors",
  "grpo/losses.safetensors",
]

test.each<[name: string, folders: ReadonlyArray<string>, file: string, tensors: RegExp, said: RegExp]>([
  ["logits, left", model, vectors, /^left\.logits$/, /no tensor "left\.logits"/],
  ["logits, right", model, vectors, /^right\.logits_last_row$/, /no tensor "right\.logits_last_row"/],
  ["log-probabilities", model, vectors, /^left\.logprobs$/, /no tensor "left\.logprobs"/],
  ["all hidden states", model, vectors, /^left\.hidden/, /no tensor "left\.hidden\.0"/],
  ["one hidden state", model, vectors, /^left\.hidden\.2/, /no tensor "left\.hidden\.2"/],
  ["one sampler's scores", model, vectors, /^sampling\.3\./, /parameters of samplers, \d+ results/],
  ["all gradients", lora, adapter, /^grad\./, /no tensor "grad\./],
  ["one gradient", lora, adapter, /^grad\..*o_proj\.lora_A/, /no tensor "grad\..*o_proj\.lora_A/],
  ["logits of an adapter", lora, adapter, /^logits_row0$/, /no tensor "logits_row0"/],
  ["logits of the base", lora, adapter, /^base_logits/, /no tensor "base_logits/],
  ["logits of merged weights", lora, adapter, /^merged/, /no tensor "merged/],
  [
    "an adapter's weights after the steps",
    lora,
    "lora/qwen3_regex_layer0/adapter_step3/adapter_model.safetensors",
    /o_proj\.lora_A/,
    /o_proj\.lora_A\.weight": found no such tensor/,
  ],
  ["weights of all steps", kl, trace, /^step\./, /weights after each step: .*the reference has 0/],
  ["weights of one step", kl, trace, /^step\.2\./, /weights after each step: .*the reference has 0/],
  ["old log-probabilities", kl, trace, /old_per_token_logps/, /old log-probabilities: .*the reference has 0/],
  ["reference log-probabilities", kl, trace, /ref_per_token_logps/, /reference log-probabilities: .*has 0/],
  ["entropies", kl, trace, /entropies/, /entropies: .*the reference has 0/],
  ["a loss's gradient", ["grpo"], losses, /^grad\.dapo$/, /no tensor "grad\.dapo"/],
  ["a loss's gradient by entropy", ["grpo"], losses, /^grad_entropy/, /no tensor "grad_entropy/],
  ["old log-probabilities of the losses", ["grpo"], losses, /^old_/, /no tensor "old_per_token_logps"/],
])("without %s", (_, folders, file, tensors, said) => {
  const off = offAfter(folders, (root) => dropTensors(join(root, file), tensors))
  expect(off).toContainEqual(expect.objectContaining({ what: expect.stringMatching(said) }))
})

const greedy = (root: string, change: object): void => {
  const file = join(root, "vectors/qwen3.json")
  const json: unknown = JSON.parse(readFileSync(file, "utf8"))
  setJson(file, "greedy", { ...Object(Object(json).greedy), ...change })
}

test.each<[name: string, folders: ReadonlyArray<string>, spoil: (root: string) => void, said: RegExp]>([
  ["no losses", ["grpo"], (root) => setJson(join(root, "grpo/losses.json"), "cases", []), /no cases of losses/],
  [
    "one loss fewer",
    ["grpo"],
    (root) => {
      const file = join(root, "grpo/losses.json")
      setJson(file, "cases", Object(JSON.parse(readFileSync(file, "utf8"))).cases.slice(1))
    },
    /no case of grad\./,
  ],
  ["no advantages", ["grpo"], (root) => setJson(join(root, "grpo/advantages.json"), "cases", []), /no cases of adv/],
  ["no file of losses", ["grpo"], (root) => rmSync(join(root, "grpo/losses.json")), /losses\.json/],
  ["no tensors of losses", ["grpo"], (root) => rmSync(join(root, losses)), /losses\.safetensors/],
  ["no file of advantages", ["grpo"], (root) => rmSync(join(root, "grpo/advantages.json")), /advantages\.json/],
  ["no prompts", model, (root) => greedy(root, { input_ids: [] }), /no prompts of greedy answers/],
  ["no answers", model, (root) => greedy(root, { no_eos: [] }), /3 greedy answers$/],
  ["empty answers", model, (root) => greedy(root, { with_eos: [[], [], []] }), /no tokens in a greedy answer/],
  ["no greedy part", model, (root) => setJson(join(root, "vectors/qwen3.json"), "greedy", undefined), /greedy/],
  ["no samplers", model, (root) => setJson(join(root, "vectors/qwen3.json"), "sampling", []), /no parameters of samp/],
  ["no vectors", model, (root) => rmSync(join(root, vectors)), /vectors\/qwen3\.safetensors/],
  ["no checkpoint", model, (root) => rmSync(join(root, "checkpoints"), { recursive: true }), /no checkpoints\/qwen3/],
  [
    "an empty area",
    lora,
    (root) => rmSync(join(root, "lora/qwen3_regex_layer0"), { recursive: true }),
    /without a case/,
  ],
  ["no steps", lora, (root) => setJson(join(root, "lora/qwen3_regex_layer0/meta.json"), "steps", 0), /for 0 steps/],
  [
    "no generations",
    kl,
    (root) => setJson(join(root, "e2e/grpo_kl_2iter/trace.json"), "generations", []),
    /no generat/,
  ],
  [
    "no micro-batches",
    kl,
    (root) => setJson(join(root, "e2e/grpo_kl_2iter/trace.json"), "micro_batches", []),
    /no micro/,
  ],
  ["no texts", ["tokenizers"], (root) => setJson(join(root, "tokenizers/qwen3/vectors.json"), "items", []), /no texts/],
  ["no chats", ["tokenizers"], (root) => setJson(join(root, "tokenizers/qwen3/chat.json"), "cases", []), /no chats/],
  ["no file of chats", ["tokenizers"], (root) => rmSync(join(root, "tokenizers/qwen3/chat.json")), /chat\.json/],
])("%s", (_, folders, spoil, said) => {
  expect(offAfter(folders, spoil)).toContainEqual(expect.objectContaining({ what: expect.stringMatching(said) }))
})

test.each([
  ["a warm-up that the log does not show", { warmup_steps: 2 }],
  ["another schedule than the log's", { lr_scheduler_type: "cosine" }],
])("%s is off", (_, change) => {
  const off = offAfter(kl, (root) => {
    const file = join(root, "e2e/grpo_kl_2iter/trace.json")
    setJson(file, "config", { ...Object(Object(JSON.parse(readFileSync(file, "utf8"))).config), ...change })
  })
  expect(off).toContainEqual(expect.objectContaining({ case: "e2e/grpo_kl_2iter", what: "learning rates" }))
})

const weight = "model.layers.0.self_attn.o_proj.lora_B.weight"

test.each([
  ["lora/qwen3_regex_layer0", "adapter_step3/adapter_model.safetensors", `base_model.model.${weight}`, 2e-5],
  ["e2e/dapo_onpolicy", "trace.safetensors", `step.2.${weight}`, 6e-5],
  ["e2e/dapo_onpolicy", "trace.safetensors", `step.1.${weight}`, 2e-5],
  ["e2e/dapo_onpolicy", "adapter_final/adapter_model.safetensors", `base_model.model.${weight}`, 2e-5],
])("in %s/%s, an error in one element of %s by %d is off", (folder, file, name, delta) => {
  for (const index of [0, 101]) {
    const off = offAfter(["checkpoints/qwen3", folder], (root) => plant(join(root, folder, file), name, index, delta))
    expect(off).toContainEqual(expect.objectContaining({ case: folder, what: expect.stringMatching(/^weights/) }))
  }
})

test.each([
  ["another decay", { weight_decay: 0.099 }],
  ["another rate", { lr: 0.0201 }],
  ["another first moment", { betas: [0.901, 0.99] }],
  ["another second moment", { betas: [0.9, 0.991] }],
  ["another clip", { max_grad_norm: 0.5 }],
])("an optimiser with %s is off", (_, change) => {
  const off = offAfter(lora, (root) => {
    for (const [name, to] of Object.entries(change)) setJson(join(root, lora[1], "meta.json"), name, to)
  })
  expect(off).toContainEqual(expect.objectContaining({ what: expect.stringMatching(/^weights after/) }))
})

test("an error in one element of a gradient is off, though its tensor hardly moves", () => {
  const off = offAfter(lora, (root) =>
    plant(join(root, adapter), "grad.model.layers.0.self_attn.o_proj.lora_B.weight", 7, 1e-4),
  )
  expect(off).toContainEqual(expect.objectContaining({ what: expect.stringMatching(/^an element of a gradient/) }))
})
