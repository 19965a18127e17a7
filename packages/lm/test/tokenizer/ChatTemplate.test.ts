import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it, vi } from "vitest"
import { makeChatTemplate } from "../../src/tokenizer/ChatTemplate.ts"
import type { RenderOptions, TemplateMessage } from "../../src/tokenizer/ChatTemplate.ts"
import { failure, filesIn, largeTemplates } from "../io/_support.ts"

const render = (
  source: string,
  messages: ReadonlyArray<TemplateMessage>,
  options?: RenderOptions,
  special?: { readonly [name: string]: string },
) => Effect.flatMap(makeChatTemplate(source, "model", special), (template) => template.render(messages, options))

afterEach(() => {
  vi.useRealTimers()
})

describe("what a template expects to be there", () => {
  it("the special tokens, add_generation_prompt (false unless asked for), and no tools", () => {
    const source =
      "{{ bos_token }}|{{ add_generation_prompt }}|{{ tools is defined and tools is not none }}|{{ thinking | default('unset') }}"
    const special = { bos_token: "<s>" }
    expect(Effect.runSync(render(source, [], undefined, special))).toBe("<s>|false|false|unset")
    const options = { addGenerationPrompt: true, variables: { tools: [], thinking: "on" } }
    expect(Effect.runSync(render(source, [], options, special))).toBe("<s>|true|true|on")
  })
  it("today's date", () => {
    vi.useFakeTimers({ now: new Date(2026, 2, 4, 12) })
    expect(Effect.runSync(render("{{ strftime_now('%d %B %Y') }}", []))).toBe("04 March 2026")
  })
  it("a way to refuse: its sentence becomes BadInput", () => {
    const { tag, message } = failure(render("{{ raise_exception('roles must\nalternate') }}", []))
    expect(tag).toBe("BadInput")
    expect(message).toBe(
      'model, chat_template: found "roles must\\nalternate"; expected messages that the template renders',
    )
  })
  it("what is missing in it is BadInput as well: a broken template, an unknown filter", () => {
    expect(failure(makeChatTemplate("{% for %}", "model")).message).toMatch(
      /^model, chat_template: found .*; expected a Jinja/,
    )
    expect(failure(render("{{ messages | nonsense }}", [])).message).toMatch(/nonsense/)
  })
  it("messages cannot be shadowed by a variable", () => {
    const options = { variables: { messages: [] } }
    expect(Effect.runSync(render("{{ messages | length }}", [{ role: "user", content: "x" }], options))).toBe("1")
  })
})

const vectors = join(largeTemplates, "vectors")
interface Vector {
  readonly name: string
  readonly chat_template?: string
  readonly template?: string
  readonly data?: Record<string, unknown>
  readonly context?: Record<string, unknown>
  readonly target?: string
  readonly expected?: string
}

/** Every case of a file that does not render to its target. */
const differences = (file: string): ReadonlyArray<string> => {
  const cases: ReadonlyArray<Vector> = JSON.parse(readFileSync(join(vectors, file), "utf8"))
  return cases.flatMap((vector) => {
    const { messages, add_generation_prompt, ...variables } = vector.data ?? vector.context ?? {}
    const list = Array.isArray(messages) ? messages : []
    const options = { addGenerationPrompt: add_generation_prompt === true, variables }
    const text = Effect.runSync(render(vector.chat_template ?? vector.template ?? "", list, options))
    return text === (vector.target ?? vector.expected) ? [] : [vector.name]
  })
}

describe.runIf(filesIn(vectors).length > 0)("published templates", () => {
  it("render to their vectors", () => {
    // One of them prints the day on which its vector was made.
    vi.useFakeTimers({ now: new Date(2025, 6, 10, 12) })
    expect(differences("chat_templates_default.json")).toEqual([])
    expect(differences("jinja_conformance.json")).toEqual([])
    // This vector was made with add_generation_prompt undefined, which its template takes for true. The reference (transformers'
    // apply_chat_template) always defines it, and renders what we render.
    expect(differences("chat_templates_custom.json")).toEqual(["ai21labs/AI21-Jamba-Large-1.6"])
  })
  it("of text models render a question", () => {
    const folder = join(largeTemplates, "trl/trl/chat_templates")
    // These want a list of parts (text, image) as content.
    const ofParts = /^(idefics3|llava_next)/
    const names = filesIn(folder).filter((name) => !ofParts.test(name))
    expect(names.length).toBeGreaterThan(40)
    for (const name of names) {
      const source = readFileSync(join(folder, name), "utf8")
      const special = { bos_token: "<s>", eos_token: "</s>" }
      const text = Effect.runSync(
        render(source, [{ role: "user", content: "How are you?" }], { addGenerationPrompt: true }, special),
      )
      expect(text, name).toContain("How are you?")
    }
  })
})
