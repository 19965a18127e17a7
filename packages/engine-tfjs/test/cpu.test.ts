import { create } from "@hmx/engine-tfjs"
import { conformance } from "../../lm/test/engineConformance.ts"

conformance("tfjs cpu", () => create({ backend: "cpu" }), 8)
