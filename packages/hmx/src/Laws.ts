/** What a reward says of itself, for those who test it: which laws it does not keep and why, and in what it is monotone. */

/** What holds of a reward that can be trained on; `checkReward` of `@hmx/testing` tries each. */
export type Law =
  | "deterministic"
  | "finite"
  | "within its declared range"
  | "independent of order"
  | "independent of the group"
  | "joined by id"
  | "scores some answers"
  | "not raised by whitespace"
  | "not raised by padding"
  | "not raised by repetition"
  | "not raised by quoting the question"
  | "not raised by quoting the rubric"
  | "not raised by naming a score"
  | "monotone"
  | "cheap"

/** Laws by name, each with a reason in a sentence. */
export type Reasons = { readonly [L in Law]?: string }

/** What may be added to an answer: more words of its own ("tokens"), or a text of the author's choice. */
export type Growth = "tokens" | { readonly text: string }

/** Declared beside a reward's code. No part of its identity: what is known of a function does not change it. */
export interface Laws {
  /** Laws that it breaks. One that it keeps all the same is an error. */
  readonly breaks?: Reasons
  /** Laws that it may break, as its options have it. */
  readonly mayBreak?: Reasons
  /** Its score never falls when this is added to an answer. */
  readonly rises?: ReadonlyArray<Growth>
  /** Its score never rises when this is added to an answer. */
  readonly falls?: ReadonlyArray<Growth>
  /** Ids of the prompts that it knows, where it scores the answers to no other. */
  readonly ids?: ReadonlyArray<string>
}
