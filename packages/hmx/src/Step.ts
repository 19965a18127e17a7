/** Where in a run a stage is: what the runtime tells every stage, as a service. */
import * as Context from "effect/Context"
import type { PolicyRef } from "./Artefact.ts"
import type { Adapter } from "./LanguageModel.ts"

export class Step extends Context.Service<
  Step,
  {
    /** Of the experiment. */
    readonly seed: number
    /** 1-based number of this update; 0 in an evaluation before the first. */
    readonly step: number
    /** Updates of the whole run. */
    readonly steps: number
    /** The policy that samples in this step. */
    readonly policy: PolicyRef
    /** Its weights, for requests to the language model. */
    readonly by: Adapter
    /** Name of the adapter in training. */
    readonly adapter: string
  }
>()("hmx/Step") {}
