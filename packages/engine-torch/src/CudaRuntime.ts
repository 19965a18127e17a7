/** What CUDA's runtime library, which torch brings, says of a device. Torch's own C interface says nothing of it. */
import type { Pointer, Scratch } from "./Natives.ts"
import { slot } from "./Natives.ts"

/** `cuda_runtime_api.h`: each returns 0, or an error's number. */
export interface CudaCalls {
  /** cudaDeviceGetAttribute(int*, attribute, device) */
  readonly attribute: (result: Pointer, attribute: number, device: number) => number
  /** cudaMemGetInfo(size_t* free, size_t* total), of the thread's current device */
  readonly memoryInfo: (free: Pointer, total: Pointer) => number
  readonly getDevice: (result: Pointer) => number
  readonly setDevice: (device: number) => number
}

/** Compute capability: 8.0 is A100's, 9.0 H100's. */
export interface Capability {
  readonly major: number
  readonly minor: number
}

/** Bytes of a device, whoever uses them. */
export interface DeviceMemory {
  readonly free: number
  readonly total: number
}

/** cudaDevAttrComputeCapabilityMajor, …Minor. */
const [MAJOR, MINOR] = [75, 76]

export class CudaRuntime {
  readonly #calls: CudaCalls
  readonly #scratch: Scratch

  constructor(calls: CudaCalls, scratch: Scratch) {
    this.#calls = calls
    this.#scratch = scratch
  }

  /** Undefined where the runtime does not say. */
  capability(device: number): Capability | undefined {
    const [major, minor] = [MAJOR, MINOR].map((attribute) => {
      const rc = this.#calls.attribute(this.#at(slot.result), attribute, device)
      return rc === 0 ? this.#scratch.i32[2 * slot.result] : undefined
    })
    return major === undefined || minor === undefined ? undefined : { major, minor }
  }

  /** Undefined where the runtime does not say. The thread's current device is the same after it. */
  memory(device: number): DeviceMemory | undefined {
    const { getDevice, memoryInfo, setDevice } = this.#calls
    if (getDevice(this.#at(slot.result)) !== 0) return undefined
    const current = this.#scratch.i32[2 * slot.result] ?? 0
    if (current !== device && setDevice(device) !== 0) return undefined
    const rc = memoryInfo(this.#at(slot.result), this.#at(slot.second))
    if (current !== device) setDevice(current)
    return rc === 0 ? { free: this.#size(slot.result), total: this.#size(slot.second) } : undefined
  }

  /** Bytes of it that are not free. */
  taken(device: number): number | undefined {
    const found = this.memory(device)
    return found && found.total - found.free
  }

  #at(i: number): Pointer {
    return this.#scratch.base + 8 * i
  }
  #size(i: number): number {
    const { u32 } = this.#scratch
    return (u32[2 * i] ?? 0) + (u32[2 * i + 1] ?? 0) * 2 ** 32
  }
}
