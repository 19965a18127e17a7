import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { dataService } from "../src/dataService.ts"

const folder = mkdtempSync(join(tmpdir(), "hmx-data-"))
afterAll(() => rmSync(folder, { recursive: true }))

const data = Effect.runPromise(
  dataService({ train: [], heldOut: [] }, (file) => ({
    path: join(folder, String(file)),
    name: `the ${String(file)}`,
  })).pipe(Effect.provide(NodeFileSystem.layer)),
)

const refused = async (file: string) => (await Effect.runPromise(Effect.flip((await data).text(file)))).message

describe("a text of the data", () => {
  it("is read as it stands", async () => {
    writeFileSync(join(folder, "a.csv"), "one,\n\nzwölf\r\n")
    expect(await Effect.runPromise((await data).text("a.csv"))).toBe("one,\n\nzwölf\r\n")
  })

  it("is refused where it is a folder, is not there, or is not UTF-8", async () => {
    writeFileSync(join(folder, "b.bin"), Uint8Array.of(0x61, 0xff))
    expect(await refused(".")).toBe("the .: found a folder; expected a text file")
    expect(await refused("none")).toMatch(/^the none: found .*; expected a text file$/)
    expect(await refused("b.bin")).toBe("the b.bin: found bytes that are not UTF-8; expected UTF-8 text")
  })
})
