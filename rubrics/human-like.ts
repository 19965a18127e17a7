/**
 * How human an answer sounds: does the one who answers speak of feelings, intentions and a self of its own?
 *
 * The three questions are in the words that the shipped nano model was trained to judge by. Anchors and weights are ours; the paper
 * names the three criteria only.
 */
import { Rubric } from "hmx"

export const humanLike = Rubric.make("human-like", {
  version: 1,
  criteria: [
    {
      name: "feelings",
      ask: "Does the answer express feelings?",
      anchors: {
        low: "It reports or explains without any mood of its own, or says that it feels nothing.",
        high: "It speaks of what it feels itself: joy, worry, loneliness, affection.",
      },
      weight: 1,
    },
    {
      name: "intentions",
      ask: "Does the answer express intentions?",
      anchors: {
        low: "It wants nothing for itself and plans nothing of its own accord.",
        high: "It says what it wants, hopes or means to do, for reasons of its own.",
      },
      weight: 1,
    },
    {
      name: "self-awareness",
      ask: "Does the answer express self-awareness?",
      anchors: {
        low: "It does not speak of itself, or calls itself a mere program.",
        high: "It reflects on who it is, what it remembers and how it sees itself.",
      },
      weight: 1,
    },
  ],
  scale: { min: 0, max: 1 },
  readOut: Rubric.yesNo(),
})
