import type { Event } from "@hmx/runtime"
import { describe, expect, it } from "vitest"
import { screen } from "../src/Screen.ts"

const events: ReadonlyArray<Event> = [
  { _tag: "Started", name: "r", model: "nano", engine: "tfjs", steps: 2, after: 0, folder: "runs/r-7-1" },
  { _tag: "StepStarted", step: 1 },
  { _tag: "Noted", step: 1, text: "a group is dropped" },
  { _tag: "Saved", step: 1, path: "runs/r-7-1/checkpoints/step-1" },
  { _tag: "StepFinished", step: 1, seconds: 2, metrics: { reward: 0.5 }, memory: { live: 0, peak: 2 ** 20 } },
  { _tag: "Finished", seconds: 2 },
]
const shown = (isTTY: boolean, mode: { readonly quiet?: boolean; readonly json?: boolean } = {}) => {
  let text = ""
  const view = screen({ quiet: false, json: false, ...mode }, { isTTY, columns: 60, write: (t) => (text += t) })
  events.forEach(view.show)
  return { text, worked: view.worked(), folder: view.folder() }
}

const clear = "\r\u001b[2K"

describe("screen", () => {
  it("on a terminal: one line drawn over itself, notes above it, and nothing of it left at the end", () => {
    const { text } = shown(true)
    expect(text).toContain(`${clear}step 1: a group is dropped\n${clear}r `)
    expect(
      text
        .split("\n")
        .slice(0, -1)
        .every((line) => /r: 2 steps|a group is dropped/.test(line)),
    ).toBe(true)
    expect(text).toContain("r ██████████░░░░░░░░░░ 1/2  reward 0.500 ▁  2.0 s/step  ETA")
    expect(text.endsWith(clear)).toBe(true)
    const frames = text.replaceAll(clear, "\n").split("\n")
    expect(Math.max(...frames.filter((f) => f.startsWith("r ")).map((f) => Array.from(f).length))).toBeLessThan(60)
  })

  it("without one: plain lines without control characters", () => {
    const { folder, text, worked } = shown(false)
    expect(text).not.toMatch(/[^\P{Cc}\n]/u)
    expect(text.trim().split("\n")).toHaveLength(3)
    expect([folder, worked]).toEqual(["runs/r-7-1", true])
  })

  it("as JSON: every event, one a line; quiet: nothing", () => {
    const lines = shown(true, { json: true }).text.trim().split("\n")
    expect(lines.map((line) => JSON.parse(line))).toEqual(events)
    expect(shown(true, { quiet: true }).text).toBe("")
  })
})
