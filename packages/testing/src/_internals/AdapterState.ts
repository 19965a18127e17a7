/**
 * A scripted adapter: no weights, only a digest that moves as weights would. The same history gives the same digest, whatever
 * the name, the split into micro-batches or the order of the groups in them.
 */
import { readFile, mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { MemoryFiles } from "../MemoryFiles.ts"
import type { ForwardBackwardRequest } from "./contracts.ts"
import { digest, mix, mixTokens } from "./hash.ts"

export interface AdapterState {
  readonly digest: string
  /** Optimiser steps behind it. */
  readonly updates: number
  /** Of what `forwardBackward` gathered: a sum that ignores order, and Σ advantage². */
  readonly gradient: { readonly sum: number; readonly squares: number }
}

const NONE = { sum: 0, squares: 0 }

export const create = (options: object, seed: number): AdapterState => ({
  digest: digest(JSON.stringify([options, seed])),
  updates: 0,
  gradient: NONE,
})

export const zeroGrad = (state: AdapterState): AdapterState => ({ ...state, gradient: NONE })

export const gather = (state: AdapterState, { groups }: ForwardBackwardRequest): AdapterState => {
  let { sum, squares } = state.gradient
  for (const group of groups) {
    for (const { tokens, advantage, inLoss = true } of group.completions) {
      if (!inLoss || advantage === 0) continue
      sum = (sum + mix(mixTokens(mixTokens(1, group.prompt), tokens), Math.round(advantage * 1e6))) >>> 0
      squares += advantage * advantage
    }
  }
  return { ...state, gradient: { sum, squares } }
}

/** Without a gradient, or at learning rate 0, nothing moves. */
export const step = (state: AdapterState, learningRate: number): AdapterState =>
  state.gradient.squares === 0 || learningRate === 0
    ? { ...state, gradient: NONE }
    : {
        digest: digest(`${state.digest} ${state.gradient.sum} ${learningRate}`),
        updates: state.updates + 1,
        gradient: NONE,
      }

const writeTo = async (files: MemoryFiles | undefined, path: string, bytes: Uint8Array): Promise<void> => {
  if (files !== undefined) return files.write(path, bytes)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
}

const readFrom = async (files: MemoryFiles | undefined, path: string): Promise<Uint8Array> => {
  if (files === undefined) return readFile(path)
  const found = files.read(path)
  if (found === undefined) throw new Error(`there is no file ${path}`)
  return found
}

/** Files under PEFT's names, on the disk or in memory. The weights' file is a safetensors header without tensors. */
export const save = async (
  state: AdapterState,
  folder: string,
  optimizer: boolean,
  files: MemoryFiles | undefined,
): Promise<void> => {
  const header = JSON.stringify({ __metadata__: { digest: state.digest, updates: String(state.updates) } })
  const bytes = Buffer.alloc(8 + Buffer.byteLength(header))
  bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(header)))
  bytes.write(header, 8)
  const config = `${JSON.stringify({ peft_type: "LORA", scripted: true })}\n`
  await writeTo(files, join(folder, "adapter_model.safetensors"), bytes)
  await writeTo(files, join(folder, "adapter_config.json"), Buffer.from(config))
  if (optimizer) await writeTo(files, join(folder, "optimizer.safetensors"), bytes)
}

/** Undefined where the file is not one of `save`. */
export const load = async (
  folder: string,
  optimizer: boolean,
  files: MemoryFiles | undefined,
): Promise<AdapterState | undefined> => {
  const bytes = await readFrom(files, join(folder, optimizer ? "optimizer.safetensors" : "adapter_model.safetensors"))
  const header: unknown = JSON.parse(Buffer.from(bytes).toString("utf8", 8))
  if (typeof header !== "object" || header === null || !("__metadata__" in header)) return undefined
  const { __metadata__: found } = header
  if (typeof found !== "object" || found === null || !("digest" in found) || !("updates" in found)) return undefined
  return { digest: String(found.digest), updates: Number(found.updates), gradient: NONE }
}
