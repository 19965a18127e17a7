import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { readConfig } from "../../src/io/config.ts"
import { Files } from "../../src/io/Files.ts"
import type { FileSystem } from "../../src/io/Files.ts"
import { readAdapter, writeAdapter } from "../../src/io/peft.ts"
import { openSafetensors, readF32, writeSafetensors } from "../../src/io/safetensors.ts"
import { committed, failure, filesIn, fresh, large } from "./_support.ts"

const model = Effect.runSync(readConfig(join(committed, "checkpoints/qwen3")))
const golden = join(committed, "lora/qwen3_regex_layer0/adapter_step3")

/** Every adapter of the golden sets that belongs to the model. */
const adapters = [committed, large].flatMap((set) =>
  filesIn(join(set, "lora"))
    .filter((name) => name.startsWith("qwen3"))
    .flatMap((name) => ["adapter_init", "adapter_step3"].map((part) => join(set, "lora", name, part)))
    .concat(
      filesIn(join(set, "e2e")).flatMap((run) =>
        ["adapter_init", "adapter_final"].map((part) => join(set, "e2e", run, part)),
      ),
    )
    .filter((folder) => fs.existsSync(folder)),
)

const withConfig = (patch: { readonly [key: string]: unknown }): string => {
  const folder = fresh("adapter")
  fs.cpSync(golden, folder, { recursive: true })
  const json = JSON.parse(fs.readFileSync(join(folder, "adapter_config.json"), "utf8"))
  fs.writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ ...json, ...patch }))
  return folder
}

type Tensors = Map<string, { shape: ReadonlyArray<number>; data: Float32Array }>
const withTensors = (edit: (tensors: Tensors) => void): string => {
  const folder = withConfig({})
  const file = join(folder, "adapter_model.safetensors")
  const open = Effect.runSync(openSafetensors(file))
  const tensors: Tensors = new Map(
    Array.from(open.tensors.values(), (t) => [t.name, { shape: t.shape, data: Effect.runSync(readF32(open, t.name)) }]),
  )
  edit(tensors)
  Effect.runSync(
    writeSafetensors(
      file,
      Array.from(tensors, ([name, t]) => ({ name, dtype: "F32" as const, ...t })),
    ),
  )
  return folder
}

const refused = (edit: (tensors: Tensors) => void) => failure(readAdapter(withTensors(edit), model)).message

