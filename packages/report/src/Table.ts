/** Columns of text. */

export interface Column {
  readonly title: string
  readonly align: "left" | "right"
}

const width = (text: string): number => Array.from(text).length

/** Lines of a table: a head, a rule, the rows. Widths are counted in code points. */
export const render = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = columns.map((c, i) => Math.max(width(c.title), ...rows.map((row) => width(row[i] ?? ""))))
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
  return [line(columns.map((c) => c.title)), rule, ...rows.map(line)].join("\n")
}
