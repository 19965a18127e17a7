/**
 * What is called of tfjs's emscripten module. Its own declarations lean on the browser's types and on a package that is not
 * installed, and list only part of it.
 */
import type { Worker } from "node:worker_threads"

export interface WasmModule {
  readonly HEAPU8: Uint8Array
  _malloc(bytes: number): number
  _free(address: number): void
  /** `shape`s are addresses of i32 sizes (tfjs-backend-wasm/src/cc/kernels/BatchMatMul.cc, Softmax.cc, Add.cc). */
  _BatchMatMul(
    aId: number,
    aShape: number,
    aRank: number,
    bId: number,
    bShape: number,
    bRank: number,
    transposeA: number,
    transposeB: number,
    outId: number,
  ): void
  _Softmax(xId: number, outId: number, channels: number, batch: number): void
  _Add(
    aId: number,
    aShape: number,
    aRank: number,
    bId: number,
    bShape: number,
    bRank: number,
    dtype: number,
    outId: number,
  ): void
  cwrap(
    name: string,
    returns: "number" | null,
    takes: ReadonlyArray<"number">,
  ): (...args: ReadonlyArray<number>) => number
  tfjs: Bridge
  readonly PThread?: ThreadPool
}

/** The functions that tfjs hangs on the module for itself. */
export interface Bridge {
  init(): void
  initWithThreadsCount(threads: number): void
  getThreadsCount(): number
  registerTensor(id: number, size: number, address: number): void
  disposeData(id: number): void
  dispose(): void
}

export interface ThreadPool {
  readonly unusedWorkers: Array<Worker>
  readonly runningWorkers: Array<Worker>
}

/** The module as tfjs's backend types it, read as what it is. */
export function wasmModule(backend: { readonly wasm: unknown }): WasmModule {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return backend.wasm as WasmModule
}
