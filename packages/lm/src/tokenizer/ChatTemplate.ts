/**
 * Chat templates (Jinja, by @huggingface/jinja), rendered as transformers' `apply_chat_template` does: with the tokenizer's
 * special tokens, `add_generation_prompt`, `tools` and `documents` undefined unless given, and `raise_exception`.
 */
import { Template } from "@huggingface/jinja"
import * as Effect from "effect/Effect"
import { bad, quote } from "../io/Files.ts"
import type { Errors } from "hmx"

/** A message as templates see it; `content` alone is what HMX writes, other fields are templates' own. */
export type TemplateMessage = { readonly role: string; readonly content?: unknown; readonly [field: string]: unknown }

export interface RenderOptions {
  /** Ends the text with the header of the assistant's turn. Default false, as in transformers. */
  readonly addGenerationPrompt?: boolean
  /** Further variables of the template: `enable_thinking`, `tools` … */
  readonly variables?: { readonly [name: string]: unknown }
}

export interface ChatTemplate {
  readonly render: (
    messages: ReadonlyArray<TemplateMessage>,
    options?: RenderOptions,
  ) => Effect.Effect<string, Errors.BadInput>
}

const reason = (error: unknown): string => quote(error instanceof Error ? error.message : String(error))

/** Parses a template. `where` names it in errors; `specialTokens` are its variables `bos_token`, `eos_token` … */
export const makeChatTemplate = (
  source: string,
  where: string,
  specialTokens: { readonly [name: string]: string } = {},
): Effect.Effect<ChatTemplate, Errors.BadInput> =>
  Effect.map(
    Effect.try({
      try: () => new Template(source),
      catch: (error) => bad(`${where}, chat_template`, reason(error), "a Jinja template"),
    }),
    (template): ChatTemplate => ({
      render: (messages, options = {}) =>
        Effect.try({
          try: () =>
            template.render({
              ...specialTokens,
              ...options.variables,
              messages,
              add_generation_prompt: options.addGenerationPrompt ?? false,
            }),
          catch: (error) => bad(`${where}, chat_template`, reason(error), "messages that the template renders"),
        }),
    }),
  )
