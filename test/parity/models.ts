import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { failed, guarded, type Line, skipped } from "./Line.ts"
import { type Decoder, type Engine, freeDecoder, loadDecoder, type ModelConfig, openCheckpoint } from "@hmx/lm"

/** A checkpoint on the engine, or why it is not there. */
export type Model =
  | { readonly decoder: Decoder; readonly config: ModelConfig }
  | { readonly unsupported: string }
  | { readonly broken: string }

/** The checkpoints of a folder of fixtures, each loaded once, when it is first asked for. */
export class Models {
  readonly engine: Engine
  readonly #root: string
  readonly #loaded = new Map<string, Model>()

  constructor(root: string, engine: Engine) {
    this.#root = root
    this.engine = engine
  }

  get(name: string): Model {
    const known = this.#loaded.get(name)
    if (known !== undefined) return known
    const model = Result.match(Effect.runSync(Effect.result(this.#load(name))), {
      onFailure: (error): Model =>
        error.where.endsWith("config.json, architectures")
          ? { unsupported: `unsupported architecture ${error.found}` }
          : { broken: error.message },
      onSuccess: (loaded): Model => loaded,
    })
    this.#loaded.set(name, model)
    return model
  }

  /** Models that were asked for. */
  get size(): number {
    return this.#loaded.size
  }

  free(): void {
    for (const model of this.#loaded.values()) if ("decoder" in model) freeDecoder(model.decoder)
  }

  #load(name: string) {
    const { engine } = this
    return Effect.gen({ self: this }, function* () {
      const checkpoint = yield* openCheckpoint(join(this.#root, "checkpoints", name))
      const { decoder } = yield* loadDecoder(engine, checkpoint)
      return { decoder, config: checkpoint.config }
    }).pipe(
      Effect.catchTag("StorageFailed", (error) =>
        Effect.fail({ where: error.path, found: "", message: error.message }),
      ),
    )
  }
}

/** The lines of a case that needs a model: why it is not there, or what `check` finds. */
export function* withModel(
  name: string,
  models: Models,
  checkpoint: string,
  check: (model: Extract<Model, { readonly decoder: Decoder }>) => Iterable<Line>,
): Generator<Line> {
  const model = models.get(checkpoint)
  if ("unsupported" in model) yield skipped(name, model.unsupported)
  else if ("broken" in model) yield failed(name, model.broken)
  else yield* guarded(name, () => check(model))
}
