/** Chats: what a prompt is before a model's own template turns it into tokens. */
import * as Schema from "effect/Schema"

/** One turn of a chat. */
export const Message = Schema.Struct({
  role: Schema.Literals(["system", "user", "assistant"]),
  content: Schema.String,
})
export type Message = typeof Message.Type

/** A chat, oldest turn first. */
export type Chat = ReadonlyArray<Message>

/** The chat of a single question. */
export const user = (content: string): Chat => [{ role: "user", content }]
