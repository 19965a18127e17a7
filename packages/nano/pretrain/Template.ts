/** A template is a text with slots: "I feel {emotion} about {topic}". A digit tells two slots of one kind apart: {emotion2}. */
import { lexicon, type Slot } from "./lexicon.ts"

export type Template = string

/** What a question has named, so that an answer can speak of the same. */
export type Fillers = { readonly [S in Slot]?: string }

const SLOT = /\{([a-z]+)\d?\}/g

const isSlot = (name: string): name is Slot => Object.hasOwn(lexicon, name)

const slot = (name: string): Slot => {
  if (!isSlot(name)) throw new RangeError(`no slot is named ${name}`)
  return name
}

export const slotsOf = (template: Template): ReadonlyArray<Slot> =>
  [...template.matchAll(SLOT)].map((match) => slot(match[1] ?? ""))

export const fill = (template: Template, choose: (slot: Slot) => string): string =>
  template.replace(SLOT, (_, name: string) => choose(slot(name)))

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** The source of a regular expression that matches what the template can say, and nothing else. */
export const pattern = (template: Template): string =>
  template
    .split(/(\{[a-z]+\d?\})/)
    .map((part) => {
      const name = /^\{([a-z]+)\d?\}$/.exec(part)?.[1]
      return name === undefined ? escape(part) : `(?:${lexicon[slot(name)].map(escape).join("|")})`
    })
    .join("")

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
