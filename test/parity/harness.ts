import type { Engine } from "@hmx/lm"
import { advantages } from "./advantages.ts"
import { checkpoints } from "./checkpoints.ts"
import { e2e } from "./e2e.ts"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { folders } from "./fixtures.ts"
import { failed, guarded, type Line, measured } from "./Line.ts"
import { lora } from "./lora.ts"
import { losses } from "./losses.ts"
import { Models } from "./models.ts"
import { sampling } from "./sampling.ts"
import { tokenizers } from "./tokenizers.ts"

/** Every check by the name of its area, in the order in which they run. */
const areas: { readonly [area: string]: (root: string, models: Models) => Iterable<Line> } = {
  tokenizers,
  sampling,
  advantages,
  losses,
  checkpoints,
  lora,
  e2e,
}

/** Folders that hold a folder a case. */
const ofCases = ["tokenizers", "checkpoints", "lora", "e2e"]

/** Runs every check that the folder has data for. */
export function* harness(root: string, engine: Engine): Generator<Line> {
  const before = engine.memory().tensors
  const models = new Models(root, engine)
  try {
    for (const area of ofCases) {
      const path = join(root, area)
      if (existsSync(path) && folders(path).length === 0) yield failed(area, "a folder without a case")
    }
    for (const [area, check] of Object.entries(areas)) yield* guarded(area, () => check(root, models))
  } finally {
    models.free()
  }
  if (models.size > 0) yield measured("engine", "tensors left behind", engine.memory().tensors - before, 0)
}
