/**
 * libtorch's shared libraries, bound through koffi: PyTorch's C shim, and a few C++ symbols that have a C calling convention. No
 * compiler and no Python process. Pointers are plain numbers (addresses lie below 2^47), and arguments go through one block of native
 * memory that JavaScript sees as typed arrays, so that a call allocates nothing.
 */
import { join } from "node:path"
import { EngineUnavailable } from "@hmx/lm"
import type { CudaCalls } from "./CudaRuntime.ts"
import { CudaRuntime } from "./CudaRuntime.ts"
import type { Version } from "./version.ts"
import { atLeast, EXPECTED, OLDEST, show } from "./version.ts"

/** A pointer. 0 is null. */
export type Pointer = number

type Fn<A extends ReadonlyArray<unknown>, R> = (...args: A) => R
/** The shim's usual result: 0, or 1 where a C++ exception was caught. */
type Rc<A extends ReadonlyArray<unknown>> = Fn<A, number>
type P = Pointer
type NumberArray = Float32Array | Float64Array | Int32Array | Uint16Array

/** What the engine calls, by its name here. */
export interface Natives {
  readonly version: Version
  readonly abi: bigint
  readonly dispatch: Rc<[P, P, P, bigint]>
  readonly newHandle: Rc<[P, P]>
  readonly deleteHandle: Rc<[P]>
  readonly newList: Rc<[number, P]>
  readonly push: Rc<[P, P]>
  /** Room for the value of an optional argument; the call that it is given to frees it. */
  readonly newOptional: Fn<[P], number>
  readonly newString: Rc<[string, number, P]>
  /** The last exception's text; undefined before 2.13, which writes it to stderr instead. */
  readonly what: Fn<[], string | null> | undefined
  readonly emptyStrided: Rc<[number, P, P, number, number, number, P]>
  readonly reinterpret: Rc<[P, number, P, P, number, P]>
  readonly dataPointer: Rc<[P, P]>
  readonly storageOffset: Rc<[P, P]>
  readonly storageSize: Rc<[P, P]>
  readonly isDefined: Rc<[P, P]>
  readonly subtract: Rc<[P, P, number, P]>
  readonly fill: Rc<[P, number]>
  readonly scalar: Rc<[number, P]>
  readonly itemF64: Rc<[P, P]>
  readonly setRequiresGrad: Rc<[P, boolean]>
  readonly setGradMode: Fn<[boolean], void>
  readonly gradMode: Fn<[], boolean>
  readonly threads: Rc<[P]>
  readonly setThreads: Fn<[number], void>
  /** TensorImpl* → at::Tensor* of its gradient, borrowed. */
  readonly mutableGrad: Fn<[P], P>
  readonly copyMemory: Fn<[P, P, number], P>
  /** Operators of the CPU that take handles as they are; undefined where one is missing. */
  readonly shim:
    | {
        readonly add: Rc<[P, P, number, P]>
        readonly mul: Rc<[P, P, P]>
        readonly scale: Rc<[P, number, P]>
        readonly reshape: Rc<[P, P, number, P]>
        readonly permute: Rc<[P, P, number, P]>
        readonly narrow: Rc<[P, number, number, number, P]>
        readonly cat: Rc<[P, number, number, P]>
        readonly rmsNorm: Rc<[P, P, number, P, P, P, P]>
        /** (q, k, v, dropout, causal, mask's address, scale's address, result, log Σ exp) */
        readonly flash: Rc<[P, P, P, number, number, P, P, P, P]>
      }
    | undefined
  /** oneDNN's products with weights in its own layout: x · wᵀ (+ bias), and the same added to a tensor; undefined where torch is built without it. */
  readonly oneDnn:
    | {
        /** (x, w, bias or null, "none", null, 0, null) */
        readonly linear: Rc<[P, P, P, P, P, number, P, P]>
        /** (x, added, w, null, "add") */
        readonly linearAdd: Rc<[P, P, P, P, P, P]>
        /** What follows the product: C strings. */
        readonly none: P
        readonly add: P
      }
    | undefined
  /** Undefined on the processor, or where CUDA's runtime is not found beside torch. */
  readonly cuda: CudaRuntime | undefined
  /** Tells the system what becomes of pages (address, length, advice); undefined where there is no such call. */
  readonly madvise: Fn<[P, number, number], number> | undefined
  /** mmap, and a tensor over what it gives, which unmaps it when torch lets go of it; undefined where the system or torch (before 2.11) lacks it. */
  readonly mapping: Mapping | undefined
  /** Native memory as JavaScript sees it. */
  readonly view: (at: P, bytes: number) => ArrayBuffer
  readonly copyIn: Fn<[P, NumberArray, number], P>
  readonly copyOut: Fn<[NumberArray, P, number], P>
  readonly deviceTypes: { readonly cpu: number; readonly cuda: number }
  readonly dtypes: { readonly f32: number; readonly bf16: number; readonly f16: number; readonly i32: number }
  readonly f64: number
  readonly i64: number
  /** The block of memory through which arguments and results go. */
  readonly scratch: Scratch
  /** A C string that lives as long as the process. */
  readonly cString: (text: string) => Pointer
}