describe("an adapter of PEFT's", () => {
  it.each(adapters)("%s is read, and its tensors are written as PEFT's own bytes", (folder) => {
    const adapter = Effect.runSync(readAdapter(folder, model))
    const copy = fresh("copy")
    Effect.runSync(writeAdapter(copy, adapter, "qwen3"))
    const name = "adapter_model.safetensors"
    expect(fs.readFileSync(join(copy, name)).equals(fs.readFileSync(join(folder, name)))).toBe(true)
    expect(Effect.runSync(readAdapter(copy, model))).toEqual(adapter)
    const [ours, theirs] = [copy, folder].map((f) =>
      JSON.parse(fs.readFileSync(join(f, "adapter_config.json"), "utf8")),
    )
    for (const key of [
      "r",
      "lora_alpha",
      "use_rslora",
      "rank_pattern",
      "alpha_pattern",
      "peft_type",
      "task_type",
      "bias",
    ])
      expect(ours[key], key).toEqual(theirs[key])
    // PEFT holds a set, so the order of its file varies.
    expect(new Set(ours.target_modules)).toEqual(new Set(theirs.target_modules))
  })

  it("of every linear layer is written with their names, as PEFT does", () => {
    const tensors = new Map<string, { shape: ReadonlyArray<number>; data: Float32Array }>()
    const folder = fresh("all")
    const config = { rank: 1, alpha: 2, rslora: false, targets: "all-linear", rankPattern: {}, alphaPattern: {} }
    Effect.runSync(writeAdapter(folder, { config, tensors }, "base"))
    const json = JSON.parse(fs.readFileSync(join(folder, "adapter_config.json"), "utf8"))
    const names = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    expect(json.target_modules).toEqual(names)
    expect(json.base_model_name_or_path).toBe("base")
  })

  it("keeps its options: a regular expression, ranks and alphas by pattern", () => {
    const { config, tensors } = Effect.runSync(readAdapter(golden, model))
    expect(config).toEqual({
      rank: 8,
      alpha: 16,
      rslora: false,
      targets: ".*layers\\.0\\.(self_attn\\.(q|o)_proj|mlp\\.down_proj)",
      rankPattern: { q_proj: 2 },
      alphaPattern: { q_proj: 8 },
    })
    expect(tensors.get("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight")?.shape).toEqual([2, 48])
  })

  it.each<[string, { readonly [key: string]: unknown }, RegExp]>([
    ["DoRA", { use_dora: true }, /"use_dora": found true; expected null, false or empty/],
    ["whole modules", { modules_to_save: ["lm_head"] }, /"modules_to_save": found \["lm_head"\]/],
    ["biases", { bias: "all" }, /bias: found "all"; expected "none"/],
    ["LoRA's own biases", { lora_bias: true }, /"lora_bias": found true/],
    ["some layers", { layers_to_transform: [0] }, /"layers_to_transform": found \[0\]/],
    ["an option of tomorrow", { use_nora: 1 }, /"use_nora": found 1/],
    ["an initialisation that changes the base", { init_lora_weights: "pissa" }, /init_lora_weights: found "pissa"/],
    ["another method", { peft_type: "IA3" }, /peft_type: found "IA3"; expected "LORA"/],
    ["another task", { task_type: "SEQ_CLS" }, /task_type: found "SEQ_CLS"/],
    ["no rank", { r: 0 }, /r: found 0; expected a value between 1 and/],
    ["an unknown module", { target_modules: ["q_proj", "nope"] }, /targets: found "nope"/],
    ["no module", { target_modules: "nothing" }, /targets: found "nothing"/],
    [
      "a broken expression",
      { target_modules: "((" },
      /adapter_config\.json, .*found ".*\(\(.*"; expected a regular expression/,
    ],
    [
      "more modules than are stored",
      { target_modules: ["q_proj"] },
      /tensor "base_model\.model\.model\.layers\.1\.self_attn\.q_proj\.lora_A\.weight": found no such tensor/,
    ],
    [
      "another rank than is stored",
      { rank_pattern: {} },
      /q_proj\.lora_A\.weight": found shape \[2, 48\]; expected shape \[8, 48\]/,
    ],
  ])("with %s is refused", (_, patch, sentence) => {
    const { tag, message } = failure(readAdapter(withConfig(patch), model))
    expect(tag).toBe("BadInput")
    expect(message).toMatch(sentence)
  })

  it("with dropout, or without what newer versions write, is read", () => {
    const plain = Effect.runSync(readAdapter(golden, model))
    const other = withConfig({ lora_dropout: 0.1, task_type: null, bias: undefined, use_rslora: undefined })
    expect(Effect.runSync(readAdapter(other, model))).toEqual(plain)
  })

  it("with a tensor too many, too few or not finite is refused", () => {
    const name = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"
    expect(refused((t) => t.delete(name))).toMatch(
      /down_proj\.lora_B\.weight": found no such tensor; expected shape \[48, 8\]/,
    )
    expect(refused((t) => t.set("x", { shape: [0], data: new Float32Array() }))).toMatch(
      /tensor "x": found a tensor; expected only the tensors of/,
    )
    expect(
      refused((t) => {
        const tensor = t.get(name)
        if (tensor !== undefined) tensor.data[5] = Number.NaN
      }),
    ).toMatch(/down_proj\.lora_B\.weight", element 5: found NaN or infinity/)
  })

  it("on a full disk is not written by halves: the old one is still there and whole", () => {
    const adapter = Effect.runSync(readAdapter(golden, model))
    const folder = fresh("full")
    Effect.runSync(writeAdapter(folder, adapter, "old"))
    const before = filesIn(folder).map((name) => fs.readFileSync(join(folder, name), "latin1"))
    let room = 1000
    const full: FileSystem = {
      ...fs,
      writeSync: (fd, data, offset, length) => {
        if (room <= 0) throw Object.assign(new Error("no room"), { code: "ENOSPC" })
        const n = fs.writeSync(fd, data, offset, Math.min(length, room))
        room -= n
        return n
      },
    }
    const { tag, message } = failure(Effect.provideService(writeAdapter(folder, adapter, "new"), Files, full))
    expect(tag).toBe("StorageFailed")
    expect(message).toBe(`cannot write ${join(folder, "adapter_model.safetensors")}: the disk is full (ENOSPC)`)
    expect(filesIn(folder)).toEqual(["adapter_config.json", "adapter_model.safetensors"])
    expect(filesIn(folder).map((name) => fs.readFileSync(join(folder, name), "latin1"))).toEqual(before)
  })
})
