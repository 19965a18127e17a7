import { create } from "@hmx/engine-torch"
import { test } from "vitest"
import { outOfMemory } from "../../lm/test/local/outOfMemory.ts"
import { absent } from "./_internals/present.ts"

if (absent === undefined) outOfMemory((memory) => create({ threads: 1, ...(memory === undefined ? {} : { memory }) }))
else test.skip("torch out of memory", () => {})
