import { create } from "@hmx/engine-torch"
import { conformance } from "../../lm/test/engineConformance.ts"

conformance("torch cpu", () => create({ threads: 1 }))
