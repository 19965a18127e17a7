/** One loaded model as each of several runs sees it: alone, with adapters of its own. */
import { type Adapter, LanguageModel } from "hmx"

type Service = (typeof LanguageModel)["Service"]

/** The model with every adapter's name put under `owner`, so that runs which share it do not meet. */
export const sharedAs = (lm: Service, owner: string): Service => {
  const named = (adapter: string): string => `${owner}/${adapter}`
  const by = <A extends { readonly by: Adapter }>(request: A): A =>
    request.by === "base" ? request : { ...request, by: { adapter: named(request.by.adapter) } }
  const of = <A extends { readonly adapter: string }>(request: A): A => ({
    ...request,
    adapter: named(request.adapter),
  })
  return {
    ...lm,
    sample: (request) => lm.sample(by(request)),
    logprobs: (requests) => lm.logprobs(requests.map(by)),
    choices: (requests) => lm.choices(requests.map(by)),
    forwardBackward: (request) => lm.forwardBackward(of(request)),
    optimStep: (request) => lm.optimStep(of(request)),
    zeroGrad: (adapter) => lm.zeroGrad(named(adapter)),
    offload: (adapter) => lm.offload(named(adapter)),
    createAdapter: (adapter, options, seed) => lm.createAdapter(named(adapter), options, seed),
    dropAdapter: (adapter) => lm.dropAdapter(named(adapter)),
    saveState: (adapter, folder, what) => lm.saveState(named(adapter), folder, what),
    loadState: (adapter, folder, what) => lm.loadState(named(adapter), folder, what),
  }
}
