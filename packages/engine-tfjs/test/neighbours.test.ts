import { create } from "@hmx/engine-tfjs"
import { neighbours } from "../../lm/test/local/neighbours.ts"

neighbours(() => create({ threads: 1 }))
