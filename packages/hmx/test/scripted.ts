/** A language model of which every answer is written down: characters are tokens, and what it is asked is recorded. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  type Artefact,
  type ChoicesRequest,
  Data,
  type ForwardBackwardRequest,
  LanguageModel,
  type ModelShape,
  type OptimStepRequest,
  type SampleRequest,
  Step,
} from "hmx"

export const shape: ModelShape = {
  family: "scripted",
  layers: 2,
  hidden: 8,
  heads: 2,
  kvHeads: 1,
  headDim: 4,
  ffn: 16,
  vocab: 100,
  tied: true,
  context: 512,
  parameters: 1000,
  bytesPerWeight: 4,
}

/** Ends an answer. */
export const eos = 0
export const encode = (text: string): ReadonlyArray<number> => Array.from(text, (c) => c.codePointAt(0) ?? 0)
export const decode = (tokens: ReadonlyArray<number>): string => String.fromCodePoint(...tokens)

export interface Script {
  /** Texts of the answers to a prompt; those that end in "…" are cut off. */
  readonly answers?: (prompt: string) => ReadonlyArray<string>
  /** Log-probability of a continuation after a context. */
  readonly logprob?: (context: string, continuation: string) => number
  readonly loss?: number
  readonly metrics?: (request: ForwardBackwardRequest) => { readonly [name: string]: number }
  readonly gradNorm?: number
  /** Whether an update moves the adapter. Default true. */
  readonly moves?: boolean
}

export const scripted = (script: Script = {}) => {
  const asked = {
    samples: [] as Array<SampleRequest>,
    choices: [] as Array<ReadonlyArray<ChoicesRequest>>,
    backwards: [] as Array<ForwardBackwardRequest>,
    optims: [] as Array<OptimStepRequest>,
    adapters: [] as Array<readonly [string, object, number]>,
    zeroed: 0,
  }
  const model = LanguageModel.of({
    info: {
      name: "scripted",
      digest: "base",
      shape,
      eos: [eos],
      engine: { name: "script", version: "1", device: "none", dtype: "f32" },
    },
    encodeChat: (chats) => Effect.succeed(chats.map((chat) => encode(chat.map((m) => m.content).join("\n")))),
    encode: (texts) => Effect.succeed(texts.map(encode)),
    decode: (tokens) => Effect.succeed(tokens.map(decode)),
    sample: (request) => {
      asked.samples.push(request)
      const texts = script.answers?.(decode(request.prompt)) ?? []
      return Effect.succeed(
        Array.from({ length: request.n }, (_, i) => {
          const text = texts[i % Math.max(1, texts.length)] ?? "yes"
          const cut = text.endsWith("…")
          const tokens = cut ? encode(text.slice(0, -1)) : [...encode(text), eos]
          return { tokens, logprobs: tokens.map(() => -1), finish: cut ? "length" : "stop" } as const
        }),
      )
    },
    logprobs: () => Effect.die("not scripted"),
    choices: (requests) => {
      asked.choices.push(requests)
      return Effect.succeed(
        requests.map((r) => ({
          logprobs: r.continuations.map((c) => script.logprob?.(decode(r.context), decode(c)) ?? 0),
        })),
      )
    },
    forwardBackward: (request) => {
      asked.backwards.push(request)
      return Effect.succeed({ loss: script.loss ?? 0.5, metrics: script.metrics?.(request) ?? {} })
    },
    optimStep: (request) => {
      asked.optims.push(request)
      const adapterDigest = script.moves === false ? "a0" : `a${asked.optims.length}`
      return Effect.succeed({ gradNorm: script.gradNorm ?? 2, adapterDigest })
    },
    zeroGrad: () => Effect.sync(() => void asked.zeroed++),
    offload: () => Effect.void,
    createAdapter: (name, options, seed) =>
      Effect.sync(() => {
        asked.adapters.push([name, options, seed])
        return "a0"
      }),
    dropAdapter: () => Effect.void,
    saveState: () => Effect.void,
    loadState: () => Effect.succeed("a0"),
    memory: () => Effect.succeed({ live: 0, peak: 0, tensors: 0 }),
  })
  const layer = Layer.mergeAll(Layer.succeed(LanguageModel, model), at, data)
  return { asked, layer }
}

export const policy: Artefact.PolicyRef = { base: "base", adapter: "a0", step: 3 }

/** Step 4 of 20. */
const at = Layer.succeed(
  Step,
  Step.of({ seed: 7, step: 4, steps: 20, policy, by: { adapter: "train" }, adapter: "train" }),
)

const data = Layer.succeed(
  Data,
  Data.of({ jsonl: () => Effect.succeed([]), text: () => Effect.succeed(""), heldOut: Effect.succeed([]) }),
)
