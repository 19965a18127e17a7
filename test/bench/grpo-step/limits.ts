/**
 * What the machine gives this engine at best, as JSON: FLOP/s of a large matrix product, and bytes/s of reading memory. In a process of its
 * own, so that nothing here counts in a peak. `node limits.ts JSON`, see `LimitsJob`.
 */
import { create } from "@hmx/engine-torch"
import type { Tensor } from "@hmx/lm"

export interface LimitsJob {
  readonly device: string
  readonly threads: number
  readonly dtype: "float32" | "bfloat16"
  /** What products with bfloat16 weights are computed in: as in the training that they are compared with. */
  readonly compute: "f32" | "stored"
}

export interface Limits {
  /** What the product was computed in. */
  readonly dtype: string
  readonly matmulFlops: number
  readonly readBytes: number
}

// Written by the bench itself.
const job: LimitsJob = JSON.parse(process.argv[2] ?? "{}")
const onHost = job.device === "cpu"
const engine = await create({ device: onHost ? "cpu" : "cuda", threads: job.threads, compute: job.compute })

/** Seconds of `body`, at best of five; its result is waited for. */
const best = (repeats: number, body: () => Tensor): number => {
  let least = Infinity
  for (let i = 0; i <= 5; i++) {
    const start = performance.now()
    engine.scope(() => {
      for (let j = 1; j < repeats; j++) engine.free(body())
      engine.download(engine.sum(body()))
    })
    if (i > 0) least = Math.min(least, (performance.now() - start) / 1000 / repeats)
  }
  return least
}

// So large that the copies of x and y to and from f32, which training makes as well, are a twelfth of the product on an H200.
const [rows, inner, out] = onHost ? [1024, 2048, 2048] : [4096, 16384, 16384]
const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5)
const x = engine.upload(numbers(rows * inner), [rows, inner], "f32")
const w =
  job.dtype === "float32"
    ? engine.upload(numbers(out * inner), [out, inner], "f32")
    : // Bits of numbers from 0.5 to 1.
      engine.upload(
        new Uint16Array(out * inner).map((_, i) => 0x3f00 + (i % 127)),
        [out, inner],
        "bf16",
      )
const matmul = best(onHost ? 1 : 10, () => engine.linear(x, w))
engine.free(x, w)

const bytes = onHost ? 2 ** 28 : 2 ** 32
const part = engine.upload(new Float32Array(2 ** 26), [2 ** 26], "f32")
const big = onHost
  ? part
  : engine.concat(
      Array.from({ length: bytes / 2 ** 28 }, () => part),
      0,
    )
const read = best(onHost ? 1 : 4, () => engine.sum(big))
const limits: Limits = {
  dtype: engine.info.compute,
  matmulFlops: (2 * rows * inner * out) / matmul,
  readBytes: bytes / read,
}
process.stdout.write(`${JSON.stringify(limits)}\n`)
engine.close()
