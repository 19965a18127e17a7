/**
 * The language model's boundary (DESIGN §4): the primitives that the Tinker API made common. Nothing else touches weights.
 * Implementations: local (`@hmx/lm`, in one worker thread), scripted and simulated (`@hmx/testing`), remote.
 *
 * Arrays of tokens are plain number arrays of vocabulary indices. Log-probabilities are natural logarithms. What a request
 * returns does not depend on the requests it is batched with.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Chat } from "./Chat.ts"
import type { BadInput, DeviceLost, NonFinite, OutOfMemory, RemoteUnavailable, StorageFailed } from "./Errors.ts"
import type { Feed } from "./Feed.ts"
import type { LossOptions } from "./Loss.ts"

export type Tokens = ReadonlyArray<number>

/** Whose weights answer: the base alone, or the base with the adapter of that name. */
export type Adapter = { readonly adapter: string } | "base"

/** Shape of a decoder: what planning needs to know of it. Sizes are counts of elements. */
export interface ModelShape {
  readonly family: string
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly ffn: number
  readonly vocab: number
  readonly tied: boolean
  /** Longest sequence in tokens. */
  readonly context: number
  readonly parameters: number
  /** Bytes of one weight as it is held in memory. */
  readonly bytesPerWeight: number
  /** Queries and keys are normed (Qwen3, Gemma 3). Default false. */
  readonly qkNorm?: boolean
  /** What attention and MLP add is normed as well (Gemma). Default false. */
  readonly postNorms?: boolean
  /** Layers with a sliding window rotate otherwise than the rest (Gemma 3). Default false. */
  readonly slidingRope?: boolean
  /** Name of the engine that holds it: memory is planned by its habits. Default: the default engine. */
  readonly engine?: string
  /** Where that engine computes, if not on a processor: `cuda`. */
  readonly device?: "cuda"
}

/** What is loaded. */
export interface ModelInfo {
  readonly name: string
  /** sha-256 over the checkpoint's tensors and configuration, 16 hex digits. */
  readonly digest: string
  readonly shape: ModelShape
  /** Token ids that end an answer. */
  readonly eos: Tokens
  /** Stands before a text that nothing else stands before: the tokenizer's begin of text, or else its end of text. Absent: it has neither. */
  readonly start?: number
  /** Whether the tokenizer itself puts `start` before every plain text, as Llama 3's and Gemma's do. `encode` does not. */
  readonly startsTexts?: boolean
  readonly engine: { readonly name: string; readonly version: string; readonly device: string; readonly dtype: string }
}

/** TRL's and transformers' names; processors run in transformers' order: repetition penalty, temperature, top-k, top-p, min-p. */
export interface SamplingParams {
  readonly maxNewTokens: number
  /** 0 is greedy. Default 1. */
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  /** Over prompt and answer. Default 1 (off). */
  readonly repetitionPenalty?: number
  /** Further token ids that end an answer, beside the model's own. */
  readonly stop?: Tokens
}

/** A completion's random numbers depend on this key, its index and the position alone, never on batching or scheduling. */
export interface RandomKey {
  readonly seed: number
  readonly step: number
  readonly prompt: number
}

export interface SampleRequest {
  readonly prompt: Tokens
  /** Completions wanted. */
  readonly n: number
  readonly params: SamplingParams
  readonly key: RandomKey
  readonly by: Adapter
  /** Where an implementation that can do so shows the first completion's text while it comes. */
  readonly feed?: Feed
}

export interface Completion {
  /** Without the prompt; the end token is the last one where `finish` is "stop". */
  readonly tokens: Tokens
  /**
   * Of each token of `tokens`, under softmax(logits / temperature) before any truncation: what training recomputes (temperature
   * 0 counts as 1).
   */
  readonly logprobs: ReadonlyArray<number>
  readonly finish: "stop" | "length"
}

/** Log-probabilities of `tokens[from..]` given what stands before them; `from` ≥ 1. */
export interface LogprobsRequest {
  readonly tokens: Tokens
  readonly from: number
  readonly by: Adapter
  /** Divides the logits. Default 1. */
  readonly temperature?: number
}

/** How probable each continuation is after the context. */
export interface ChoicesRequest {
  readonly context: Tokens
  readonly continuations: ReadonlyArray<Tokens>
  readonly by: Adapter
}

/** Sum of log-probabilities of each continuation. */
export interface Choices {
  readonly logprobs: ReadonlyArray<number>
}

/** One prompt with its completions; the prompt is computed once for all of them. */
export interface TrainGroup {
  readonly prompt: Tokens
  readonly completions: ReadonlyArray<TrainCompletion>
}
export interface TrainCompletion {
  readonly tokens: Tokens
  readonly advantage: number
  /** Under the policy that sampled; absent: this policy (ratio 1, live gradient). One a token. */
  readonly oldLogprobs?: ReadonlyArray<number>
  /** false: keeps out of the loss (an unscored or, with maskTruncated, a cut-off completion). Default true. */
  readonly inLoss?: boolean
}

