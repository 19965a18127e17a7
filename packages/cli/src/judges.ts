/** `hmx test --judges`: the laws of the judges that pipelines use, asked of the pipelines' own models. */
import { escape } from "@hmx/report"
import { type JudgeFinding, judgeLaws, rewardsOf } from "@hmx/testing"
import * as Effect from "effect/Effect"
import { identity, type Rubric } from "hmx"
import type { Pipeline } from "./loadPipeline.ts"
import { Models } from "./Models.ts"
import { locateFrom } from "./paths.ts"

/** A rubric as a model reads it, and how far each law of judges holds. */
export interface Judged {
  readonly rubric: Rubric.Rubric
  readonly model: string
  readonly laws: ReadonlyArray<JudgeFinding>
}

/** Reads every rubric of the pipelines by its model's base; a rubric that two pipelines share is read once a model. */
export const judges = Effect.fnUntraced(function* (pipelines: ReadonlyArray<Pipeline>) {
  const models = yield* Models
  const found = new Map<string, Judged>()
  for (const { experiment, file } of pipelines) {
    const model = yield* models.find(experiment.settings.model, locateFrom(file), { engine: "tfjs", backend: "wasm" })
    const wanted = rewardsOf(experiment).flatMap(({ reward }) => {
      const key = `${model.name} ${JSON.stringify(identity({ reward }))}`
      return reward.kind === "rubric" && !found.has(key) ? [{ key, rubric: reward }] : []
    })
    if (wanted.length === 0) continue
    const read = Effect.forEach(wanted, ({ key, rubric }) =>
      Effect.map(judgeLaws(rubric), (laws) => void found.set(key, { rubric, model: model.name, laws })),
    )
    yield* Effect.provide(read, model.layer)
  }
  return [...found.values()]
})

export const isBroken = ({ kept }: JudgeFinding): boolean => !kept

/** A judge in lines: each law's figure, and the worst case of one that broke. */
export const asText = ({ laws, model, rubric }: Judged): ReadonlyArray<string> => {
  const turned = rubric.reverse ? ", reversed" : ""
  const mark = laws.some(isBroken) ? "✗" : "✓"
  return [
    `${mark} ${escape(rubric.name, 60)}@${rubric.version}${turned}, read by ${escape(model, 60)}`,
    ...laws.flatMap((law) => [
      `    ${law.kept ? "✓" : "✗"} ${law.law}: ${law.of}: ${law.figure.toFixed(3)} (at most ${law.bound.toFixed(3)})`,
      ...(law.kept ? [] : [`        worst: ${law.worst}`]),
    ]),
  ]
}
