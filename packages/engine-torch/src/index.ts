export type { TorchOptions } from "./create.ts"
export { create } from "./create.ts"