export interface Mapping {
  /** (address, length, protection, flags, file, offset) → -1 where it fails. */
  readonly map: Fn<[P, number, number, number, number, number], P>
  /** (data, axes, sizes, strides, offset, dtype, device type, device index, result, layout, metadata, its size, deleter, its argument) */
  readonly fromBlob: Rc<[P, number, P, P, number, number, number, number, P, number, P, number, P, number]>
  readonly strided: number
  /** Address of munmap: a deleter that is called with the mapping's address and its length. */
  readonly deleter: P
}

/** Native memory in slots of 8 bytes. */
export interface Scratch {
  readonly base: Pointer
  readonly f32: Float32Array
  readonly f64: Float64Array
  readonly i32: Int32Array
  readonly u32: Uint32Array
}

/** Slots: 0–63 the call's stack, 64 a result, 65 a second one, 66–81 sizes, 82–97 strides. */
export const slot = { result: 64, second: 65, sizes: 66, strides: 82 } as const
/** Most axes of a tensor. */
export const MAX_RANK = 16
const SLOTS = 128

/**
 * How often a thread of OpenMP looks for work before it sleeps, where the user's environment does not say (GOMP_SPINCOUNT, OMP_WAIT_POLICY).
 * Its default, milliseconds of looking, takes the cores from whoever else wants them: on two busy ones a product of 1792×96×256 on two
 * threads took 53 ms on average, with a tenth of this 5 ms; the fastest of both was 0.8 ms. With a tenth of this the thread sleeps between two products of
 * a decoding step, and is woken for each: a step of the 0.6B shape took 0.25 s, with this 0.22 s.
 */
const SPINS = "10000"

/** at::globalContext() and at::Context::setSDPUseCuDNN(bool): C++ names, which a later torch may lack. */
export const fusedAttention = {
  context: "_ZN2at13globalContextEv",
  useCuDnn: "_ZN2at7Context14setSDPUseCuDNNEb",
} as const

/** A symbol that HMX needs and this library lacks. */
export class MissingSymbol extends Error {
  override readonly name = "MissingSymbol"
}

/** What one of torch's libraries is called on this platform. */
export const libraryFile = (name: string): string =>
  ({ win32: `${name}.dll`, darwin: `lib${name}.dylib` })[process.platform as string] ?? `lib${name}.so`

