/** Columns of text. */

export interface Column {
  readonly title: string
  readonly align: "left" | "right"
}

const width = (text: string): number => Array.from(text).length

/** Lines of a table: a head, a rule, the rows; a bare text is a heading over all columns. Widths are counted in code points. */
export const render = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string> | string>): string => {
  const counted = rows.filter((row) => typeof row !== "string")
  const widths = columns.map((c, i) => counted.reduce((w, row) => Math.max(w, width(row[i] ?? "")), width(c.title)))
  const line = (cells: ReadonlyArray<string>) =>
    columns
      .map((c, i) => {
        const cell = cells[i] ?? ""
        const room = " ".repeat((widths[i] ?? 0) - width(cell))
        return c.align === "left" ? cell + room : room + cell
      })
      .join("  ")
      .trimEnd()
  const rule = widths
    .map((w) => "─".repeat(w))
    .join("  ")
    .trimEnd()
  return [
    line(columns.map((c) => c.title)),
    rule,
    ...rows.map((row) => (typeof row === "string" ? row : line(row))),
  ].join("\n")
}
