/** Entry of the model's worker thread. What it loads comes out of the compile cache, where the process has one: a cache is each thread's own. */
import { enableCompileCache } from "node:module"
import { workerData } from "node:worker_threads"
import type { Start } from "./protocol.ts"

// Typed by the one who starts this worker.
const { compileCache }: Start = workerData
if (compileCache) enableCompileCache()
await import("./worker.ts")
