import { create } from "@hmx/engine-torch"
import { describe, test } from "vitest"
import { keptLayers } from "../../lm/test/train/keptLayers.ts"
import { absent } from "./_internals/present.ts"

if (absent === undefined)
  describe.each([1, 2])("torch, %d threads", (threads) =>
    keptLayers((memory) => create({ threads, ...(memory === undefined ? {} : { memory }) })),
  )
else test.skip("torch: layers that are kept", () => {})
