export type { TorchOptions } from "./create.ts"
export { create } from "./create.ts"
export type { PresentTorch } from "./present.ts"
export { presentTorch } from "./present.ts"
