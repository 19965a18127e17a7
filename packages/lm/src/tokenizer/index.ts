export { makeChatTemplate } from "./ChatTemplate.ts"
export type { ChatTemplate, RenderOptions, TemplateMessage } from "./ChatTemplate.ts"
export { makeTokenizer, openTokenizer } from "./Tokenizer.ts"
export type { Tokenizer, TokenizerSource } from "./Tokenizer.ts"
