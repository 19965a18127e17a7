export { loadWeights, openCheckpoint, readWeight, writeCheckpoint } from "./checkpoint.ts"
export type { Checkpoint, CheckpointTensor, CheckpointToWrite, Weight } from "./checkpoint.ts"
export { readConfig, shapeOf, shapeOfConfig } from "./config.ts"
export type { ModelConfig } from "./config.ts"
export { Files, jsonFile, writeAtomically } from "./Files.ts"
export type { FileSystem, FileToWrite } from "./Files.ts"
export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./floats.ts"
export {
  openSafetensors,
  readF32,
  readFloat,
  readIntegers,
  readRaw,
  serialise,
  toF32,
  writeSafetensors,
} from "./safetensors.ts"
export type { FloatData, SafetensorsFile, StoredDType, StoredTensor, TensorToWrite } from "./safetensors.ts"
export { adapterFiles, readAdapter, writeAdapter } from "./peft.ts"
