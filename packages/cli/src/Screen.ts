/** Where a run is shown: a line drawn over itself on a terminal, plain lines elsewhere, JSON, or nothing. */
import { Progress } from "@hmx/report"
import type { Event } from "@hmx/runtime"

/** As much of a stream as is used here; `columns` is there on a terminal. */
export interface Output {
  readonly write: (text: string) => unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export interface Screen {
  readonly show: (event: Event) => void
  /** Takes the drawn line away and prints text below what stands. */
  readonly print: (text: string) => void
  /** Whether anything of the run's work was done by this process. */
  readonly worked: () => boolean
  readonly folder: () => string | undefined
}

const clear = "\r\u001b[2K"

export const screen = (
  mode: { readonly quiet: boolean; readonly json: boolean },
  out: Output = process.stdout,
): Screen => {
  const drawing = out.isTTY === true && !mode.quiet && !mode.json
  let progress = Progress.initial
  let worked = false
  let folder: string | undefined
  const draw = () => {
    if (drawing) out.write(clear + Progress.bar(progress, (out.columns ?? 80) - 1))
  }
  const print = (text: string) => void out.write(drawing ? `${clear}${text}\n` : `${text}\n`)
  return {
    print,
    worked: () => worked,
    folder: () => folder,
    show: (event) => {
      progress = Progress.next(progress, event)
      if (event._tag === "ItemsDone" || event._tag === "Evaluated" || event._tag === "Saved") worked = true
      if (event._tag === "Started") folder = event.folder
      if (mode.json) {
        out.write(`${JSON.stringify(event)}\n`)
        return
      }
      const line = mode.quiet ? undefined : Progress.line(progress, event)
      // On a terminal the bar says what a step's line would.
      if (line !== undefined && !(drawing && event._tag === "StepFinished")) print(line)
      if (event._tag === "Finished") {
        if (drawing) out.write(clear)
      } else draw()
    },
  }
}
