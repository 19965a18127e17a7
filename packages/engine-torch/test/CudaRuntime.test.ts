/** What CUDA's runtime says, on a scripted one; needs no torch. */
import { describe, expect, test } from "vitest"
import type { CudaCalls } from "../src/CudaRuntime.ts"
import { CudaRuntime } from "../src/CudaRuntime.ts"

const memory = new ArrayBuffer(128 * 8)
const base = 4096
const scratch = {
  base,
  f32: new Float32Array(memory),
  f64: new Float64Array(memory),
  i32: new Int32Array(memory),
  u32: new Uint32Array(memory),
}
const word = (at: number) => (at - base) / 4

/** Two devices, of 24 and 80 GiB. */
const runtime = (over: Partial<CudaCalls> = {}) => {
  const whole = new BigUint64Array(memory)
  const cards = [
    { free: 20n << 30n, total: 24n << 30n, capability: [7, 5] },
    { free: 79n << 30n, total: 80n << 30n, capability: [9, 0] },
  ]
  const state = { current: 0 }
  const made = new CudaRuntime(
    {
      attribute: (at, attribute, device) => {
        const found = cards[device]?.capability[attribute - 75]
        if (found === undefined) return 101
        scratch.i32[word(at)] = found
        return 0
      },
      memoryInfo: (free, total) => {
        const card = cards[state.current]
        if (card === undefined) return 101
        whole[word(free) / 2] = card.free
        whole[word(total) / 2] = card.total
        return 0
      },
      getDevice: (at) => {
        scratch.i32[word(at)] = state.current
        return 0
      },
      setDevice: (device) => {
        if (cards[device] === undefined) return 101
        state.current = device
        return 0
      },
      ...over,
    },
    scratch,
  )
  return { made, state }
}

describe("CUDA's runtime", () => {
  test("says each device's capability and memory, and leaves the current device as it was", () => {
    const { made, state } = runtime()
    // What stood in the block before is not read.
    scratch.u32.fill(0xffffffff)
    expect([made.capability(0), made.capability(1)]).toEqual([
      { major: 7, minor: 5 },
      { major: 9, minor: 0 },
    ])
    expect([made.memory(1), made.memory(0)]).toEqual([
      { free: 79 * 2 ** 30, total: 80 * 2 ** 30 },
      { free: 20 * 2 ** 30, total: 24 * 2 ** 30 },
    ])
    expect(state.current).toBe(0)
  })
  test("says nothing of a device that is not there, or where it fails", () => {
    const { made } = runtime()
    expect([made.capability(2), made.memory(2)]).toEqual([undefined, undefined])
    expect(runtime({ getDevice: () => 35 }).made.memory(0)).toBeUndefined()
    const failing = runtime({ memoryInfo: () => 2 })
    expect(failing.made.memory(1)).toBeUndefined()
    expect(failing.state.current).toBe(0)
  })
})
