/** Loaded before a program (`node --import`): when it ends, its processor seconds, of all threads, go to the file that HMX_BENCH_USAGE names. */
import { writeFileSync } from "node:fs"
import { isMainThread } from "node:worker_threads"

const file = process.env["HMX_BENCH_USAGE"]
if (isMainThread && file !== undefined)
  process.on("exit", () => {
    const { system, user } = process.cpuUsage()
    writeFileSync(file, JSON.stringify((user + system) / 1e6))
  })
