/**
 * A language model in this process, synchronous: what the worker runs. The methods are hmx's primitives, over lists of requests
 * that are computed together; what a request returns does not depend on the others. They throw hmx's typed errors.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Errors, Feed, Memory } from "hmx"
import type {
  Adapter,
  Chat,
  Choices,
  ChoicesRequest,
  Completion,
  ForwardBackwardRequest,
  ForwardBackwardResult,
  LogprobsRequest,
  LoraOptions,
  MemoryUse,
  Model,
  ModelInfo,
  OptimStepRequest,
  OptimStepResult,
  SampleRequest,
  Tokens,
} from "hmx"
import * as path from "node:path"
import type { Decoder } from "../decoder/Decoder.ts"
import { freeDecoder, loadDecoder } from "../decoder/Decoder.ts"
import { parameterCount } from "../decoder/DecoderSpec.ts"
import { PackedWeights } from "../decoder/PackedWeights.ts"
import type { Engine } from "../Engine.ts"
import type { Checkpoint } from "../io/checkpoint.ts"
import { openCheckpoint } from "../io/checkpoint.ts"
import { shapeHeldBy } from "../io/config.ts"
import { writeAtomically } from "../io/Files.ts"
import { adapterFiles, readAdapter } from "../io/peft.ts"
import { Lora } from "../lora/Lora.ts"
import { loraConfig } from "../lora/LoraConfig.ts"
import { optimizerFile, readOptimizer } from "../lora/optimizerFile.ts"
import { optimStep } from "../lora/optimStep.ts"
import type { Prefixes } from "../pack/prefixed.ts"
import { PrefixCache } from "../pack/PrefixCache.ts"
import { generate } from "../sample/generate.ts"
import { chatText } from "../tokenizer/chatText.ts"
import { openTokenizer } from "../tokenizer/index.ts"
import type { Tokenizer } from "../tokenizer/index.ts"
import { forwardBackward, sequenceLogProbs } from "../train/forwardBackward.ts"
import type { Idle } from "./Room.ts"
import { Room } from "./Room.ts"
import { checkAdapterName, checkPositive, checkSampling, checkTemperature, checkTokens } from "./requests.ts"

/** Room for some hundreds of tokens of a tiny model. */
const leastPrefixBytes = 4 * 2 ** 20

/** How a running call learns that it is no longer wanted. */
export interface Control {
  /** Throws to stop the whole call; asked between two layers. */
  readonly checkpoint: () => void
  /** Whether this request alone is no longer wanted; asked once a token. */
  readonly dropped: (request: number) => boolean
}

export interface LoadOptions {
  /** How chats become the model's input. */
  readonly chat?: Model.ChatOptions
  /**
   * Bounds what is kept of prompts' common beginnings across calls (0: nothing). Default: a sixteenth of the weights, and at least
   * 4 MiB.
   */
  readonly prefixBytes?: number
}

const columnsOf = (requests: ReadonlyArray<SampleRequest>): number =>
  requests.reduce((most, { prompt }) => Math.max(most, prompt.length), 0) +
  requests.reduce((most, { params }) => Math.max(most, params.maxNewTokens), 0)

