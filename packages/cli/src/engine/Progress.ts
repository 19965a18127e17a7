/** The steps of an install: on a terminal the last line of what runs and for how long, elsewhere a line a step. */
import { escape, format } from "@hmx/report"
import * as Effect from "effect/Effect"
import type { Output } from "../Screen.ts"

const clear = "\r\u001b[2K"

export class Progress {
  readonly #steps: number
  readonly #out: Output
  #step = 0

  constructor(steps: number, out: Output = process.stdout) {
    this.#steps = steps
    this.#out = out
  }

  /** Shows a step while it is done, and how long it took. */
  during<A, E, R>(
    title: string,
    work: (onLine: (line: string) => void) => Effect.Effect<A, E, R>,
  ): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      this.#step += 1
      const head = `${this.#step}/${this.#steps} ${title}`
      const started = performance.now()
      let last = ""
      const seconds = () => format.duration((performance.now() - started) / 1000)
      const drawing = this.#out.isTTY === true
      const draw = () => {
        const text = `${head} · ${seconds()}${last === "" ? "" : ` · ${last}`}`
        this.#out.write(clear + text.slice(0, (this.#out.columns ?? 80) - 1))
      }
      if (!drawing) this.#out.write(`${head}\n`)
      const timer = drawing ? setInterval(draw, 500) : undefined
      const onLine = (line: string) => {
        last = escape(line.trim(), 200)
        if (!drawing && /^(Downloading|Collecting)/.test(last)) this.#out.write(`    ${last}\n`)
      }
      return Effect.ensuring(
        Effect.tap(work(onLine), () =>
          Effect.sync(() => this.#out.write(drawing ? `${clear}${head}: ${seconds()}\n` : `    ${seconds()}\n`)),
        ),
        Effect.sync(() => {
          clearInterval(timer)
          if (drawing) this.#out.write(clear)
        }),
      )
    })
  }
}
