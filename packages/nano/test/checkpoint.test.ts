import { create } from "@hmx/engine-tfjs"
import { freeDecoder, loadDecoder, openCheckpoint } from "@hmx/lm"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { factAccuracy, judgeGenerated, judgeOwn, type Trained } from "../pretrain/measure.ts"
import { nano } from "../pretrain/nano.ts"
import { checkpoint } from "../src/index.ts"

const { config, tokenizer, tokenizerFiles } = nano()

describe("the shipped checkpoint", () => {
  it("weighs less than 3 MB with its tokenizer", () => {
    const bytes = readdirSync(checkpoint).map((name) => statSync(new URL(name, checkpoint)).size)
    expect(bytes.reduce((a, b) => a + b, 0)).toBeLessThan(3e6)
  })

  it("has the tokenizer that the corpus makes", () => {
    for (const [name, json] of Object.entries(tokenizerFiles))
      expect(JSON.parse(readFileSync(new URL(name, checkpoint), "utf8"))).toEqual(json)
  })

  it("has the configuration that is trained", async () => {
    const opened = await Effect.runPromise(openCheckpoint(fileURLToPath(checkpoint)))
    expect(opened.config).toEqual(config)
  })
})

describe("what nano can do", () => {
  let model: Trained
  beforeAll(async () => {
    const engine = await create({ threads: 1 })
    const opened = await Effect.runPromise(openCheckpoint(fileURLToPath(checkpoint)))
    const { decoder } = await Effect.runPromise(loadDecoder(engine, opened))
    model = { decoder, tokenizer, eos: config.eos }
  })
  afterAll(() => {
    freeDecoder(model.decoder)
    model.decoder.engine.close()
  })

  it("judges whole answers that it never saw", () => {
    const { accuracy, auc } = judgeGenerated(model, 60, "whole")
    expect(accuracy).toBeGreaterThan(0.98)
    expect(Math.min(auc.F, auc.I, auc.S)).toBeGreaterThan(0.99)
  })

  it("is not taken in by most broken answers", () => {
    expect(judgeGenerated(model, 60, "broken").accuracy).toBeGreaterThan(0.8)
  })

  it("answers in whole sentences, some warm and some not", () => {
    const own = judgeOwn(model, 60, 0.8)
    expect(own.wellFormed).toBeGreaterThan(0.9)
    expect(own.finished).toBeGreaterThan(0.95)
    for (const label of ["F", "I", "S", "N", "R"]) expect(own.labels[label]).toBeGreaterThan(0.05)
    expect(own.judge.accuracy).toBeGreaterThan(0.95)
  })

  it("knows the facts of its world, but for myths", () => {
    expect(factAccuracy(model).noMyths).toBeGreaterThan(0.97)
  })
})
