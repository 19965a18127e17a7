/** A scripted model and the record of what it was asked, as plain values. */
import * as Effect from "effect/Effect"
import { Errors } from "hmx"
import type { Faults, Options, ScriptedModel } from "../ScriptedModel.ts"
import * as State from "./AdapterState.ts"
import { characterTokenizer } from "./CharacterTokenizer.ts"
import type {
  Adapter,
  ChoicesRequest,
  Completion,
  ErrorOf,
  Method,
  SampleRequest,
  Service,
  Tokens,
} from "./contracts.ts"
import { digest, mix, mixText } from "./hash.ts"

const ANSWERS = [
  "I think so.",
  "No.",
  "I feel glad that you asked, and I want to help.",
  "It is blue.",
  "As a program, I have no opinion on that.",
  "Yes, and I would do it again.",
]

/** In (0, 1), from a text. */
const unit = (text: string): number => (mixText(17, text) + 0.5) / 2 ** 32

const adapterName = (by: Adapter): string => (by === "base" ? "" : by.adapter)

/** Of `tokens[from..]`: any fixed function of the weights and of what stands before a token will do. */
const logprobs = (digest: string, tokens: Tokens, from: number, temperature: number | undefined): Array<number> => {
  let h = mixText(3, digest)
  const found: Array<number> = []
  for (const [i, token] of tokens.entries()) {
    h = mix(h, token)
    if (i >= from) found.push(-(0.01 + (3 * h) / 2 ** 32) / (temperature || 1))
  }
  return found
}

/** The failure of the n-th call: looked up, or asked for. */
const failureOf = <E>(plan: Faults<E> | undefined, call: number): E | undefined =>
  typeof plan === "function" ? plan(call) : plan?.[call]

const storage = <A>(path: string, what: string, io: () => Promise<A>) =>
  Effect.tryPromise({
    try: io,
    catch: (cause) => new Errors.StorageFailed({ path, what, reason: String(cause) }),
  })

