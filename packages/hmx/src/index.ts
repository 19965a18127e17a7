export * as Artefact from "./Artefact.ts"
export * as Errors from "./Errors.ts"
export { LanguageModel } from "./LanguageModel.ts"
