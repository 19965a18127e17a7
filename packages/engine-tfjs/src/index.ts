export type { BackendName } from "./backends.ts"
export type { TfjsOptions } from "./create.ts"
export { create } from "./create.ts"