export const make = (options: Options = {}): { readonly model: Service; readonly record: ScriptedModel["Service"] } => {
  const tokenizer = characterTokenizer(options.words ?? [])
  const name = options.name ?? "scripted"
  const adapters = new Map<string, State.AdapterState>()
  const counts: Record<Method, number> = {
    encodeChat: 0,
    encode: 0,
    decode: 0,
    sample: 0,
    logprobs: 0,
    choices: 0,
    forwardBackward: 0,
    optimStep: 0,
    zeroGrad: 0,
    offload: 0,
    createAdapter: 0,
    dropAdapter: 0,
    saveState: 0,
    loadState: 0,
    memory: 0,
  }
  const requests: { [M in Method]?: Array<Parameters<Service[M]>[0]> } = {}

  /** Counts the call, lets time pass, fails where the script says so, and then answers. */
  const scripted = <M extends Method, A, E>(
    method: M,
    request: Parameters<Service[M]>[0],
    answer: Effect.Effect<A, E>,
  ): Effect.Effect<A, E | ErrorOf<M>> =>
    Effect.suspend((): Effect.Effect<A, E | ErrorOf<M>> => {
      const call = ++counts[method]
      const kept: Array<Parameters<Service[M]>[0]> = (requests[method] ??= [])
      kept.push(request)
      const failure = failureOf(options.failures?.[method], call)
      const delay = options.delays?.[method]
      const wait: Effect.Effect<void> = delay === undefined ? Effect.void : Effect.sleep(delay)
      if (failure === undefined) return Effect.andThen(wait, answer)
      return Effect.andThen(
        wait,
        Effect.suspend(() => {
          if (failure._tag === "DeviceLost") adapters.clear()
          return Effect.fail(failure)
        }),
      )
    })

  const stateOf = (adapter: string): Effect.Effect<State.AdapterState, Errors.BadInput> => {
    const state = adapters.get(adapter)
    if (state !== undefined) return Effect.succeed(state)
    const expected = adapters.size === 0 ? "createAdapter before it" : `one of ${[...adapters.keys()].join(", ")}`
    return Effect.fail(new Errors.BadInput({ where: "adapter", found: adapter, expected }))
  }
  const weights = (by: Adapter) => (by === "base" ? Effect.succeed({ digest: name, updates: 0 }) : stateOf(by.adapter))

  const complete = (
    request: SampleRequest,
    completion: number,
    policy: { readonly digest: string; readonly updates: number },
  ): Completion => {
    const { prompt, params, key, by } = request
    const [question, shown] = [tokenizer.question(prompt), tokenizer.show(prompt)]
    const text =
      options.answer?.({ question, prompt: shown, completion, key, params, by, updates: policy.updates }) ??
      ANSWERS[
        Math.floor(
          unit(JSON.stringify([policy.digest, shown, params.temperature === 0 ? 0 : [key, completion]])) *
            ANSWERS.length,
        )
      ] ??
      ""
    const all = [...tokenizer.encode(text), tokenizer.eos]
    const end = all.findIndex((token) => token === tokenizer.eos || params.stop?.includes(token) === true)
    const tokens = all.slice(0, Math.min(end + 1, params.maxNewTokens))
    return {
      tokens,
      logprobs: logprobs(policy.digest, [...prompt, ...tokens], prompt.length, params.temperature),
      finish: end < params.maxNewTokens ? "stop" : "length",
    }
  }

  const choose = ({ context, continuations, by }: ChoicesRequest, updates: number) => {
    const shown = tokenizer.show(context)
    return {
      logprobs: continuations.map((tokens) => {
        const continuation = tokenizer.show(tokens)
        return (
          options.choice?.({ context: shown, continuation, by, updates }) ??
          -1 - 4 * unit(`${adapterName(by)} ${updates} ${shown} ${continuation}`)
        )
      }),
    }
  }

  const model: Service = {
    info: {
      name,
      digest: digest(name),
      shape: {
        family: "scripted",
        layers: 2,
        hidden: 16,
        heads: 2,
        kvHeads: 1,
        headDim: 8,
        ffn: 32,
        vocab: tokenizer.vocab,
        tied: true,
        context: 4096,
        parameters: 16 * tokenizer.vocab,
        bytesPerWeight: 4,
        ...options.shape,
      },
      eos: [tokenizer.eos],
      engine: { name: "script", version: "1", device: "none", dtype: "f32" },
    },
    encodeChat: (chats) =>
      scripted(
        "encodeChat",
        chats,
        Effect.sync(() => chats.map(tokenizer.encodeChat)),
      ),
    encode: (texts) =>
      scripted(
        "encode",
        texts,
        Effect.sync(() => texts.map(tokenizer.encode)),
      ),
    decode: (tokens) =>
      scripted(
        "decode",
        tokens,
        Effect.sync(() => tokens.map(tokenizer.decode)),
      ),
    sample: (request) =>
      scripted(
        "sample",
        request,
        Effect.map(
          Effect.suspend(() => weights(request.by)),
          (policy) => Array.from({ length: request.n }, (_, i) => complete(request, i, policy)),
        ),
      ),
    logprobs: (wanted) =>
      scripted(
        "logprobs",
        wanted,
        Effect.forEach(wanted, ({ tokens, from, by, temperature }) =>
          Effect.map(weights(by), (policy) => logprobs(policy.digest, tokens, from, temperature)),
        ),
      ),
    choices: (wanted) =>
      scripted(
        "choices",
        wanted,
        Effect.forEach(wanted, (request) => Effect.map(weights(request.by), ({ updates }) => choose(request, updates))),
      ),
    forwardBackward: (request) =>
      scripted(
        "forwardBackward",
        request,
        Effect.map(
          Effect.suspend(() => stateOf(request.adapter)),
          (state) => {
            adapters.set(request.adapter, State.gather(state, request))
            const counted = request.groups.flatMap((g) => g.completions.filter((c) => c.inLoss !== false))
            const mean = counted.reduce((sum, c) => sum + c.advantage, 0) / Math.max(1, counted.length)
            return { loss: options.loss?.(request) ?? -mean, metrics: {} }
          },
        ),
      ),
    optimStep: (request) =>
      scripted(
        "optimStep",
        request,
        Effect.map(
          Effect.suspend(() => stateOf(request.adapter)),
          (state) => {
            const next = State.step(state, request.learningRate)
            adapters.set(request.adapter, next)
            return { gradNorm: Math.sqrt(state.gradient.squares), adapterDigest: next.digest }
          },
        ),
      ),
    zeroGrad: (adapter) =>
      scripted(
        "zeroGrad",
        adapter,
        Effect.sync(() => {
          const state = adapters.get(adapter)
          if (state !== undefined) adapters.set(adapter, State.zeroGrad(state))
        }),
      ),
    // Nothing of it is in any device.
    offload: (adapter) => scripted("offload", adapter, Effect.void),
    createAdapter: (adapter, lora, seed) =>
      scripted(
        "createAdapter",
        adapter,
        Effect.sync(() => {
          const state = State.create(lora, seed)
          adapters.set(adapter, state)
          return state.digest
        }),
      ),
    dropAdapter: (adapter) =>
      scripted(
        "dropAdapter",
        adapter,
        Effect.sync(() => void adapters.delete(adapter)),
      ),
    saveState: (adapter, folder, { optimizer }) =>
      scripted(
        "saveState",
        adapter,
        storage(folder, "save the adapter to", async () => {
          const state = adapters.get(adapter)
          if (state === undefined) throw new Error(`there is no adapter ${adapter}`)
          await State.save(state, folder, optimizer, options.files)
        }),
      ),
    loadState: (adapter, folder, { optimizer }) =>
      scripted(
        "loadState",
        adapter,
        Effect.flatMap(
          storage(folder, "load the adapter from", () => State.load(folder, optimizer, options.files)),
          (state) => {
            if (state === undefined) {
              const expected = "an adapter that a scripted model saved"
              return Effect.fail(new Errors.BadInput({ where: folder, found: "another file", expected }))
            }
            adapters.set(adapter, state)
            return Effect.succeed(state.digest)
          },
        ),
      ),
    memory: (reset) =>
      scripted(
        "memory",
        reset,
        Effect.sync(() => ({ live: 1024 * adapters.size, peak: 1024 * adapters.size, tensors: adapters.size })),
      ),
  }
  const record: ScriptedModel["Service"] = {
    calls: Effect.sync(() => ({ ...counts })),
    requests: (method) => Effect.sync(() => [...(requests[method] ?? [])]),
  }
  return { model, record }
}
