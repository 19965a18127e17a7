/**
 * Makes the shipped checkpoint again: `npm run nano:pretrain -- [--tokens N] [--seed N] [--out FOLDER] [--state FILE] [--threads N]`.
 * Ctrl-C stops after the step in hand; the same command goes on where it stopped.
 */
import { create } from "@hmx/engine-tfjs"
import { jsonFile, Pretrainer, writeAtomically, writeCheckpoint } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Errors } from "hmx"
import { batches } from "./batches.ts"
import { factAccuracy, judgeGenerated, judgeOwn, type JudgeFigures, type Trained } from "./measure.ts"
import { nano } from "./nano.ts"
import { load, save } from "./Progress.ts"

/** Tokens of a batch, with padding as it would be. */
const BATCH = 2048
const WARM_UP = 60
const SAVE_EVERY_MS = 180_000

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const options = () => {
  const { values } = parseArgs({
    options: {
      tokens: { type: "string", default: "3200000" },
      seed: { type: "string", default: "1" },
      out: { type: "string", default: here("../checkpoint") },
      state: { type: "string", default: here("../../../runs/nano-pretrain/state.safetensors") },
      threads: { type: "string", default: "1" },
    },
  })
  const whole = (name: "tokens" | "seed" | "threads", least: number): number => {
    const n = Number(values[name])
    if (!Number.isSafeInteger(n) || n < least)
      throw new Errors.BadInput({
        where: `--${name}`,
        found: values[name],
        expected: `a whole number of at least ${least}`,
      })
    return n
  }
  return { ...values, tokens: whole("tokens", 1), seed: whole("seed", 0), threads: whole("threads", 1) }
}

const figures = ({ accuracy, auc, n }: JudgeFigures): string =>
  `accuracy ${accuracy.toFixed(3)}, AUC F ${auc.F.toFixed(4)} I ${auc.I.toFixed(4)} S ${auc.S.toFixed(4)} (n ${n})`

const minutes = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`

const say = (line: string): void => console.log(line)

const main = async (): Promise<void> => {
  const given = options()
  const { config, tokenizer, tokenizerFiles } = nano()
  const before = await Effect.runPromise(load(given.state, { seed: given.seed, total: given.tokens }))
  const engine = await create({ threads: given.threads })
  const trainer =
    before === undefined
      ? Pretrainer.create(engine, config.spec, given.seed)
      : Pretrainer.restore(engine, config.spec, before.steps, before.tensors)
  const trained = (): Trained => ({ decoder: trainer.decoder, tokenizer, eos: config.eos })

  const stopping = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort())

  let tokens = before?.tokens ?? 0
  const start = { tokens, time: performance.now() }
  if (before !== undefined) say(`going on at step ${before.steps}, ${tokens} of ${given.tokens} tokens`)
  const keep = () =>
    Effect.runPromise(
      save(
        { seed: given.seed, total: given.tokens, tokens, steps: trainer.steps, tensors: trainer.state() },
        given.state,
      ),
    )

  const source = batches(tokenizer, given.seed, BATCH)
  for (let i = 0; i < trainer.steps; i++) source.next()
  let saved = performance.now()
  let losses: Array<number> = []
  while (tokens < given.tokens && !stopping.signal.aborted) {
    const batch = source.next().value
    const scale = Math.min(1, (trainer.steps + 1) / WARM_UP) * (1 - tokens / given.tokens)
    losses.push(trainer.step(batch.sequences, scale).loss)
    tokens += batch.tokens
    if (trainer.steps % 50 === 0) {
      const rate = (1000 * (tokens - start.tokens)) / (performance.now() - start.time)
      const loss = losses.reduce((a, b) => a + b, 0) / losses.length
      const done = ((100 * tokens) / given.tokens).toFixed(1)
      losses = []
      say(
        `step ${trainer.steps}  ${tokens} tokens (${done} %)  loss ${loss.toFixed(4)}  ${rate.toFixed(0)} tokens/s  ETA ${minutes((given.tokens - tokens) / rate)}`,
      )
    }
    if (trainer.steps % 300 === 0) say(`  judge: ${figures(judgeGenerated(trained(), 60, "whole"))}`)
    if (performance.now() - saved > SAVE_EVERY_MS) {
      await keep()
      saved = performance.now()
    }
    // Lets a signal in between two steps.
    await new Promise(setImmediate)
  }
  await keep()
  if (stopping.signal.aborted) {
    say(`stopped at step ${trainer.steps}; the same command goes on from here`)
  } else {
    await Effect.runPromise(
      Effect.andThen(
        writeCheckpoint(given.out, { config, tensors: trainer.weights() }),
        writeAtomically(Object.entries(tokenizerFiles).map(([name, json]) => jsonFile(`${given.out}/${name}`, json))),
      ),
    )
    say(`the checkpoint lies in ${given.out}`)
    report(trained())
  }
  trainer.free()
  engine.close()
}

const report = (model: Trained): void => {
  say(`judge, whole answers with unseen words: ${figures(judgeGenerated(model, 300, "whole"))}`)
  say(`judge, second wording: ${figures(judgeGenerated(model, 150, "whole", 1))}`)
  say(`judge, broken answers: ${figures(judgeGenerated(model, 300, "broken"))}`)
  for (const temperature of [1, 0.8]) {
    const own = judgeOwn(model, 300, temperature)
    say(
      `own answers at T ${temperature}: well-formed ${own.wellFormed.toFixed(3)}, finished ${own.finished.toFixed(3)}`,
    )
    say(`  labels ${JSON.stringify(own.labels)}`)
    say(`  judge: ${figures(own.judge)}`)
    for (const { answer, question } of own.answers.slice(0, 8)) say(`  ${question} => ${answer}`)
  }
  const facts = factAccuracy(model)
  say(
    `facts: ${facts.all.toFixed(3)}; without myths ${facts.noMyths.toFixed(3)}, said otherwise ${facts.again.toFixed(3)}`,
  )
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof Errors.BadInput ? 2 : 1
})
