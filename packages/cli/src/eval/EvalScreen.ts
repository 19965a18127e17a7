/** How far an evaluation is: a line drawn over itself on a terminal, else a line now and then. On stderr: stdout is the result. */
import { escape, format } from "@hmx/report"
import type { Output } from "../Screen.ts"

export interface EvalScreen {
  /** A task begins with so many items, of which some were done earlier. */
  readonly begin: (task: string, items: number, done: number) => void
  readonly add: (task: string, items: number) => void
  readonly clear: () => void
}

/** Seconds between two lines where there is no terminal. */
const pause = 10

const clear = "\r\u001b[2K"

/** `now` is in milliseconds. */
export const evalScreen = (quiet: boolean, now: () => number, out: Output = process.stderr): EvalScreen => {
  const drawing = out.isTTY === true
  let task = ""
  let items = 0
  let done = 0
  let earlier = 0
  let start = 0
  let last = 0
  const line = () => {
    const seconds = (now() - start) / 1000
    const rate = seconds > 0 ? (done - earlier) / seconds : 0
    const left = rate > 0 ? format.duration((items - done) / rate) : "–"
    const filled = items === 0 ? 20 : Math.round((20 * Math.min(done, items)) / items)
    const bar = drawing ? `${"█".repeat(filled)}${"░".repeat(20 - filled)} ` : ""
    return `${escape(task, 40)}  ${bar}${done}/${items}  ${rate < 100 ? rate.toPrecision(3) : Math.round(rate)} items/s  ETA ${left}`
  }
  const show = (always: boolean) => {
    if (quiet) return
    if (drawing)
      out.write(
        clear +
          Array.from(line())
            .slice(0, (out.columns ?? 80) - 1)
            .join(""),
      )
    else if (always || now() - last >= 1000 * pause) {
      last = now()
      out.write(`${line()}\n`)
    }
  }
  return {
    begin: (name, count, kept) => {
      task = name
      items = count
      done = kept
      earlier = kept
      start = now()
      last = now()
      show(false)
    },
    add: (_, count) => {
      done += count
      show(done >= items)
    },
    clear: () => {
      if (drawing && !quiet) out.write(clear)
    },
  }
}
