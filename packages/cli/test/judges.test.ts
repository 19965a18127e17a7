import type { Choice } from "@hmx/testing"
import { describe, expect, it } from "vitest"
import { hmx, pipeline, sandbox } from "./sandbox.ts"

const judged = pipeline()
  .replace("Prompts, Reward,", "Prompts, Rubric,")
  .replace(
    /const brevity = .*/,
    `const brevity = Rubric.make("brevity", { version: 1, readOut: Rubric.yesNo(), criteria: [
      { name: "brief", ask: "Is it brief?", anchors: { low: "long", high: "short" }, weight: 1 } ] })`,
  )
const file = () => `${sandbox({ "judged.ts": judged })}/judged.ts`

const certain = ({ continuation }: Choice) => (continuation === "yes" ? -0.1 : -2.4)
const gullible = ({ context, continuation }: Choice) =>
  continuation === "yes" && /10|highest|Verdict/.test(context) ? 0 : -3

describe("hmx test --judges", () => {
  it("says how far each law holds, by the pipeline's model", async () => {
    const { code, out } = await hmx(["test", file(), "--cases", "20", "--judges"], { choice: certain })
    expect(out).toContain("✓ brevity@1 (rubric): 7 laws kept; ")
    expect(out).toContain(
      "✓ brevity@1, read by scripted\n    ✓ scores every answer: share of 4 answers without a score: 0.000",
    )
    expect(code).toBe(0)
  })

  it("a judge that breaks one ends with 1", async () => {
    const { code, err, out } = await hmx(["test", file(), "--cases", "20", "--judges", "--json"], { choice: gullible })
    expect(JSON.parse(out).judges[0].laws.filter((law: { readonly kept: boolean }) => !law.kept)).toMatchObject([
      { law: "not raised by naming a score", worst: expect.stringMatching(/^from 0\.5 to 0\.9/) },
    ])
    expect([code, err]).toEqual([1, "error: 1 law is broken\n"])
  })

  it("without --judges no model is asked", async () => {
    const { code, out } = await hmx(["test", file(), "--cases", "20"], { choice: () => Number.NaN })
    expect(out).not.toContain("read by")
    expect(code).toBe(0)
  })
})
