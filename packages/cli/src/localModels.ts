/** Models on this machine, computed by the local engine. What computes is loaded once an experiment has been found to be in order. */
import { checkpoint } from "@hmx/nano"
import { escape } from "@hmx/report"
import type { Loadable, Locate } from "@hmx/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Chat, Errors, type Model, type ModelShape } from "hmx"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { checkpointFolder, isMissing } from "./checkpointFolder.ts"
import { machine } from "./engine/Machine.ts"
import { engineFlaw, engineName, engineSettings } from "./engineSettings.ts"
import { type Engine, Models } from "./Models.ts"
import { version } from "./version.ts"

/** What `auto` stands for on this machine; said on stderr, since stdout may be JSON. */
const decided = Effect.fnUntraced(function* (engine: Engine) {
  const flaw = engineFlaw(engine, process.env)
  if (flaw !== undefined) return yield* new Errors.BadInput(flaw)
  if (engine.engine !== "auto") return { ...engine, engine: engine.engine }
  const [{ able, autoEngine }, { engines }, { gpus }] = yield* Effect.promise(() =>
    Promise.all([import("./autoEngine.ts"), import("./engine/ls.ts"), import("./doctor/gpus.ts")]),
  )
  const { device } = engine
  const here = engines()
  if (able(here, device).length === 0)
    return yield* new Errors.BadInput({
      where: "--engine auto",
      found: `no engine that computes on ${device}`,
      expected: "one: `npx hmx engine install torch --cuda`, or the device cpu",
    })
  const choice = autoEngine(here, (yield* Effect.provide(gpus, machine)).length > 0, device)
  process.stderr.write(`${escape(choice.said)}\n`)
  const found = { ...engine, engine: choice.engine, device: choice.engine === "tfjs" ? undefined : choice.device }
  const unable = engineFlaw(found, process.env)
  return unable === undefined ? found : yield* new Errors.BadInput(unable)
})

const chatOptions = ({ system, template }: Model.ChatOptions): Model.ChatOptions => ({
  ...(system === undefined ? {} : { system }),
  ...(template === undefined ? {} : { template }),
})

type Planning = NonNullable<Loadable["tokenizer"]>
const tokenizers = new Map<string, Planning>()

/** What plans count tokens with. Arms and pipelines of one model share it, and what it has encoded: reading it is most of a plan's time. */
const tokenizerOf = (folder: string, model: Model.Model): Planning => {
  const chat = chatOptions(model)
  const key = JSON.stringify([folder, chat])
  const open = Effect.gen(function* () {
    const { chatText, openTokenizer } = yield* Effect.promise(() => import("@hmx/lm"))
    const opened = yield* openTokenizer(folder)
    const encoded = new Map<string, ReadonlyArray<number>>()
    const rendered = new Map<string, string>()
    return {
      digest: digestOf(folder, chat),
      render: (asked: Chat.Chat) => {
        const of = JSON.stringify(asked)
        const text = rendered.get(of) ?? Effect.runSync(chatText(opened, asked, chat))
        if (rendered.size < mostEncoded) rendered.set(of, text)
        return text
      },
      encode: (text: string) => {
        const tokens = encoded.get(text) ?? opened.encode(text)
        if (encoded.size < mostEncoded) encoded.set(text, tokens)
        return tokens
      },
    }
  })
  const known = tokenizers.get(key) ?? Effect.runSync(Effect.cached(open))
  tokenizers.set(key, known)
  return known
}
const mostEncoded = 20_000

/** Files that a tokenizer and its template are made of. A GGUF file has them among its weights, and is known by its size and its time. */
const ofTokenizer =
  /^(tokenizer|special_tokens|added_tokens|chat_template|generation_config|config|vocab|merges).*\.(json|jinja|txt|model)$|\.gguf$/

/** Digest of all that a tokenizer makes of texts depends on. */
const digestOf = (folder: string, chat: Model.ChatOptions): string => {
  const hash = createHash("sha256").update(JSON.stringify([version, chat]))
  const inFolder = statSync(folder).isDirectory()
  const names = inFolder
    ? readdirSync(folder)
        .filter((name) => ofTokenizer.test(name))
        .toSorted()
    : [""]
  for (const name of names) {
    const file = join(folder, name)
    const { mtimeMs, size } = statSync(file)
    hash.update(JSON.stringify([name, size]))
    if (!inFolder || name.endsWith(".gguf")) hash.update(JSON.stringify([file, mtimeMs]))
    else hash.update(readFileSync(file))
  }
  return hash.digest("hex").slice(0, 32)
}

const nano = fileURLToPath(checkpoint)

export const localModels = Layer.succeed(Models, {
  find: Effect.fnUntraced(function* (model: Model.Model, locate: Locate, engine: Engine) {
    const { homeFolder, knownModel, LocalLanguageModel, nameOf, readSpeed, shapeHeldBy, shapeOf, speedFile } =
      yield* Effect.promise(() => import("@hmx/lm"))
    const speedFolder = () => join(homeFolder(process.env), "speed")
    const taken = yield* decided(engine)
    // A known model is planned without a download; loading it is what downloads.
    const known = model.kind === "hf" ? knownModel(model.repo) : undefined
    const offline = known !== undefined
    const found = yield* Effect.result(checkpointFolder(model, locate, nano, { what: "description", offline }))
    const layer = Layer.unwrap(
      Effect.gen(function* () {
        const { folder } = yield* checkpointFolder(model, locate, nano, { what: "all" })
        const settings = engineSettings(taken, process.env)
        // Before the worker starts: what it sets itself no library sees.
        Object.assign(process.env, settings.env)
        return LocalLanguageModel.layer({
          checkpointFolder: folder,
          engineModule: import.meta.resolve(settings.module),
          engineOptions: settings.options,
          speedFolder: speedFolder(),
          chat: chatOptions(model),
        })
      }),
    )
    const speedOf = ({ bytesPerWeight, device, engine = "" }: ModelShape) =>
      readSpeed(speedFile(speedFolder(), engine, device ?? "cpu", bytesPerWeight))
    if (found._tag === "Success") {
      const { folder, name } = found.success
      const shape = yield* shapeOf(folder, engineName(taken), taken.device)
      return {
        name,
        shape,
        layer,
        speed: speedOf(shape),
        tokenizer: tokenizerOf(folder, model),
      }
    }
    if (known === undefined || model.kind !== "hf" || !isMissing(found.failure))
      return yield* Effect.fail(found.failure)
    const shape = shapeHeldBy((yield* known).config, engineName(taken), taken.device)
    return { name: nameOf(model), shape, layer, speed: speedOf(shape) }
  }),
})
