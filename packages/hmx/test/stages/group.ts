/** A prompt, and groups made by hand. */
import { Artefact } from "hmx"
import { encode, eos, policy } from "../scripted.ts"

export const prompt = new Artefact.Prompt({
  id: "p1",
  index: 11,
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: "How are you?" },
  ],
})

export const completion = (text: string, finish: "stop" | "length" = "stop"): Artefact.Completion => {
  const tokens = finish === "stop" ? [...encode(text), eos] : encode(text)
  return { tokens, logprobs: tokens.map(() => -0.5), text, finish }
}
export const rollouts = (completions: ReadonlyArray<Artefact.Completion>, from = policy) =>
  new Artefact.Rollouts({ promptTokens: encode("q"), completions, temperature: 0.8, policy: from, maxNewTokens: 20 })
export const advantages = (values: ReadonlyArray<number | null>) =>
  new Artefact.Advantages({ values, mean: 0.5, std: 0.25 })
