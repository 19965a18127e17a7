/** What calls of the language model hold at the most beside weights and adapter, by the closed forms. */
import { Memory, type ModelShape, type Stage } from "hmx"
import type { Asked } from "./Rehearsal.ts"
import { treesOf } from "./treesOf.ts"

const greatest = <A>(all: ReadonlyArray<A>, of: (one: A) => number): number =>
  all.reduce((most, one) => Math.max(most, of(one)), 0)

const sampling = (shape: ModelShape, calls: ReadonlyArray<Asked>): number => {
  const samples = calls.flatMap((one) => (one.method === "sample" ? [one] : []))
  const asked = samples.map(({ request }) => request)
  if (asked.length === 0) return 0
  const lengths = samples.flatMap(({ made = [] }) => made)
  const { cache, rest } = Memory.samplingBytes(shape, {
    prompts: asked.length,
    completions: greatest(asked, ({ n }) => n),
    promptTokens: greatest(asked, ({ prompt }) => prompt.length),
    maxNewTokens: greatest(asked, ({ params }) => params.maxNewTokens),
    ...(lengths.length === 0
      ? {}
      : { longest: greatest(lengths, (n) => n), together: lengths.every((n) => n === lengths[0]) }),
  })
  return cache + rest
}

const reading = (shape: ModelShape, calls: ReadonlyArray<Asked>): number => {
  const sequences = calls.flatMap((one) => (one.method === "score" ? one.sequences : []))
  // What sampling has laid out for itself may be there still.
  const beside = Memory.packedBytes(shape).weights
  return greatest(treesOf(sequences, Memory.tokensAtOnce), (trees) => beside + Memory.scoringBytes(shape, trees))
}

const training = (shape: ModelShape, calls: ReadonlyArray<Asked>, { options }: Stage.Any): number => {
  const { rank, targets }: { readonly rank?: unknown; readonly targets?: unknown } = options
  if (typeof rank !== "number") return 0
  const named = Array.isArray(targets) ? targets.filter((name) => typeof name === "string") : ("all-linear" as const)
  return greatest(calls, (one) => {
    if (one.method !== "train") return 0
    const { groups, keepBytes, loss, recompute = false } = one.request
    // What has no gradient is not computed.
    const live = groups.flatMap(({ completions, prompt }) =>
      completions
        .filter((c) => c.inLoss !== false && c.tokens.length > 0 && (c.advantage !== 0 || (loss.beta ?? 0) !== 0))
        .map((c) => ({ tokens: [...prompt, ...c.tokens], from: prompt.length })),
    )
    return greatest(treesOf(live, Number.POSITIVE_INFINITY), (trees) => {
      const how = { rank, targets: named, recompute, keepBytes }
      const { activations, gradients, logits } = Memory.updateBytes(shape, trees, how)
      return activations + gradients + logits
    })
  })
}

const standing = (calls: ReadonlyArray<Asked>) =>
  calls.flatMap((one) => (one.method === "score" && one.standsFor !== undefined ? [one.standsFor] : []))

/** At least what all those hold for which some were asked: which of them meet in a pass, nobody knows before. */
const readingOfMany = (shape: ModelShape, batches: ReadonlyArray<ReadonlyArray<Asked>>): number => {
  const all = standing([...new Set(batches.flat())])
  // Tasks come one after another.
  return greatest([...new Set(all.map(({ task }) => task))], (of) => {
    const asked = (some: typeof all) => some.flatMap(({ requests, task }) => (task === of ? requests : []))
    const together = greatest(batches, (batch) => asked(standing(batch)).length)
    return Memory.packedBytes(shape).weights + Memory.scoringBound(shape, asked(all), together)
  })
}

/** The sets of calls that were there at one time, none of which is part of another. */
const atOneTime = (calls: ReadonlyArray<Asked>): ReadonlyArray<ReadonlyArray<Asked>> => {
  const events = calls
    .flatMap((call) => [
      { at: call.began, call, begins: true },
      { at: call.ended, call, begins: false },
    ])
    .toSorted((a, b) => a.at - b.at)
  const there = new Set<Asked>()
  const found: Array<ReadonlyArray<Asked>> = []
  for (const [i, { begins, call }] of events.entries()) {
    if (!begins) there.delete(call)
    else if (there.add(call) && events[i + 1]?.begins !== true) found.push([...there])
  }
  return found
}

/**
 * The greatest part, and what it is: they do not happen at one time. Calls of a group stage wait together and are computed together;
 * those of a step stage come one after another.
 */
export const heldBy = (
  shape: ModelShape,
  calls: ReadonlyArray<Asked>,
  stage: Stage.Any,
): ReadonlyArray<Stage.Reservation> => {
  const batches = stage.grain === "group" ? [calls] : atOneTime(calls)
  const parts = [
    { part: "sampling", bytes: greatest(batches, (batch) => sampling(shape, batch)) },
    {
      part: "reading",
      bytes: Math.max(
        readingOfMany(shape, batches),
        greatest(batches, (batch) => reading(shape, batch)),
      ),
    },
    { part: "training", bytes: training(shape, calls, stage) },
  ]
  return parts
    .filter(({ bytes }) => bytes > 0)
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, 1)
}
