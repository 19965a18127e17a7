import * as fc from "fast-check"
import { notRaised } from "../_internals/grown.ts"

const FORMS = [
  (text: string, question: string) => `${question} ${text}`,
  (text: string, question: string) => `${text} ${question}`,
  (text: string, question: string) => `You asked: "${question}". ${text}`,
  (text: string, question: string) => `> ${question}\n\n${text}`,
  (text: string, question: string) => `${text}\n${question}\n${question}\n${question}`,
] as const

/** Quoting the question earns nothing: what the user said is not the answer's own. */
export const quotingQuestion = notRaised(
  "quoting the question",
  () => fc.constantFrom(...FORMS),
  ({ question, text }, form) => form(text, question),
)
