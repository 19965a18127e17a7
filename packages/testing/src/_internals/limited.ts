/** Runs synchronous code that may not end. */
import * as vm from "node:vm"
import { leaveWorld } from "./world.ts"

const KEY = "hmx/testing/limited"
const script = new vm.Script(`globalThis[${JSON.stringify(KEY)}]()`)

/** What a body gave, and the milliseconds of this thread's processor that it took. */
export interface Ended<A> {
  readonly value: A
  readonly millis: number
}
export interface Cut {
  readonly cut: true
  readonly millis: number
}

/**
 * Runs a body for at most `wall` milliseconds. Where it does not end by itself it is terminated, even within a regular expression;
 * no `finally` of it runs then.
 */
export const limited = <A>(wall: number, body: () => A): Ended<A> | Cut => {
  const box: { value?: { readonly of: A } } = {}
  const before = Reflect.get(globalThis, KEY)
  Reflect.set(globalThis, KEY, () => {
    box.value = { of: body() }
  })
  const start = process.threadCpuUsage()
  const spent = () => {
    const { system, user } = process.threadCpuUsage(start)
    return (system + user) / 1000
  }
  try {
    script.runInThisContext({ timeout: Math.ceil(wall) })
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")) throw error
    leaveWorld()
    return { cut: true, millis: spent() }
  } finally {
    Reflect.set(globalThis, KEY, before)
  }
  const millis = spent()
  // The script has called the body, or it would have thrown.
  return box.value === undefined ? { cut: true, millis } : { value: box.value.of, millis }
}
