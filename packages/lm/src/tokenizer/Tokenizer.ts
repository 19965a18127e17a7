/**
 * A model's tokenizer: tokenizer.json and tokenizer_config.json by @huggingface/tokenizers, with the few lines round it that make
 * it agree with the reference (Rust) implementation on every vector of the tests.
 */
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers"
import * as Effect from "effect/Effect"
import type { Errors } from "hmx"
import * as path from "node:path"
import { bad, Files, isObject, quote, readJson, readText, show } from "../io/Files.ts"
import type { JsonObject } from "../io/Files.ts"
import { quickenAscii } from "./asciiWords.ts"
import type { PreTokenizer } from "./asciiWords.ts"
import { ByteRunDecoder } from "./ByteRunDecoder.ts"
import { makeChatTemplate } from "./ChatTemplate.ts"
import type { RenderOptions, TemplateMessage } from "./ChatTemplate.ts"

export interface Tokenizer {
  /** One more than the highest token id. */
  readonly size: number
  /** Adds no special tokens of its own; those spelled out in the text are recognised. */
  readonly encode: (text: string) => ReadonlyArray<number>
  /** Special tokens are left out unless `skipSpecial` is false. Ids without a token (a padded vocabulary has some) are skipped. */
  readonly decode: (ids: ReadonlyArray<number>, options?: { readonly skipSpecial?: boolean }) => string
  /** The id of a token by its spelling. */
  readonly idOf: (token: string) => number | undefined
  /** Ids of tokenizer_config.json's bos_token, eos_token and pad_token. */
  readonly bos: number | undefined
  readonly eos: number | undefined
  readonly pad: number | undefined
  /** Whether its own post-processing puts `bos` before a text. `encode` leaves it away. */
  readonly startsTexts: boolean
  /** Ids of all special tokens, ascending. */
  readonly special: ReadonlyArray<number>
  /**
   * By the model's own chat template. The text has the special tokens in it: `encode` turns it into the model's input. BadInput
   * where the tokenizer has no template or the template raises.
   */
  readonly renderChat: (
    messages: ReadonlyArray<TemplateMessage>,
    options?: RenderOptions,
  ) => Effect.Effect<string, Errors.BadInput>
}

const fileLimit = 200_000_000

/** A special token of tokenizer_config.json: a string, or an added token with its `content`. */
const spelling = (x: unknown): string | undefined =>
  typeof x === "string" ? x : isObject(x) && typeof x["content"] === "string" ? x["content"] : undefined

/** Those that transformers hands to chat templates. */
const specialNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

/** Those whose ids are used here; the others are only spelled out in templates. */
const needed = new Set(["bos_token", "eos_token", "pad_token"])

/** `chat_template` is one template, or a list of named ones of which "default" is meant. */
const templateOf = (config: JsonObject): string | undefined => {
  const found = config["chat_template"]
  if (typeof found === "string") return found
  if (!Array.isArray(found)) return undefined
  const named: ReadonlyArray<unknown> = found
  const chosen = named.find((x) => isObject(x) && x["name"] === "default")
  return isObject(chosen) && typeof chosen["template"] === "string" ? chosen["template"] : undefined
}

/** What is used of the library. Its own declarations do not resolve under Node's module resolution, so they are repeated here. */
interface Library {
  readonly decoder: LibraryDecoder | null
  readonly pre_tokenizer: PreTokenizer | null
  encode(
    text: string,
    options: { readonly add_special_tokens: boolean },
  ): { readonly ids: ReadonlyArray<number | undefined> }
  decode(
    ids: ReadonlyArray<number>,
    options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
  ): string
  id_to_token(id: number): string | undefined
  get_vocab(withAddedTokens: boolean): ReadonlyMap<string, number>
  get_added_tokens_decoder(): ReadonlyMap<number, { readonly special: boolean }>
}
interface LibraryDecoder {
  readonly config: { readonly type: string }
  text_decoder?: ByteRunDecoder
  readonly decoders?: ReadonlyArray<LibraryDecoder>
}

