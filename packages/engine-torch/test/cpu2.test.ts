import { create } from "@hmx/engine-torch"
import { conformance } from "../../lm/test/engineConformance.ts"

conformance("torch cpu, two threads", () => create({ threads: 2 }), 6)