export interface ForwardBackwardRequest {
  readonly adapter: string
  readonly groups: ReadonlyArray<TrainGroup>
  readonly loss: LossOptions
  /** Divides the logits, as it did in sampling. Default 1. */
  readonly temperature?: number
  /** dr_grpo divides by rows × this. */
  readonly maxCompletionLength: number
  /** Of one update's batch: what dapo and cispo divide by. Default: the tokens of this request that are in the loss. */
  readonly tokensInBatch?: number
  /**
   * Of one update's batch: what the losses that average over rows (grpo, gspo, dr_grpo, sapo, luspo) divide by, so that micro-batches
   * add up to the same gradient. Default: the rows of this request.
   */
  readonly rowsInBatch?: number
  /**
   * Recompute each layer in the backward pass (true), or keep the activations of all (false). Default: as many layers are kept as memory
   * allows. The gradient is the same.
   */
  readonly recompute?: boolean
  /** In place of `recompute`: bytes that kept activations may take; layers beyond are recomputed. */
  readonly keepBytes?: number
}

/** Named as TRL logs them: loss, kl, entropy, clip_ratio/low_mean … */
export interface ForwardBackwardResult {
  readonly loss: number
  readonly metrics: { readonly [name: string]: number }
}

/** AdamW with decoupled weight decay and bias correction, after clipping the global gradient norm. */
export interface OptimStepRequest {
  readonly adapter: string
  /** Of this very step: schedules are the caller's. */
  readonly learningRate: number
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  readonly weightDecay?: number
  readonly maxGradNorm?: number
}

export interface OptimStepResult {
  /** Before clipping. */
  readonly gradNorm: number
  /** Of the adapter after the step. */
  readonly adapterDigest: string
}

/** PEFT's LoRA options. */
export interface LoraOptions {
  readonly rank: number
  /** Default 2 × rank. */
  readonly alpha?: number
  /** Scale by alpha / √rank in place of alpha / rank. Default false. */
  readonly rslora?: boolean
  /** PEFT's names: "q_proj", … Default "all-linear". */
  readonly targets?: ReadonlyArray<string> | "all-linear"
}

export interface MemoryUse {
  /** Bytes held by live tensors now, and the most since the last `resetPeak`. */
  readonly live: number
  readonly peak: number
  readonly tensors: number
  /** What was computed since the last `resetPeak`, by method; absent where a model does not say. */
  readonly work?: { readonly [method: string]: Work }
}

/** What calls of one method took together. */
export interface Work {
  readonly seconds: number
  /** Tokens read (before prefixes are shared), sampled, and trained on. */
  readonly read: number
  readonly written: number
  readonly trained: number
  /** The most bytes while one of them ran, with all that was there besides. */
  readonly peak: number
}

type Fails = OutOfMemory | NonFinite | DeviceLost | RemoteUnavailable | BadInput

/** The service. Every method is interruptible: a local model stops between two layers or tokens. */
export class LanguageModel extends Context.Service<
  LanguageModel,
  {
    readonly info: ModelInfo
    /** Renders chats by the model's own template, with the header of the assistant's turn at the end, and tokenises. */
    readonly encodeChat: (chats: ReadonlyArray<Chat>) => Effect.Effect<ReadonlyArray<Tokens>, BadInput | DeviceLost>
    readonly encode: (texts: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Tokens>, BadInput | DeviceLost>
    /** Without special tokens. */
    readonly decode: (tokens: ReadonlyArray<Tokens>) => Effect.Effect<ReadonlyArray<string>, BadInput | DeviceLost>
    readonly sample: (request: SampleRequest) => Effect.Effect<ReadonlyArray<Completion>, Fails>
    readonly logprobs: (
      requests: ReadonlyArray<LogprobsRequest>,
    ) => Effect.Effect<ReadonlyArray<ReadonlyArray<number>>, Fails>
    readonly choices: (requests: ReadonlyArray<ChoicesRequest>) => Effect.Effect<ReadonlyArray<Choices>, Fails>
    /** Adds to the adapter's gradient. Nothing moves until `optimStep`. */
    readonly forwardBackward: (request: ForwardBackwardRequest) => Effect.Effect<ForwardBackwardResult, Fails>
    readonly optimStep: (request: OptimStepRequest) => Effect.Effect<OptimStepResult, Fails>
    /** Forgets the gradient that has been gathered. */
    readonly zeroGrad: (adapter: string) => Effect.Effect<void, DeviceLost>
    /**
     * Moves the state of an adapter's optimiser out of device memory until its next `optimStep`, where it is there; no result depends on
     * it.
     */
    readonly offload: (adapter: string) => Effect.Effect<void, DeviceLost>
    /** A new adapter: A by Kaiming-uniform from `seed`, B zero. Returns its digest. */
    readonly createAdapter: (name: string, options: LoraOptions, seed: number) => Effect.Effect<string, Fails>
    readonly dropAdapter: (name: string) => Effect.Effect<void, DeviceLost>
    /**
     * Writes adapter_config.json and adapter_model.safetensors (PEFT) into the folder; with `optimizer`, its state as well. They are on
     * the disk when it returns, unless `flush` is false: then the caller flushes them, while the model goes on.
     */
    readonly saveState: (
      adapter: string,
      folder: string,
      options: { readonly optimizer: boolean; readonly flush?: boolean },
    ) => Effect.Effect<void, StorageFailed | DeviceLost>
    /** Reads what `saveState` or PEFT wrote. Returns the adapter's digest. */
    readonly loadState: (
      adapter: string,
      folder: string,
      options: { readonly optimizer: boolean },
    ) => Effect.Effect<string, Fails | StorageFailed>
    readonly memory: (options?: { readonly resetPeak?: boolean }) => Effect.Effect<MemoryUse, DeviceLost>
  }
>()("hmx/LanguageModel") {}