/** Puts the reference's treatment of byte runs into every byte-fallback decoder. */
const mend = (decoder: LibraryDecoder): void => {
  if (decoder.config.type === "ByteFallback") decoder.text_decoder = new ByteRunDecoder()
  for (const inner of decoder.decoders ?? []) mend(inner)
}

/** Kinds of models that are held to the reference: every family that is supported has one of them. */
const kinds: ReadonlyArray<string> = ["BPE"]

/** Some of every script and class of characters: parts that the library looks at only when it uses them are used once. */
const trial = "Some text,  with\n\tnumbers (123.45), caf\u00e9 \u4e2d\u6587 \u0440\u0443\u0441 \u{1f642} \ufffd'll"

/** The library's tokenizer with the reference's decoder, once it has turned a text into ids and back. */
const tried = (made: Library): Library => {
  if (made.decoder !== null) mend(made.decoder)
  if (made.pre_tokenizer !== null) quickenAscii(made.pre_tokenizer)
  const ids = made.encode(trial, { add_special_tokens: false }).ids.filter((id) => id !== undefined)
  made.decode(ids.length === 0 ? [0] : ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false })
  return made
}

/** What the two files (and chat_template.jinja, which goes before the configuration's own) hold. */
export interface TokenizerSource {
  /** Names the tokenizer in errors: its folder. */
  readonly where: string
  /** tokenizer.json */
  readonly json: unknown
  /** tokenizer_config.json */
  readonly config: unknown
  readonly template?: string | undefined
}

/** Ids that no token has, for each that one has: a padded vocabulary has holes, a broken file has more holes than tokens. */
const sparse = 4

/** The tokens of tokenizer.json with their ids: `model.vocab` then `added_tokens`. */
const spelledIds = function* (json: JsonObject): Generator<readonly [where: string, token: unknown, id: unknown]> {
  const vocab = isObject(json["model"]) ? json["model"]["vocab"] : undefined
  if (isObject(vocab)) for (const [token, id] of Object.entries(vocab)) yield ["model.vocab", token, id]
  const added = json["added_tokens"]
  if (Array.isArray(added))
    for (const token of added)
      yield isObject(token) ? ["added_tokens", token["content"], token["id"]] : ["added_tokens", token, undefined]
}

/** What is wrong with the ids of tokenizer.json. The library makes an array of them, in which a hole breaks it far from here. */
const badIds = (file: string, json: JsonObject, vocab: number | undefined): Errors.BadInput | undefined => {
  let count = 0
  let highest = { where: "", token: "", id: -1 }
  for (const [where, token, id] of spelledIds(json)) {
    const name = quote(typeof token === "string" ? token : (JSON.stringify(token) ?? "nothing"))
    if (typeof token !== "string") return bad(`${file}, ${where}`, `${name} for a token`, "a text")
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0)
      return bad(`${file}, ${where}`, `id ${quote(String(id))} of token ${name}`, "an id: a whole number from 0")
    if (vocab !== undefined && id >= vocab)
      return bad(
        `${file}, ${where}`,
        `token ${name} with id ${id}`,
        `ids below the model's vocabulary size, ${vocab} (is it this model's tokenizer?)`,
      )
    count += 1
    if (id > highest.id) highest = { where, token: name, id }
  }
  return highest.id < sparse * (count + 1)
    ? undefined
    : bad(
        `${file}, ${highest.where}`,
        `token ${highest.token} with id ${highest.id} among ${count} tokens`,
        "ids without large holes",
      )
}

