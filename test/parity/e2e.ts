import { join } from "node:path"
import * as Schema from "effect/Schema"
import { adapterWeights, loadLora } from "./adapters.ts"
import { AdvantageConfig, advantagesOf } from "./advantages.ts"
import { maxDelta } from "./compare.ts"
import { folders, readJsonAs, readTensors, some } from "./fixtures.ts"
import { guarded, type Line, measured } from "./Line.ts"
import { type Models, withModel } from "./models.ts"
import { Replay } from "./Replay.ts"
import { Trace } from "./Trace.ts"

const Sizes = Schema.Struct({ num_generations: Schema.Number })

/** e2e/*: whole runs of TRL's trainer, replayed by ours. */
export function* e2e(root: string, models: Models): Generator<Line> {
  for (const folder of folders(join(root, "e2e"))) {
    const name = `e2e/${folder}`
    const path = join(root, name)
    yield* guarded(name, function* () {
      const trace = readJsonAs(Trace, join(path, "trace.json"))
      yield* guarded(name, () => [generations(name, trace)])
      yield* withModel(name, models, trace.checkpoint, function* ({ decoder, config }) {
        const tensors = readTensors(join(path, "trace.safetensors"))
        const final = adapterWeights(config, join(path, "adapter_final"))
        const adapter = loadLora(decoder, config, join(path, "adapter_init"))
        try {
          yield* new Replay(trace, tensors, final, decoder, adapter).run().lines(name)
        } finally {
          adapter.free()
        }
      })
    })
  }
}

/** The advantages of every generation batch. */
const generations = (name: string, trace: Trace): Line => {
  const config = Schema.decodeUnknownSync(AdvantageConfig)(trace.config)
  const { num_generations: groupSize } = Schema.decodeUnknownSync(Sizes)(trace.config)
  const deltas = some(trace.generations, "generations").map((generation) => {
    const rewards = generation.rewards.map((reward) => [reward])
    const { values } = advantagesOf(rewards, groupSize, config)
    return maxDelta(
      values.map((v) => v ?? 0),
      generation.advantages,
    )
  })
  return measured(name, `advantages of ${deltas.length} generations`, Math.max(...deltas), 1e-6)
}
