import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseCsv } from "../../src/benchmark/csv.ts"

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`

describe("parseCsv", () => {
  it("gives back what was quoted, whatever it is", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é") })
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 5 }), (rows) => {
        const text = rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("")
        expect(parseCsv(text).rows.map(({ cells }) => cells)).toEqual(rows)
      }),
    )
  })

  it("knows the line on which a row begins, passes over blank ones, and reads the last without a line break", () => {
    expect(parseCsv('\ufeffa,b\n"1\n2",x\n\nlast,"y"')).toEqual({
      open: undefined,
      rows: [
        { line: 1, cells: ["a", "b"] },
        { line: 2, cells: ["1\n2", "x"] },
        { line: 5, cells: ["last", "y"] },
      ],
    })
  })

  it("names the line of a quotation that never ends", () => {
    expect(parseCsv('a\n"b\nc').open).toBe(2)
  })
})
