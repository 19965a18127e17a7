/**
 * Benchmarks against lm-evaluation-harness: parity on the items of test/fixtures/evals, and speed on random weights.
 *
 *     node test/bench/evals.ts [--python PATH] [--size small|0.6b] [--items 24] [--rounds 3] [--threads 2] [--batch 8]
 *
 * Prints JSON. With `--python`, an interpreter that has lm_eval[hf], the harness is run: on the fixture, and, round after round in turn with
 * ours, on multiple-choice items of four endings (as HellaSwag's in length) at a model's shape, with one torch in f32 on the processor. Without it
 * the fixture's golden values stand for the harness, and speed is ours alone. Exit 1 where a log-likelihood is more than 10⁻⁴ away, a text or figure
 * differs, or ours is less than twice as fast.
 */
import { spawn, spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { evaluate, hellaswag } from "@hmx/evals"
import { create } from "@hmx/engine-torch"
import { EngineUnavailable, LocalLanguageModel, type ModelConfig, stream, weightShapes, writeCheckpoint } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { compared, golden, step } from "../evals/golden.ts"

const { values } = parseArgs({
  options: {
    python: { type: "string" },
    size: { type: "string", default: "small" },
    items: { type: "string", default: "24" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    batch: { type: "string", default: "8" },
  },
})
const [items, rounds, threads] = [Number(values.items), Number(values.rounds), Number(values.threads)]
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const qwen3 = {
  family: "qwen3",
  normEps: 1e-6,
  ropeTheta: 1e6,
  activation: "silu",
  qkNorm: true,
  qkvBias: false,
  tied: true,
  context: 2048,
} as const
const shapes = {
  small: { ...qwen3, layers: 8, hidden: 256, heads: 4, kvHeads: 2, headDim: 64, ffn: 768, vocab: 8192 },
  "0.6b": { ...qwen3, layers: 28, hidden: 1024, heads: 16, kvHeads: 8, headDim: 128, ffn: 3072, vocab: 151_936 },
}
const spec = values.size === "small" || values.size === "0.6b" ? shapes[values.size] : undefined
if (spec === undefined) {
  console.error(
    "usage: node test/bench/evals.ts [--python PATH] [--size small|0.6b] [--items n] [--rounds n] [--threads n] [--batch n]",
  )
  process.exit(2)
}

const torch = await create({ threads: 1 }).then(
  (engine) => {
    engine.close()
    return true
  },
  (error: unknown) => {
    if (!(error instanceof EngineUnavailable)) throw error
    return false
  },
)
const engine = import.meta.resolve(torch ? "@hmx/engine-torch" : "@hmx/engine-tfjs")

const parity = async () => {
  const made =
    values.python === undefined
      ? undefined
      : spawnSync(values.python, [here("../fixtures/evals/make_lm_eval.py")], { encoding: "utf8", maxBuffer: 1 << 26 })
  if (made !== undefined && made.status !== 0) {
    const lacks = /No module named '?(\S+?)'?\s*$/m.exec(made.stderr)?.[1]
    console.error(
      made.error?.message ??
        (lacks === undefined
          ? made.stderr.slice(-2000)
          : `${values.python} has no ${lacks}: --python names an interpreter with lm_eval[hf], such as \`python3 -m venv V && V/bin/pip install "lm_eval[hf]"\``),
    )
    process.exit(2)
  }
  const found = await Effect.runPromise(compared(golden(made?.stdout), engine, { threads: 1 }))
  return {
    against: made === undefined ? "the fixture's golden values" : "lm-evaluation-harness, run now",
    logLikelihoods: found.reduce((sum, one) => sum + one.found.likelihoods, 0),
    maxDifference: Math.max(...found.map((one) => one.found.scores)),
    texts: found.reduce((sum, one) => sum + one.found.generated, 0),
    textsThatDiffer: found.reduce((sum, one) => sum + one.found.texts.length, 0),
    figures: found.reduce((sum, one) => sum + one.found.figures, 0),
    maxDifferenceOfFigures: Math.max(...found.map((one) => one.found.metrics)),
  }
}

/** Random weights with nano's tokenizer. */
const checkpoint = (folder: string) => {
  const config: ModelConfig = { spec, dtype: "BF16", bos: undefined, pad: 1539, eos: [1541] }
  const tensors = new Map(
    Array.from(weightShapes(spec), ([name, shape]) => {
      const count = shape.reduce((n, d) => n * d, 1)
      const [low, high] = shape.length === 1 ? [0.9, 1.1] : [-0.03, 0.03]
      // One run of numbers again and again: a weight is not to take longer to make than to use.
      const some = stream(1, name).uniform(Math.min(count, 1 << 16), low, high)
      const data = new Float32Array(count)
      for (let at = 0; at < count; at += some.length) data.set(some.subarray(0, Math.min(some.length, count - at)), at)
      return [name, { shape, data }] as const
    }),
  )
  Effect.runSync(writeCheckpoint(folder, { config, tensors }))
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    copyFileSync(here(`../../packages/nano/checkpoint/${name}`), join(folder, name))
}

const words =
  "the sea was calm and a boat lay still in its harbour while people talked about the day that had been so long".split(
    " ",
  )
const text = (seed: string, count: number): string =>
  Array.from(stream(2, seed).uniform(count, 0, words.length), (x) => words[Math.floor(x)] ?? "the").join(" ")

/** Four endings of about twenty words after a context of about seventy. */
const lines = Array.from({ length: items }, (_, ind) =>
  JSON.stringify({
    ind,
    activity_label: "Sailing",
    ctx_a: `${text(`a${ind}`, 60)}.`,
    ctx_b: text(`b${ind}`, 8),
    endings: [0, 1, 2, 3].map((e) => `${text(`e${ind}-${e}`, 16 + e)}.`),
    label: 0,
  }),
).join("\n")

/** The harness in a process of its own, that computes when told to. */
const harness = (python: string, folder: string, requests: string) => {
  const child = spawn(python, [here("evals.py"), folder, requests, String(threads), values.batch], {
    stdio: ["pipe", "pipe", "ignore"],
  })
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => {
    const next = await said.next()
    if (next.done === true) throw new Error("the harness ended: does the interpreter have lm_eval[hf]?")
    return next.value
  }
  return {
    ready: line(),
    round: () => {
      child.stdin.write("go\n")
      return line().then(Number)
    },
    end: (): Promise<ReadonlyArray<number>> => {
      child.stdin.end()
      return line().then((found) => JSON.parse(found))
    },
  }
}

const median = (all: ReadonlyArray<number>): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN

const speed = Effect.gen(function* () {
  const folder = mkdtempSync(join(tmpdir(), "hmx-evals-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
  checkpoint(folder)
  const read = yield* Effect.fromResult(hellaswag.read({ name: "items.jsonl", text: lines }))
  const pairs = read.flatMap(({ request }) => {
    const asked = request()
    return asked.kind === "choices" ? asked.choices.map(({ context, continuation }) => [context, continuation]) : []
  })
  writeFileSync(join(folder, "requests.json"), JSON.stringify(pairs))
  const { python } = values
  const other = python === undefined ? undefined : harness(python, folder, join(folder, "requests.json"))
  const [ours, theirs]: [Array<number>, Array<number>] = [[], []]
  let scores: ReadonlyArray<number> = []
  yield* Effect.provide(
    Effect.gen(function* () {
      yield* evaluate(hellaswag, read.slice(0, 1))
      yield* Effect.promise(async () => other?.ready)
      for (let i = 0; i < rounds; i++) {
        const started = performance.now()
        const { records } = yield* evaluate(hellaswag, read)
        ours.push((performance.now() - started) / 1000)
        scores = records.flatMap(({ answer }) => (answer.kind === "scores" ? answer.scores : []))
        if (other !== undefined) theirs.push(yield* Effect.promise(other.round))
      }
    }),
    LocalLanguageModel.layer({
      checkpointFolder: folder,
      engineModule: engine,
      engineOptions: { threads, dtype: "f32" },
    }),
  )
  const found = other === undefined ? undefined : yield* Effect.promise(other.end)
  const rate = (seconds: ReadonlyArray<number>) => items / median(seconds)
  return {
    size: values.size,
    engine: torch ? "torch" : "tfjs",
    threads,
    items,
    requests: pairs.length,
    ours: { itemsPerSecond: rate(ours), seconds: ours },
    ...(found === undefined
      ? {}
      : {
          harness: { itemsPerSecond: rate(theirs), seconds: theirs, batch: Number(values.batch) },
          ratio: rate(ours) / rate(theirs),
          maxDifference: Math.max(...found.map((score, i) => Math.abs(score - (scores[i] ?? Number.NaN)))),
        }),
  }
}).pipe(Effect.scoped, Effect.provide(step))

const result = { parity: await parity(), speed: await Effect.runPromise(speed) }
console.log(JSON.stringify(result, undefined, 2))
const { figures, logLikelihoods, maxDifference, maxDifferenceOfFigures, textsThatDiffer } = result.parity
const agrees =
  logLikelihoods > 0 && figures > 0 && maxDifference <= 1e-4 && maxDifferenceOfFigures <= 1e-5 && textsThatDiffer === 0
process.exitCode = agrees && (result.speed.ratio ?? 2) >= 2 ? 0 : 1