/** Runs a synchronous effect; what it fails with is thrown. */
const runOrThrow = <A, E>(effect: Effect.Effect<A, E>): A => {
  const exit = Effect.runSyncExit(effect)
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

export class LocalModel {
  readonly info: ModelInfo
  readonly decoder: Decoder
  readonly tokenizer: Tokenizer
  readonly #checkpoint: Checkpoint
  readonly #adapters = new Map<string, Lora>()
  readonly #prefixes: PrefixCache
  readonly #packed: PackedWeights
  readonly #room: Room
  readonly #chat: Model.ChatOptions

  private constructor(
    checkpoint: Checkpoint,
    tokenizer: Tokenizer,
    { decoder, digest }: { readonly decoder: Decoder; readonly digest: string },
    { chat = {}, prefixBytes }: LoadOptions,
  ) {
    const { info } = decoder.engine
    const weights = parameterCount(decoder.spec) * (info.compute === "f32" ? 4 : 2)
    const most = prefixBytes ?? Math.max(leastPrefixBytes, weights / 16)
    this.#prefixes = new PrefixCache(decoder.engine, most, Memory.keysBytes(decoder.spec))
    this.#packed = new PackedWeights(decoder, () => this.#room.make({ packed: false }))
    this.#room = new Room(this.#prefixes, this.#packed, this.#adapters)
    this.#chat = chat
    this.#checkpoint = checkpoint
    this.decoder = decoder
    this.tokenizer = tokenizer
    const { eos } = checkpoint.config
    const start = tokenizer.bos ?? tokenizer.eos
    this.info = {
      name: path.basename(checkpoint.folder),
      digest,
      shape: shapeHeldBy(checkpoint.config, info.name, info.device),
      // A tokenizer's end of turn ends an answer too, as in TRL.
      eos: [...new Set([...eos, ...(tokenizer.eos === undefined ? [] : [tokenizer.eos])])],
      ...(start === undefined ? {} : { start, startsTexts: tokenizer.startsTexts }),
      engine: { name: info.name, version: info.version, device: info.device, dtype: info.compute },
    }
  }

  /** Opens a checkpoint's folder, checks it, and loads it onto the engine. */
  static load(
    engine: Engine,
    folder: string,
    options: LoadOptions = {},
  ): Effect.Effect<LocalModel, Errors.BadInput | Errors.StorageFailed> {
    return Effect.gen(function* () {
      const checkpoint = yield* openCheckpoint(folder)
      const tokenizer = yield* openTokenizer(folder, checkpoint.config.spec.vocab)
      return new LocalModel(checkpoint, tokenizer, yield* loadDecoder(engine, checkpoint), options)
    })
  }

  encodeChat(chats: ReadonlyArray<Chat.Chat>): ReadonlyArray<Tokens> {
    return chats.map((chat): Tokens => this.tokenizer.encode(runOrThrow(chatText(this.tokenizer, chat, this.#chat))))
  }

  encode(texts: ReadonlyArray<string>): ReadonlyArray<Tokens> {
    return texts.map((text) => this.tokenizer.encode(text))
  }

  decode(tokens: ReadonlyArray<Tokens>): ReadonlyArray<string> {
    return tokens.map((ids) => this.tokenizer.decode(ids))
  }

  sample(requests: ReadonlyArray<SampleRequest>, control?: Control): ReadonlyArray<ReadonlyArray<Completion>> {
    const { spec } = this.decoder
    requests.forEach(({ prompt, n, params }) => {
      checkTokens(spec, "prompt", prompt, 1)
      checkPositive("n", n)
      checkSampling(params)
      if (prompt.length + params.maxNewTokens > spec.context)
        throw new Errors.BadInput({
          where: "sample, prompt and maxNewTokens",
          found: `${prompt.length} + ${params.maxNewTokens} tokens`,
          expected: `at most ${spec.context}, the model's context`,
        })
    })
    // Other weights than the packed ones would give other last digits.
    const sampled = this.#byAdapter(requests, { packed: false }, (lora, of, indices, prefixes) =>
      generate(this.decoder, of, {
        lora,
        prefixes,
        weights: this.#packed,
        maxRows: Memory.decodedAtOnce(
          this.info.shape,
          columnsOf(of),
          of.reduce((all, { n }) => all + n, 0),
        ),
        eos: this.info.eos,
        checkpoint: control?.checkpoint,
        dropped: control && ((i) => control.dropped(indices[i] ?? 0)),
        onToken: (i, tokens) => {
          const feed = of[i]?.feed
          // A character may still want its last bytes.
          if (feed !== undefined) Feed.write(feed, this.tokenizer.decode(tokens).replace(/\uFFFD+$/, ""))
        },
      }),
    )
    for (const completions of sampled) for (const { logprobs } of completions) this.#figures(logprobs)
    return sampled
  }

  logprobs(requests: ReadonlyArray<LogprobsRequest>, control?: Control): ReadonlyArray<ReadonlyArray<number>> {
    for (const { tokens, from, temperature } of requests) {
      checkTemperature(temperature)
      checkTokens(this.decoder.spec, "tokens", tokens, 1)
      if (!Number.isSafeInteger(from) || from < 1 || from > tokens.length)
        throw new Errors.BadInput({
          where: "logprobs, from",
          found: String(from),
          expected: `a whole number from 1 to ${tokens.length}, the length of tokens`,
        })
    }
    // One batch has one temperature.
    const temperatures = new Set(requests.map(({ temperature }) => temperature ?? 1))
    const results = new Map<LogprobsRequest, ReadonlyArray<number>>()
    for (const temperature of temperatures) {
      const same = requests.filter((request) => (request.temperature ?? 1) === temperature)
      const options = { temperature, checkpoint: control?.checkpoint }
      this.#byAdapter(same, { packed: true }, (lora, of, _, prefixes) =>
        sequenceLogProbs(this.decoder, lora, of, { ...options, prefixes }),
      ).forEach((values, i) => {
        const request = same[i]
        if (request !== undefined) results.set(request, this.#figures(Array.from(values.logprobs)))
      })
    }
    return requests.map((request) => results.get(request) ?? [])
  }

  choices(requests: ReadonlyArray<ChoicesRequest>, control?: Control): ReadonlyArray<Choices> {
    for (const { context, continuations } of requests) {
      checkTokens(this.decoder.spec, "context", context, 1)
      for (const continuation of continuations) checkTokens(this.decoder.spec, "continuation", continuation, 1)
    }
    const flat = requests.flatMap(({ context, continuations, by }) =>
      continuations.map((continuation) => ({ tokens: [...context, ...continuation], from: context.length, by })),
    )
    const sums = this.logprobs(flat, control).map((logprobs) => logprobs.reduce((a, b) => a + b, 0))
    let next = 0
    return requests.map(({ continuations }) => ({ logprobs: sums.slice(next, (next += continuations.length)) }))
  }

  forwardBackward(request: ForwardBackwardRequest, control?: Control): ForwardBackwardResult {
    checkTemperature(request.temperature)
    const { keepBytes = 0 } = request
    if (!(keepBytes >= 0))
      throw new Errors.BadInput({ where: "forwardBackward, keepBytes", found: String(keepBytes), expected: "≥ 0" })
    for (const { prompt, completions } of request.groups) {
      checkTokens(this.decoder.spec, "prompt", prompt, 1)
      for (const { tokens, oldLogprobs } of completions) {
        checkTokens(this.decoder.spec, "completion", [...prompt, ...tokens], prompt.length)
        if (oldLogprobs !== undefined && oldLogprobs.length !== tokens.length)
          throw new Errors.BadInput({
            where: "forwardBackward, oldLogprobs",
            found: `${oldLogprobs.length} values`,
            expected: `${tokens.length}, one a token`,
          })
      }
    }
    const lora = this.adapter(request.adapter)
    // Its memory is of more use to the update, whose end would drop it.
    this.#prefixes.drop(lora)
    this.#packed.free()
    // A small model's passes leave little behind, which the next ones take up.
    if (this.decoder.merges !== true) this.decoder.engine.trim?.()
    return this.#room.within({ packed: true }, () => forwardBackward(this.decoder, lora, request, control?.checkpoint))
  }

  optimStep(request: OptimStepRequest): OptimStepResult {
    const lora = this.adapter(request.adapter)
    this.#prefixes.drop(lora)
    const gradNorm = this.#room.within({ packed: true }, () => optimStep(this.decoder.engine, lora, request))
    return { gradNorm, adapterDigest: lora.digest() }
  }

  /** Moves the moments of an adapter's optimiser to the host, from where its next `optimStep` takes them. Changes no result. */
  offload(adapter: string): void {
    this.#adapters.get(adapter)?.offload()
  }

  zeroGrad(adapter: string): void {
    this.#adapters.get(adapter)?.zeroGrad()
  }

  createAdapter(name: string, options: LoraOptions, seed: number): string {
    checkAdapterName(name)
    const { engine, spec } = this.decoder
    const make = () => Lora.create(engine, spec, loraConfig(options), seed)
    return this.#put(name, this.#room.within({ packed: true }, make))
  }

  dropAdapter(name: string): void {
    const lora = this.#adapters.get(name)
    if (lora === undefined) return
    this.#prefixes.drop(lora)
    lora.free()
    this.#adapters.delete(name)
  }

  saveState(
    name: string,
    folder: string,
    { flush = true, optimizer: withOptimizer }: { readonly optimizer: boolean; readonly flush?: boolean },
  ): void {
    const lora = this.adapter(name)
    const files = runOrThrow(adapterFiles(folder, lora.state(), this.info.name))
    const optimizer = withOptimizer ? [runOrThrow(optimizerFile(folder, lora.optimizerState()))] : []
    runOrThrow(writeAtomically([...optimizer, ...files], { flush }))
  }

  /** Returns the adapter's digest. */
  loadState(name: string, folder: string, options: { readonly optimizer: boolean }): string {
    checkAdapterName(name)
    const state = runOrThrow(readAdapter(folder, this.#checkpoint.config))
    const shapes = new Map(Array.from(state.tensors, ([key, { shape }]) => [key, shape]))
    const optimizer = options.optimizer ? runOrThrow(readOptimizer(folder, shapes)) : undefined
    const { engine, spec } = this.decoder
    const lora = this.#room.within({ packed: true }, () => Lora.load(engine, spec, state))
    if (optimizer !== undefined) lora.setOptimizer(optimizer)
    return this.#put(name, lora)
  }

  memory(options?: { readonly resetPeak?: boolean }): MemoryUse {
    const { engine } = this.decoder
    const { bytes, peak, tensors } = engine.memory()
    if (options?.resetPeak === true) engine.resetPeak()
    return { live: bytes, peak, tensors }
  }

  /** The adapter of that name; BadInput where there is none. */
  adapter(name: string): Lora {
    const lora = this.#adapters.get(name)
    if (lora === undefined)
      throw new Errors.BadInput({
        where: "adapter",
        found: name,
        expected: `one of: ${[...this.#adapters.keys()].join(", ") || "(none was created)"}`,
      })
    return lora
  }

  close(): void {
    this.#prefixes.clear()
    for (const lora of this.#adapters.values()) lora.free()
    this.#adapters.clear()
    this.#packed.free()
    freeDecoder(this.decoder)
  }

  #put(name: string, lora: Lora): string {
    this.dropAdapter(name)
    this.#adapters.set(name, lora)
    return lora.digest()
  }

  /** Log-probabilities that are figures: of logits that are not finite nothing is drawn or read, and no kept beginning may have them. */
  #figures(logprobs: ReadonlyArray<number>): ReadonlyArray<number> {
    if (!logprobs.some(Number.isNaN)) return logprobs
    this.#prefixes.clear()
    throw new Errors.NonFinite({ tensor: "logits" })
  }

  /** Runs requests of each adapter together; results in the requests' order. */
  #byAdapter<Request extends { readonly by: Adapter }, Result>(
    requests: ReadonlyArray<Request>,
    free: Idle,
    run: (
      lora: Lora | undefined,
      of: ReadonlyArray<Request>,
      indices: ReadonlyArray<number>,
      prefixes: Prefixes | undefined,
    ) => ReadonlyArray<Result>,
  ): ReadonlyArray<Result> {
    const groups = new Map<Lora | undefined, Array<number>>()
    requests.forEach(({ by }, i) => {
      const lora = by === "base" ? undefined : this.adapter(by.adapter)
      groups.set(lora, [...(groups.get(lora) ?? []), i])
    })
    const results = new Map<number, Result>()
    for (const [lora, indices] of groups) {
      const of = indices.flatMap((i) => requests[i] ?? [])
      // Where room is short no prefix is kept: it would only be given up once more.
      const prefixes = { cache: this.#prefixes, policy: lora }
      this.#room
        .within(free, (again) => run(lora, of, indices, again ? undefined : prefixes))
        .forEach((result, j) => results.set(indices[j] ?? 0, result))
    }
    return requests.flatMap((_, i) => {
      const result = results.get(i)
      return result === undefined ? [] : [result]
    })
  }
}
