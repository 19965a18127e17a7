/** The suite for all engines on the code that a GPU runs, as far as it runs without one. */
import { test } from "vitest"
import { conformance } from "../../lm/test/engineConformance.ts"
import { likeGpu } from "./_internals/likeGpu.ts"
import { absent } from "./_internals/present.ts"

// The processor's kernels mind the rows beside one another, for which the engine does something on a processor only.
if (absent === undefined) conformance("torch, as on a GPU", likeGpu, 6, { alone: false })
else test.skip("torch, as on a GPU", () => {})
