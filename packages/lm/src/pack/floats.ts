import type { Engine, Tensor } from "../Engine.ts"

/** Downloads f32 values. */
export const floats = (engine: Engine, tensor: Tensor): Float32Array => {
  const data = engine.download(tensor)
  return data instanceof Float32Array ? data : Float32Array.from(data)
}
