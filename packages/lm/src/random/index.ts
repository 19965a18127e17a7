export * from "./stream.ts"
export * from "./uniform.ts"
