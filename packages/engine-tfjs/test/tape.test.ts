/** The gradients written here against tfjs's own tape over plain tfjs operations. */
// oxlint-disable-next-line import/no-unassigned-import -- it registers gradients with tfjs
import "@tensorflow/tfjs-core/dist/register_all_gradients.js"
import { create } from "@hmx/engine-tfjs"
import type { Tensor } from "@hmx/lm"
import * as tf from "@tensorflow/tfjs-core"
import { afterAll, describe, expect, test } from "vitest"

const engine = await create({ backend: "cpu" })
await tf.setBackend("cpu")
// No advertisement on the first use.
Object.assign(tf.backend(), { firstUse: false })
afterAll(() => {
  engine.close()
})

let seed = 3
function numbers(shape: ReadonlyArray<number>): Float32Array {
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 31 - 1
  })
}

/** Gradients of Σ c·f at the same numbers by both tapes. */
function compare(
  shapes: ReadonlyArray<ReadonlyArray<number>>,
  ours: (xs: ReadonlyArray<Tensor>) => Tensor,
  theirs: (xs: ReadonlyArray<tf.Tensor>) => tf.Tensor,
): void {
  const data = shapes.map(numbers)
  engine.scope(() => {
    const xs = shapes.map((shape, i) => engine.upload(data[i] ?? new Float32Array(0), shape, "f32"))
    const v = engine.vjp((inputs) => [ours(inputs)], xs, [])
    const [y] = v.outputs
    if (y === undefined) throw new Error("no output")
    const c = numbers(y.shape)
    const found = v.pullback([engine.upload(c, y.shape, "f32")]).inputs
    const wanted = tf.tidy(() => {
      const points = shapes.map((shape, i) => tf.tensor(data[i] ?? new Float32Array(0), [...shape]))
      const weights = tf.tensor(c, [...y.shape])
      return tf
        .grads((...inputs) => tf.sum(tf.mul(theirs(inputs), weights)))(points)
        .map((g) => g.dataSync())
    })
    expect(wanted).toHaveLength(shapes.length)
    for (const [i, g] of wanted.entries()) {
      const t = found[i]
      if (t === undefined) throw new Error(`no gradient ${i}`)
      for (const [j, value] of engine.download(t).entries()) expect(value).toBeCloseTo(g[j] ?? Number.NaN, 4)
    }
  })
}

/** [B, T, heads, D] → [B, heads, T, D]. */
function heads(x: tf.Tensor): tf.Tensor {
  return tf.transpose(x, [0, 2, 1, 3])
}

/** An argument that is there. */
function get<A>(xs: ReadonlyArray<A>, i: number): A {
  const x = xs[i]
  if (x === undefined) throw new Error(`no argument ${i}`)
  return x
}

describe("agrees with tfjs's tape", () => {
  test("linear with LoRA", () => {
    compare(
      [
        [5, 4],
        [3, 4],
        [2, 4],
        [3, 2],
      ],
      (xs) => engine.linear(get(xs, 0), get(xs, 1), { lora: { a: get(xs, 2), b: get(xs, 3), scale: 1.5 } }),
      (xs) => {
        const low = tf.matMul(tf.matMul(get(xs, 0), get(xs, 2), false, true), get(xs, 3), false, true)
        return tf.add(tf.matMul(get(xs, 0), get(xs, 1), false, true), tf.mul(low, 1.5))
      },
    )
  })
  test("rmsNorm", () => {
    compare(
      [[5, 6], [6]],
      (xs) => engine.rmsNorm(get(xs, 0), get(xs, 1), 1e-3),
      (xs) => {
        const x = get(xs, 0)
        return tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-3))), get(xs, 1))
      },
    )
  })
  test("rotary", () => {
    const [cos, sin] = [numbers([5, 2]), numbers([5, 2])]
    compare(
      [[5, 3, 4]],
      (xs) => engine.rotary(get(xs, 0), engine.upload(cos, [5, 2], "f32"), engine.upload(sin, [5, 2], "f32")),
      (xs) => {
        const [c, s] = [tf.tensor(cos, [5, 1, 2]), tf.tensor(sin, [5, 1, 2])]
        const [left, right] = tf.split(get(xs, 0), 2, 2)
        if (left === undefined || right === undefined) throw new Error("no halves")
        return tf.concat([tf.sub(tf.mul(left, c), tf.mul(right, s)), tf.add(tf.mul(right, c), tf.mul(left, s))], 2)
      },
    )
  })
  test("gatedMlp", () => {
    compare(
      [
        [4, 5],
        [4, 5],
      ],
      (xs) => engine.gatedMlp(get(xs, 0), get(xs, 1), "silu"),
      (xs) => tf.mul(tf.mul(get(xs, 0), tf.sigmoid(get(xs, 0))), get(xs, 1)),
    )
  })
  test("attention", () => {
    const bias = numbers([1, 3, 5])
    compare(
      [
        [2, 3, 4, 6],
        [2, 5, 2, 6],
        [2, 5, 2, 6],
      ],
      (xs) =>
        engine.attention(get(xs, 0), get(xs, 1), get(xs, 2), {
          bias: engine.upload(bias, [1, 3, 5], "f32"),
          scale: 0.6,
        }),
      (xs) => {
        // Each key head twice, side by side: query heads 0 and 1 see key head 0.
        const twice = (x: tf.Tensor) => {
          const [first, second] = tf.split(heads(x), 2, 1)
          if (first === undefined || second === undefined) throw new Error("no heads")
          return tf.concat([first, first, second, second], 1)
        }
        const scores = tf.mul(tf.matMul(heads(get(xs, 0)), twice(get(xs, 1)), false, true), 0.6)
        const p = tf.softmax(tf.add(scores, tf.tensor(bias, [1, 1, 3, 5])))
        return heads(tf.matMul(p, twice(get(xs, 2))))
      },
    )
  })
  test("logProbs", () => {
    const targets = [1, 6, 0, 6]
    compare(
      [
        [4, 3],
        [7, 3],
      ],
      (xs) =>
        engine.logProbs(get(xs, 0), get(xs, 1), engine.upload(Int32Array.from(targets), [4], "i32"), {
          chunk: 3,
          temperature: 0.8,
        }).logprobs,
      (xs) => {
        const logp = tf.logSoftmax(tf.div(tf.matMul(get(xs, 0), get(xs, 1), false, true), 0.8))
        const hot = tf.tensor(targets.map((t) => Array.from({ length: 7 }, (_, v) => (v === t ? 1 : 0))))
        return tf.sum(tf.mul(logp, hot), 1)
      },
    )
  })
})
