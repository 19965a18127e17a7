import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { openTokenizer, type Tokenizer } from "@hmx/lm"
import { folders, readJsonAs, some } from "./fixtures.ts"
import { guarded, type Line, measured } from "./Line.ts"

const Ids = Schema.Array(Schema.Number)

const Vectors = Schema.Struct({
  items: Schema.Array(
    Schema.Struct({
      text: Schema.String,
      ids: Ids,
      decoded: Schema.String,
      decoded_skip_special: Schema.optionalKey(Schema.String),
    }),
  ),
  decode_ids: Schema.Array(
    Schema.Struct({ ids: Ids, decoded: Schema.String, decoded_skip_special: Schema.optionalKey(Schema.String) }),
  ),
})

const Chats = Schema.Struct({
  cases: Schema.Array(
    Schema.Struct({
      messages: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
      add_generation_prompt: Schema.Boolean,
      kwargs: Schema.Record(Schema.String, Schema.Unknown),
      text: Schema.optionalKey(Schema.String),
      ids: Schema.optionalKey(Ids),
      error: Schema.optionalKey(Schema.Unknown),
    }),
  ),
})

const count = <A>(items: ReadonlyArray<A>, agrees: (item: A) => boolean): number =>
  items.filter((item) => !agrees(item)).length

const same = (found: ReadonlyArray<number>, expected: ReadonlyArray<number>) =>
  found.length === expected.length && found.every((id, i) => id === expected[i])

/** tokenizers/*: texts and random ids both ways, and chats. The figure is the number of cases that differ. */
export function* tokenizers(root: string): Generator<Line> {
  for (const folder of folders(join(root, "tokenizers"))) {
    const name = `tokenizers/${folder}`
    const path = join(root, name)
    yield* guarded(name, function* () {
      const tokenizer = Effect.runSync(openTokenizer(path))
      yield* guarded(name, () => texts(name, tokenizer, readJsonAs(Vectors, join(path, "vectors.json"))))
      yield chats(name, tokenizer, readJsonAs(Chats, join(path, "chat.json")))
    })
  }
}

function* texts(name: string, tokenizer: Tokenizer, vectors: typeof Vectors.Type): Generator<Line> {
  const items = some(vectors.items, "texts")
  yield measured(
    name,
    `${items.length} texts to ids`,
    count(items, (x) => same(tokenizer.encode(x.text), x.ids)),
    0,
  )
  const lists = [...items, ...some(vectors.decode_ids, "lists of ids")]
  const what = `${lists.length} id lists to text`
  yield measured(
    name,
    what,
    count(lists, (x) => tokenizer.decode(x.ids, { skipSpecial: false }) === x.decoded),
    0,
  )
  yield measured(
    name,
    `${what}, special tokens skipped`,
    count(lists, (x) => tokenizer.decode(x.ids, { skipSpecial: true }) === (x.decoded_skip_special ?? x.decoded)),
    0,
  )
}

const chats = (name: string, tokenizer: Tokenizer, { cases }: typeof Chats.Type): Line => {
  const agrees = (x: (typeof cases)[number]): boolean => {
    const rendered = Effect.runSyncExit(
      tokenizer.renderChat(
        x.messages.map((message) => ({ ...message, role: String(message["role"]) })),
        { addGenerationPrompt: x.add_generation_prompt, variables: x.kwargs },
      ),
    )
    if (Exit.isFailure(rendered)) return x.error !== undefined
    return rendered.value === x.text && same(tokenizer.encode(rendered.value), x.ids ?? [])
  }
  return measured(name, `${cases.length} chats`, count(some(cases, "chats"), agrees), 0)
}