/** Loads the libraries of a folder. Throws what the loader says. */
export async function load(folder: string, wantCuda: boolean): Promise<Natives> {
  const { default: koffi } = await import("koffi")
  const file = (name: string) => join(folder, libraryFile(name))
  // The C code runs on a stack of koffi's: autograd's CPU thread is the calling one, and its recursion wants room.
  try {
    koffi.config({ sync_stack_size: 8 << 20, async_stack_size: 8 << 20 })
  } catch {
    // Another library was loaded before in this thread; the stack's size stays.
  }
  if (process.platform === "linux" && process.env["OMP_WAIT_POLICY"] === undefined) {
    // Read when OpenMP's library is loaded, and only from the process's own environment, of which a worker thread has a copy.
    const setenv = koffi.load(null).func("setenv", "int32", ["str", "str", "int32"])
    setenv("GOMP_SPINCOUNT", SPINS, 0)
  }
  const torch = koffi.load(file("torch_cpu"), { global: true })
  const c10 = koffi.load(file("c10"), { global: true })
  // Its operators register themselves; it brings libc10_cuda and the runtime.
  const torchCuda = wantCuda ? koffi.load(file("torch_cuda"), { global: true }) : undefined

  type Library = typeof torch
  const find = <A extends ReadonlyArray<unknown>, R>(
    library: Library,
    name: string,
    result: string,
    args: ReadonlyArray<string>,
  ): Fn<A, R> | undefined => {
    try {
      // koffi types a function by its text; the texts below are the shim's headers'.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return library.func(name, result, [...args]) as Fn<A, R>
    } catch {
      return undefined
    }
  }
  const need = <A extends ReadonlyArray<unknown>, R>(
    name: string,
    result: string,
    args: ReadonlyArray<string>,
    library = torch,
  ): Fn<A, R> => {
    const found = find<A, R>(library, name, result, args)
    if (found === undefined) throw new MissingSymbol(name)
    return found
  }
  const rc = <A extends ReadonlyArray<unknown>>(name: string, ...args: ReadonlyArray<string>): Rc<A> =>
    need<A, number>(name, "int32", args)
  const number = (name: string): number => need<[], number>(name, "int32", [])()
  const p = "uint64"

  const address = koffi.alloc("uint8", SLOTS * 8)
  const memory = koffi.view(address, SLOTS * 8)
  const scratch: Scratch = {
    base: Number(address),
    f32: new Float32Array(memory),
    f64: new Float64Array(memory),
    i32: new Int32Array(memory),
    u32: new Uint32Array(memory),
  }
  const abi = need<[], bigint>("aoti_torch_abi_version", "uint64", [])()
  const version = { major: Number(abi >> 56n), minor: Number((abi >> 48n) & 0xffn) }
  if (!atLeast(version, OLDEST)) throw new EngineUnavailable(folder, `torch ${show(version)}`, EXPECTED)
  const setPointer = (at: number, value: number): void => {
    scratch.u32[2 * at] = value
    scratch.u32[2 * at + 1] = value / 2 ** 32
  }

  if (wantCuda) {
    // cuDNN's attention, which torch prefers on some GPUs, is planned anew for each shape: each step of decoding has another.
    const context = find<[], P>(torch, fusedAttention.context, p, [])
    const useCuDnn = find<[P, boolean], void>(torch, fusedAttention.useCuDnn, "void", [p, "bool"])
    if (context !== undefined) useCuDnn?.(context(), false)
  }

  const newIvalue = find<[P], number>(torch, "torch_new_stable_ivalue", "int32", [p])
  const malloc = find<[number], P>(torch, "malloc", p, [p])
  const newOptional =
    newIvalue ??
    ((at: P): number => {
      if (malloc === undefined) throw new MissingSymbol("malloc")
      setPointer((at - scratch.base) / 8, malloc(8))
      return 0
    })

  const map =
    process.platform === "win32"
      ? undefined
      : find<Parameters<Mapping["map"]>, P>(torch, "mmap", "int64", [p, p, "int32", "int32", "int32", "int64"])
  const fromBlob = find<Parameters<Mapping["fromBlob"]>, number>(torch, "torch_from_blob", "int32", [
    p,
    "int64",
    p,
    p,
    "int64",
    "int32",
    "int32",
    "int32",
    p,
    "int32",
    p,
    "int64",
    p,
    p,
  ])
  const mapping = map &&
    fromBlob && {
      map,
      fromBlob,
      strided: number("aoti_torch_layout_strided"),
      deleter: Number(koffi.address(torch.symbol("munmap"))),
    }

  const own = <A extends ReadonlyArray<unknown>>(name: string, ...args: ReadonlyArray<string>): Rc<A> =>
    rc(`aoti_torch_cpu_${name}`, ...args)
  const shimOf = (): Natives["shim"] => {
    try {
      return {
        add: own("add_Tensor", p, p, "double", p),
        mul: own("mul_Tensor", p, p, p),
        scale: own("mul_Scalar", p, "double", p),
        reshape: own("reshape", p, p, "int64", p),
        permute: own("permute", p, p, "int64", p),
        narrow: own("narrow", p, "int64", "int64", "int64", p),
        cat: own("cat", p, "int64", "int64", p),
        rmsNorm: own("_fused_rms_norm", p, p, "int64", p, p, p, p),
        flash: own("_scaled_dot_product_flash_attention_for_cpu", p, p, p, "double", "int32", p, p, p, p),
      }
    } catch (error) {
      if (error instanceof MissingSymbol) return undefined
      throw error
    }
  }

  const cudaOf = (): CudaRuntime | undefined => {
    if (torchCuda === undefined) return undefined
    // The loader looks into what a library brings as well.
    const attribute = find<Parameters<CudaCalls["attribute"]>, number>(torchCuda, "cudaDeviceGetAttribute", "int32", [
      p,
      "int32",
      "int32",
    ])
    const memoryInfo = find<[P, P], number>(torchCuda, "cudaMemGetInfo", "int32", [p, p])
    const getDevice = find<[P], number>(torchCuda, "cudaGetDevice", "int32", [p])
    const setDevice = find<[number], number>(torchCuda, "cudaSetDevice", "int32", ["int32"])
    if (!attribute || !memoryInfo || !getDevice || !setDevice) return undefined
    return new CudaRuntime({ attribute, memoryInfo, getDevice, setDevice }, scratch)
  }

  const cString = (text: string): Pointer => {
    const bytes = Buffer.from(`${text}\0`)
    const at = koffi.alloc("uint8", bytes.length)
    new Uint8Array(koffi.view(at, bytes.length)).set(bytes)
    return Number(at)
  }
  const oneDnnOf = (): Natives["oneDnn"] => {
    const name = "aoti_torch_cpu__linear_pointwise"
    const linear = find<[P, P, P, P, P, number, P, P], number>(torch, name, "int32", [p, p, p, p, p, "int64", p, p])
    const linearAdd = find<[P, P, P, P, P, P], number>(torch, `${name}_binary`, "int32", [p, p, p, p, p, p])
    return linear && linearAdd && { linear, linearAdd, none: cString("none"), add: cString("add") }
  }

  return {
    shim: shimOf(),
    cuda: cudaOf(),
    oneDnn: oneDnnOf(),
    madvise: process.platform === "linux" ? find(torch, "madvise", "int32", [p, p, "int32"]) : undefined,
    version,
    abi,
    mapping,
    view: (at, bytes) => koffi.view(BigInt(at), bytes),
    dispatch: rc("torch_call_dispatcher", p, p, p, p),
    newHandle: rc("aoti_torch_new_tensor_handle", p, p),
    deleteHandle: rc("aoti_torch_delete_tensor_object", p),
    newList: rc("torch_new_list_reserve_size", p, p),
    push: rc("torch_list_push_back", p, p),
    newOptional,
    newString: rc("torch_new_string_handle", "str", p, p),
    what: find(torch, "torch_exception_get_what_without_backtrace", "str", []),
    emptyStrided: rc("aoti_torch_empty_strided", "int64", p, p, "int32", "int32", "int32", p),
    reinterpret: rc("aoti_torch__reinterpret_tensor", p, "int64", p, p, "int64", p),
    dataPointer: rc("aoti_torch_get_data_ptr", p, p),
    storageOffset: rc("aoti_torch_get_storage_offset", p, p),
    storageSize: rc("aoti_torch_get_storage_size", p, p),
    isDefined: rc("aoti_torch_is_defined", p, p),
    subtract: rc("aoti_torch_aten_subtract_Tensor", p, p, "double", p),
    fill: rc("aoti_torch_aten_fill__Scalar", p, "double"),
    scalar: rc("aoti_torch_scalar_to_tensor_float32", "float", p),
    itemF64: rc("aoti_torch_item_float64", p, p),
    setRequiresGrad: rc("torch_set_requires_grad", p, "bool"),
    setGradMode: need("aoti_torch_grad_mode_set_enabled", "void", ["bool"]),
    gradMode: need("aoti_torch_grad_mode_is_enabled", "bool", []),
    threads: rc("torch_get_num_threads", p),
    // Two C++ names, which torch does not promise to keep: found at the start or said to be missing.
    setThreads: need("_ZN2at15set_num_threadsEi", "void", ["int32"]),
    mutableGrad: need("_ZN3c1010TensorImpl12mutable_gradEv", p, [p], c10),
    copyMemory: need("memcpy", p, [p, p, p]),
    copyIn: need("memcpy", p, [p, "const void *", p]),
    copyOut: need("memcpy", p, ["void *", p, p]),
    deviceTypes: { cpu: number("aoti_torch_device_type_cpu"), cuda: number("aoti_torch_device_type_cuda") },
    dtypes: {
      f32: number("aoti_torch_dtype_float32"),
      bf16: number("aoti_torch_dtype_bfloat16"),
      f16: number("aoti_torch_dtype_float16"),
      i32: number("aoti_torch_dtype_int32"),
    },
    f64: number("aoti_torch_dtype_float64"),
    i64: number("aoti_torch_dtype_int64"),
    scratch,
    cString,
  }
}
