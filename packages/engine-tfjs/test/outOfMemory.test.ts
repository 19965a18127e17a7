import { create } from "@hmx/engine-tfjs"
import { outOfMemory } from "../../lm/test/local/outOfMemory.ts"

outOfMemory((memory) => create({ threads: 1, ...(memory === undefined ? {} : { memory }) }))
