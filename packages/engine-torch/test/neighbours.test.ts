import { create } from "@hmx/engine-torch"
import { describe, test } from "vitest"
import { neighbours } from "../../lm/test/local/neighbours.ts"
import { absent } from "./_internals/present.ts"

if (absent === undefined) describe.each([1, 2])("torch, %d threads", (threads) => neighbours(() => create({ threads })))
else test.skip("torch: a request's answer is its own", () => {})
