/**
 * A language model that answers by a script: no weights, no files but saved adapters, milliseconds a run. Tests use it to
 * drive stages, judges and whole experiments, and to make the failures of DESIGN §7 happen on purpose.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LanguageModel } from "hmx"
import type { Adapter, ErrorOf, Method, ModelInfo, SampleRequest, Service } from "./_internals/contracts.ts"
import type { MemoryFiles } from "./MemoryFiles.ts"
import { make } from "./_internals/scripted.ts"

/** What an answer is wanted for. */
export interface Ask {
  /** The last turn of the user; the whole text of a prompt that is not a chat. */
  readonly question: string
  /** The whole prompt, special tokens written out. */
  readonly prompt: string
  /** Place in the group, from 0. */
  readonly completion: number
  readonly key: SampleRequest["key"]
  readonly params: SampleRequest["params"]
  readonly by: Adapter
  /** Optimiser steps behind the adapter that answers: a script can learn. 0 for the base. */
  readonly updates: number
}

/** One continuation that is weighed. */
export interface Choice {
  /** Special tokens written out. */
  readonly context: string
  readonly continuation: string
  readonly by: Adapter
  readonly updates: number
}

/** Which calls of a method fail, and how: by the number of the call, from 1, or by a rule (see `every` and `sometimes`). */
export type Faults<E> = { readonly [call: number]: E } | ((call: number) => E | undefined)

export interface Options {
  /** The text of an answer; cut at `maxNewTokens`. Default: one of a few short answers, by the seed, step, prompt and place. */
  readonly answer?: (ask: Ask) => string
  /** Natural log-probability of a continuation. Default: some number in [-5, -1] that depends on nothing but the choice. */
  readonly choice?: (choice: Choice) => number
  /** Loss that `forwardBackward` reports. Default: minus the mean advantage of what is in the loss. */
  readonly loss?: (request: Parameters<Service["forwardBackward"]>[0]) => number
  /** These texts are one token each; everything else is a token a UTF-16 unit. Default none. */
  readonly words?: ReadonlyArray<string>
  readonly name?: string
  /** What planning sees. Default: two layers of width 16 over the tokenizer's vocabulary, 4,096 tokens of context. */
  readonly shape?: Partial<ModelInfo["shape"]>
  /** The n-th call (from 1) of a method fails so, and changes nothing; the next call works. DeviceLost also forgets all adapters. */
  readonly failures?: { readonly [M in Method]?: Faults<ErrorOf<M>> }
  /** Where adapters are saved. Default: the disk. */
  readonly files?: MemoryFiles
  /** How long each call of a method takes on the Clock; under `TestClock` no time passes. Default none. */
  readonly delays?: { readonly [M in Method]?: Duration.Input }
}

/**
 * What a scripted model was asked so far. Provided beside `LanguageModel` by {@link ScriptedModel.layer}.
 *
 * **Gotchas**
 *
 * A call counts when it starts, so that a failed or interrupted one counts as well.
 */
export class ScriptedModel extends Context.Service<
  ScriptedModel,
  {
    readonly calls: Effect.Effect<{ readonly [M in Method]: number }>
    /** First arguments of the calls of a method, oldest first. */
    readonly requests: <M extends Method>(method: M) => Effect.Effect<ReadonlyArray<Parameters<Service[M]>[0]>>
  }
>()("hmx/testing/ScriptedModel") {
  /**
   * A `LanguageModel` by script, and the record of what it was asked. Every layer starts afresh.
   *
   * **Example** (a model that learns to be brief, and whose second update fails)
   *
   * ```ts
   * import { Errors } from "hmx"
   * import { ScriptedModel } from "@hmx/testing"
   *
   * const layer = ScriptedModel.layer({
   *   answer: ({ question, updates }) => (updates === 0 ? `You ask: ${question}` : "Yes."),
   *   failures: { forwardBackward: { 2: new Errors.OutOfMemory({ need: 1024, where: "attention" }) } },
   * })
   * ```
   */
  static readonly layer = (options: Options = {}): Layer.Layer<LanguageModel | ScriptedModel> =>
    Layer.syncContext(() => {
      const { model, record } = make(options)
      return Context.make(LanguageModel, model).pipe(Context.add(ScriptedModel, record))
    })
}
