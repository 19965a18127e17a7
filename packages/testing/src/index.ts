export { ScriptedModel } from "./ScriptedModel.ts"
export type { Ask, Choice, Options as ScriptedModelOptions } from "./ScriptedModel.ts"
