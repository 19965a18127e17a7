/** Which calls are computed together, in which order, and who bears a failure. */
import { Errors } from "hmx"
import type { SampleRequest } from "hmx"
import { describe, expect, it } from "vitest"
import type { Answer, Answering } from "../../src/local/Desk.ts"
import { Desk } from "../../src/local/Desk.ts"
import type { Call } from "../../src/local/protocol.ts"

const none = () => {
  throw new Error("not asked in these tests")
}

/** A model that writes down what it is asked; `sample` fails on an empty prompt, as a whole. */
const scripted = () => {
  const asked: Array<string> = []
  const model: Answering = {
    encodeChat: none,
    encode: (texts) => (asked.push(`encode ${texts.join()}`), [[1]]),
    decode: none,
    sample: (requests) => {
      asked.push(`sample ${requests.map(({ prompt }) => prompt.join("")).join()}`)
      if (requests.some(({ prompt }) => prompt.length === 0))
        throw new Errors.BadInput({ where: "prompt", found: "nothing", expected: "tokens" })
      return requests.map(({ prompt }) => [{ tokens: prompt, logprobs: [], finish: "stop" }])
    },
    logprobs: (requests, control) => {
      asked.push(`logprobs ${requests.map(({ tokens }) => tokens.join("")).join()}`)
      control?.checkpoint()
      return requests.map(({ tokens }) => tokens)
    },
    choices: none,
    forwardBackward: none,
    optimStep: () => (asked.push("optimStep"), { gradNorm: 1, adapterDigest: "0" }),
    zeroGrad: () => {
      throw new RangeError("a mistake of ours")
    },
    offload: none,
    createAdapter: none,
    dropAdapter: none,
    saveState: none,
    loadState: none,
    // Each look at it finds 10 bytes more; a reset begins at 0.
    memory: (options) => {
      const peak = (bytes += 10)
      if (options?.resetPeak === true) bytes = 0
      return { live: 1, peak, tensors: 1 }
    },
  }
  let bytes = 0
  const replies: Array<Answer> = []
  const desk = new Desk(model, (reply) => replies.push(reply))
  const work = () => {
    while (!desk.empty) desk.work()
    return replies.map(({ id, kind }) => `${id} ${kind}`)
  }
  return { asked, replies, desk, work }
}

const at = (id: number) => ({ id, stop: new Int32Array(new SharedArrayBuffer(4)) })
const request = (prompt: ReadonlyArray<number>): SampleRequest => ({
  prompt,
  n: 1,
  params: { maxNewTokens: 1 },
  key: { seed: 0, step: 0, prompt: 0 },
  by: "base",
})
const sample = (id: number, ...prompt: ReadonlyArray<number>): Call => ({
  ...at(id),
  method: "sample",
  args: [request(prompt)],
})
const logprobs = (id: number, ...tokens: ReadonlyArray<ReadonlyArray<number>>): Call => ({
  ...at(id),
  method: "logprobs",
  args: [tokens.map((of) => ({ tokens: of, from: 1, by: "base" }))],
})
const step = (id: number): Call => ({ ...at(id), method: "optimStep", args: [{ adapter: "a", learningRate: 1 }] })

const memory = (id: number, resetPeak: boolean): Call => ({ ...at(id), method: "memory", args: [{ resetPeak }] })

describe("the desk", () => {
  it("says what each method took, and the most of all, since it was asked to begin anew", () => {
    const { desk, replies, work } = scripted()
    desk.push([sample(1, 1, 2), logprobs(2, [2], [3, 4])])
    work()
    desk.push([memory(3, true), memory(4, false)])
    work()
    const of = (id: number) => replies.find((reply) => reply.id === id)
    const figures = { read: 0, written: 0, trained: 0, peak: 10 }
    expect(of(3)).toMatchObject({
      value: { peak: 20, work: { sample: { ...figures, read: 2, written: 2 }, logprobs: { ...figures, read: 3 } } },
    })
    expect(of(4)).toMatchObject({ value: { work: {} } })
  })

  it("computes calls of one kind together, and none across a change of weights", () => {
    const { asked, desk, work, replies } = scripted()
    desk.push([sample(1, 1), logprobs(2, [2], [3]), sample(3, 3)])
    desk.push([step(4), sample(5, 5), logprobs(6, [6]), logprobs(7, [7])])
    expect(work()).toEqual(["1 value", "3 value", "2 value", "4 value", "5 value", "6 value", "7 value"])
    expect(asked).toEqual(["sample 1,3", "logprobs 2,3", "optimStep", "sample 5", "logprobs 6,7"])
    expect(replies.find(({ id }) => id === 2)).toMatchObject({ value: [[2], [3]] })
    expect(replies.find(({ id }) => id === 7)).toMatchObject({ value: [[7]] })
  })

  it("a failing call fails alone", () => {
    const { asked, desk, work, replies } = scripted()
    desk.push([sample(1, 1), sample(2), sample(3, 3)])
    expect(work()).toEqual(["1 value", "2 error", "3 value"])
    expect(asked).toEqual(["sample 1,,3", "sample 1", "sample ", "sample 3"])
    expect(replies[1]).toMatchObject({ error: { _tag: "BadInput", where: "prompt" } })
  })

  it("a mistake of ours is a defect with its stack, not a typed error", () => {
    const { desk, work, replies } = scripted()
    desk.push([{ ...at(1), method: "zeroGrad", args: ["a"] }])
    expect(work()).toEqual(["1 defect"])
    expect(replies[0]).toMatchObject({ text: expect.stringContaining("a mistake of ours") })
  })

  it("does not begin what is no longer wanted, and stops what nobody wants", () => {
    const { asked, desk, work } = scripted()
    const early = sample(1, 1)
    Atomics.store(early.stop, 0, 1)
    const late = logprobs(2, [2])
    desk.push([early, late])
    const during = { ...late, id: 3 }
    desk.push([during])
    expect(work()).toEqual(["1 stopped", "2 value", "3 value"])
    expect(asked).toEqual(["logprobs 2,2"])
  })
})
