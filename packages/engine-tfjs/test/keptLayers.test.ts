import { create } from "@hmx/engine-tfjs"
import { keptLayers } from "../../lm/test/train/keptLayers.ts"

keptLayers((memory) => create({ threads: 1, ...(memory === undefined ? {} : { memory }) }))
