/** Comma-separated values (RFC 4180): quoted cells may hold commas, line breaks and doubled quotation marks. */

export interface CsvRow {
  /** 1-based line on which the row begins. */
  readonly line: number
  readonly cells: ReadonlyArray<string>
}

/** `open` is the line of a quotation that never ends. Blank lines are passed over. */
export const parseCsv = (text: string): { readonly rows: ReadonlyArray<CsvRow>; readonly open: number | undefined } => {
  const rows: Array<CsvRow> = []
  let at = text.startsWith("\ufeff") ? 1 : 0
  let line = 1
  while (at < text.length) {
    const begins = line
    const cells: Array<string> = []
    for (let more = true; more;) {
      let cell = ""
      if (text[at] === '"') {
        const opened = line
        for (at++; ;) {
          const quote = text.indexOf('"', at)
          if (quote < 0) return { rows, open: opened }
          cell += text.slice(at, quote)
          at = quote + 1
          if (text[at] !== '"') break
          cell += '"'
          at++
        }
        line += cell.split("\n").length - 1
      }
      const rest = /[^,\r\n]*/y
      rest.lastIndex = at
      cell += rest.exec(text)?.[0] ?? ""
      at = rest.lastIndex
      cells.push(cell)
      more = text[at] === ","
      if (more) at++
    }
    if (text[at] === "\r") at++
    if (text[at] === "\n") at++
    line++
    if (cells.length > 1 || cells[0] !== "") rows.push({ line: begins, cells })
  }
  return { rows, open: undefined }
}
