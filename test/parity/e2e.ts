import { join } from "node:path"
import * as Schema from "effect/Schema"
import { AdvantageConfig, advantagesOf } from "./advantages.ts"
import { maxDelta } from "./compare.ts"
import { folders, present, readJsonAs, readTensors } from "./fixtures.ts"
import { failed, type Line, measured, skipped } from "./Line.ts"
import { loadLora, weightsDelta } from "./lora.ts"
import type { Models } from "./models.ts"
import { Replay, Trace } from "./Replay.ts"

const Sizes = Schema.Struct({ num_generations: Schema.Number })

/** e2e/*: whole runs of TRL's trainer, replayed by ours. */
export function* e2e(root: string, models: Models): Generator<Line> {
  for (const folder of folders(join(root, "e2e"))) {
    const name = `e2e/${folder}`
    const path = join(root, name)
    if (!present(path, "trace.json", "trace.safetensors", "adapter_init/adapter_config.json")) continue
    const trace = readJsonAs(Trace, join(path, "trace.json"))
    const config = Schema.decodeUnknownSync(AdvantageConfig)(trace.config)
    const { num_generations: groupSize } = Schema.decodeUnknownSync(Sizes)(trace.config)
    const delta = trace.generations.map(({ rewards, advantages }) =>
      maxDelta(
        advantagesOf(
          rewards.map((reward) => [reward]),
          groupSize,
          config,
        ).values.map((v) => v ?? 0),
        advantages,
      ),
    )
    yield measured(name, `advantages of ${delta.length} generations`, Math.max(...delta), 1e-6)

    const model = models.get(trace.checkpoint)
    if ("unsupported" in model) yield skipped(name, model.unsupported)
    else if ("broken" in model) yield failed(name, model.broken)
    else {
      const adapter = loadLora(model.decoder, model.config, join(path, "adapter_init"))
      try {
        yield* new Replay(name, trace, readTensors(join(path, "trace.safetensors")), model.decoder, adapter).run()
        yield measured(name, "final adapter", weightsDelta(adapter, model.config, join(path, "adapter_final")), 1e-5)
      } finally {
        adapter.free()
      }
    }
  }
}