/** A tokenizer of parsed files. `vocab` is the model's vocabulary size: an id at or above it is BadInput. */
export const makeTokenizer = Effect.fnUntraced(function* (source: TokenizerSource, vocab?: number) {
  const file = path.join(source.where, "tokenizer.json")
  const configFile = path.join(source.where, "tokenizer_config.json")
  const { json, config } = source
  if (!isObject(json)) return yield* Effect.fail(bad(file, "no JSON object", "a tokenizer"))
  if (!isObject(config)) return yield* Effect.fail(bad(configFile, "no JSON object", "a tokenizer's configuration"))
  const wrong = badIds(file, json, vocab)
  if (wrong !== undefined) return yield* Effect.fail(wrong)
  const { type, vocab: tokensOf } = isObject(json["model"]) ? json["model"] : {}
  if (typeof type === "string" && !kinds.includes(type))
    return yield* Effect.fail(bad(`${file}, model.type`, quote(type), `one of ${kinds.join(", ")}`))
  if (!isObject(tokensOf) && !Array.isArray(tokensOf))
    return yield* Effect.fail(bad(`${file}, model.vocab`, show(tokensOf), "the tokens of a tokenizer that can be read"))
  const inner = yield* Effect.try({
    try: (): Library => tried(new HuggingFaceTokenizer(json, config)),
    catch: (error) =>
      bad(file, quote(error instanceof Error ? error.message : String(error)), "a tokenizer that can be read"),
  })

  const tokens = inner.get_vocab(true)
  let size = 0
  for (const id of tokens.values()) if (id >= size) size = id + 1

  const spelled: { [name: string]: string } = {}
  for (const name of specialNames) {
    const token = spelling(config[name])
    if (token === undefined) continue
    if (needed.has(name) && !tokens.has(token)) {
      return yield* Effect.fail(bad(`${configFile}, ${name}`, quote(token), "a token of tokenizer.json"))
    }
    spelled[name] = token
  }
  const idOf = (token: string | undefined) => (token === undefined ? undefined : tokens.get(token))
  const bos = idOf(spelled["bos_token"])
  const special = new Set<number>()
  for (const [id, token] of inner.get_added_tokens_decoder()) if (token.special) special.add(id)

  const templateText = source.template ?? templateOf(config)
  const template = templateText === undefined ? undefined : yield* makeChatTemplate(templateText, source.where, spelled)

  const tokenizer: Tokenizer = {
    size,
    encode: (text) =>
      text === ""
        ? []
        : // A model without an unknown token leaves out what it cannot spell, as the reference does.
          inner.encode(text.toWellFormed(), { add_special_tokens: false }).ids.filter((id) => id !== undefined),
    decode: (ids, options = {}) => {
      const skip = options.skipSpecial ?? true
      const kept = ids.filter((id) => inner.id_to_token(id) !== undefined && !(skip && special.has(id)))
      if (kept.length === 0) return ""
      return inner.decode(kept, { skip_special_tokens: false, clean_up_tokenization_spaces: false })
    },
    idOf,
    bos,
    eos: idOf(spelled["eos_token"]),
    pad: idOf(spelled["pad_token"]),
    startsTexts:
      bos !== undefined &&
      config["add_bos_token"] !== false &&
      inner.encode("a", { add_special_tokens: true }).ids[0] === bos,
    special: [...special].toSorted((a, b) => a - b),
    renderChat: (messages, options) =>
      template === undefined
        ? Effect.fail(
            bad(configFile, "no chat_template", "a chat template (tokenizer_config.json or chat_template.jinja)"),
          )
        : template.render(messages, options),
  }
  return tokenizer
})

/** Reads the tokenizer of a checkpoint's folder. `vocab`: the model's vocabulary size, which every id must be below. */
export const openTokenizer = Effect.fnUntraced(function* (folder: string, vocab?: number) {
  const files = yield* Files
  const file = path.join(folder, "tokenizer.json")
  if (!files.existsSync(file)) {
    const others = ["tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"]
    const other = others.find((name) => files.existsSync(path.join(folder, name)))
    const found = other === undefined ? "no such file" : `no such file (but ${other})`
    const expected =
      "the tokenizer that transformers saves as tokenizer.json; no other kind is read, nor that of a GGUF file"
    return yield* Effect.fail(bad(file, found, expected))
  }
  const json = yield* readJson(file, fileLimit)
  const configFile = path.join(folder, "tokenizer_config.json")
  const config = files.existsSync(configFile) ? yield* readJson(configFile, fileLimit) : {}
  const templateFile = path.join(folder, "chat_template.jinja")
  const template = files.existsSync(templateFile) ? yield* readText(templateFile, fileLimit) : undefined
  return yield* makeTokenizer({ where: folder, json, config, template }, vocab)
})
