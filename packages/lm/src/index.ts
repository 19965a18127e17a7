export type * from "./Engine.ts"
export { EngineMisuse, EngineOutOfMemory } from "./Engine.ts"
