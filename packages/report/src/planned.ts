/** What a plan says, in lines: stages and what they hold, the course of memory, the work, and what of it is done already. */
import { escape } from "./escape.ts"
import * as format from "./format.ts"
import { reservations } from "./reservations.ts"
import * as Table from "./Table.ts"

interface Tokens {
  readonly read: number
  readonly written: number
  readonly trained: number
}

/** As the runtime plans an experiment: bytes, tokens, seconds. */
export interface Planned {
  readonly name: string
  readonly digest: string
  readonly model: { readonly name: string; readonly parameters: number; readonly engine: string }
  readonly steps: number
  readonly seed: number
  readonly prompts: { readonly perStep: number; readonly train: number; readonly heldOut: number }
  readonly stages: ReadonlyArray<{
    readonly stage: string
    readonly bytes: number
    readonly offloads?: number
    readonly parts: ReadonlyArray<{ readonly part: string; readonly bytes: number; readonly why: string }>
    readonly times: number
    readonly tokens: Tokens | null
    readonly seconds: number | null
    readonly pieces: { readonly total: number; readonly cached: number }
    readonly why: string
  }>
  readonly memory: {
    readonly budget: number
    readonly weights: number
    readonly stays: number
    readonly most: number
    readonly timeline: ReadonlyArray<Phase>
    readonly changes: ReadonlyArray<{
      readonly option: string
      readonly was: string
      readonly now: string
      readonly most: number
    }>
  }
  readonly notes?: ReadonlyArray<string>
  readonly tokens: Tokens | null
  readonly time: { readonly seconds: number | null; readonly source: string; readonly from: string }
}

interface Phase {
  readonly phase: string
  readonly stage: string
  readonly times: number
  readonly bytes: number
}

const barWidth = 24

const columns = (...titles: ReadonlyArray<string>): ReadonlyArray<Table.Column> =>
  titles.map((title, i) => ({ title, align: i === 0 ? "left" : "right" }))

/** What each part of a stage's memory is. */
const parts = ({ stages }: Planned): string =>
  stages
    .flatMap(({ offloads = 0, parts: of, stage }) => {
      const lines = of.map(
        ({ bytes, part, why }) =>
          `${escape(part, 30)} ${format.bytes(bytes)}${why === "" ? "" : `: ${escape(why, 200)}`}`,
      )
      const meanwhile = offloads === 0 ? [] : [`offloads the optimiser's state (${format.bytes(offloads)}) meanwhile`]
      return [...lines, ...meanwhile].map((line, i) => (i === 0 ? escape(stage, 40) : "").padEnd(16) + line)
    })
    .join("\n")

/** Bars of what is held, phase by phase, beside the budget. */
const timeline = ({ memory }: Planned): string => {
  const most = memory.timeline.reduce((greatest, { bytes }) => Math.max(greatest, bytes), 1)
  let before = ""
  const rows = memory.timeline.map(({ bytes, phase, stage, times }) => {
    const label = phase === before ? "" : times > 1 ? `${phase} ×${times}` : phase
    before = phase
    const filled = Math.max(1, Math.round((barWidth * bytes) / most))
    const over = bytes > memory.budget ? ` ✗ ${format.bytes(bytes - memory.budget)} over` : ""
    const share = `${Math.round((100 * bytes) / memory.budget)} %${over}`
    return [label, escape(stage, 40), "█".repeat(filled) + "░".repeat(barWidth - filled), format.bytes(bytes), share]
  })
  const titles = ["phase", "stage", "held", "", "of budget"]
  return Table.render(
    titles.map((title, i) => ({ title, align: i === 3 ? "right" : "left" })),
    rows,
  )
}

const count = (n: number): string => n.toLocaleString("en-GB")

const work = ({ stages }: Planned): string =>
  Table.render(
    columns("stage", "times", "read", "written", "trained", "a time", "in the store"),
    stages.map(({ pieces, seconds, stage, times, tokens }) => [
      escape(stage, 40),
      count(times),
      ...(tokens === null ? ["?", "?", "?"] : [tokens.read, tokens.written, tokens.trained].map(count)),
      seconds === null ? "?" : format.duration(seconds),
      pieces.total === 0 ? "–" : `${count(pieces.cached)} of ${count(pieces.total)}`,
    ]),
  )

/** Which stages run, and because of what. */
const because = ({ stages }: Planned): ReadonlyArray<string> => {
  if (stages.every(({ pieces }) => pieces.total === 0)) return []
  const lines = stages.map(({ pieces, stage, why }) => {
    const name = escape(stage, 40).padEnd(16)
    if (pieces.cached >= pieces.total) return `${name}done already`
    const part = pieces.cached === 0 ? "runs" : `runs for ${pieces.total - pieces.cached} of ${pieces.total}`
    return `${name}${part}${why === "" ? "" : `: ${escape(why, 600)}`}`
  })
  return ["", "what runs, and why", ...lines]
}

/** Whether the store has every piece of the work. */
export const allThere = ({ stages }: Pick<Planned, "stages">): boolean =>
  stages.some(({ pieces }) => pieces.total > 0) && stages.every(({ pieces }) => pieces.cached >= pieces.total)

const time = (plan: Planned): string => {
  if (allThere(plan)) return "all of it is in the store already: a run finds it there, and makes nothing"
  const {
    time: { from, seconds, source },
    tokens,
  } = plan
  const all = tokens === null ? [] : [`${count(tokens.read + tokens.written + tokens.trained)} tokens at the most`]
  const took =
    seconds === null ? "time not known" : `about ${format.duration(seconds)}${source === "runs" ? " at the most" : ""}`
  return [...all, `${took} (${escape(from, 200)})`].join("; ")
}

/** What would fit into the budget, in lines; none where nothing is over it. */
export const changes = (found: Planned["memory"]["changes"]): ReadonlyArray<string> =>
  found.length === 0
    ? []
    : [
        "",
        "smallest changes that would fit, each by itself",
        ...found.map(
          ({ most, now, option, was }) =>
            `  ${escape(option, 60)}: ${escape(was, 30)} → ${escape(now, 30)}, ${format.bytes(most)} at the most`,
        ),
      ]

/** A plan in lines; `file` is what its pipeline is called. */
export const planned = (plan: Planned, file: string): string => {
  const { digest, memory, model, name, notes = [], prompts, seed, stages, steps } = plan
  const share = `${format.bytes(memory.most)} at the most, of a budget of ${format.bytes(memory.budget)}`
  return [
    `${escape(name)} (${escape(file, 200)}), digest ${digest}`,
    stages.map((s) => escape(s.stage, 40)).join(" → "),
    `${steps} steps of ${prompts.perStep} prompts, from ${prompts.train} (${prompts.heldOut} held out); seed ${seed}`,
    `${escape(model.name)}: ${model.parameters} parameters${model.engine === "" ? "" : ` on ${escape(model.engine, 40)}`}`,
    "",
    `memory: ${share}`,
    reservations({ ...memory, stages }),
    "",
    parts(plan),
    "",
    timeline(plan),
    ...changes(memory.changes),
    ...notes.flatMap((note) => ["", `note: ${escape(note, 400)}`]),
    "",
    work(plan),
    time(plan),
    ...because(plan),
    "",
  ].join("\n")
}

// --- a picture --------------------------------------------------------------------------------------------------------

const line = 18
const left = 250
const wide = 420

const text = (given: string): string =>
  Array.from(given.replaceAll(/[\p{Cc}\p{Cs}\p{Cf}]/gu, " "))
    .slice(0, 60)
    .join("")
    .replaceAll(/[&<>"']/g, (c) => `&#${c.codePointAt(0)};`)

/** The course of memory as a part of an SVG document: bars against the line of the budget, where that is near enough to be seen. */
export const timelineSvg = ({
  memory,
  name,
}: Planned): { readonly svg: string; readonly width: number; readonly height: number } => {
  const most = memory.timeline.reduce((greatest, { bytes }) => Math.max(greatest, bytes), 1)
  const scale = wide / Math.max(most, Math.min(memory.budget, 1.5 * most))
  const top = 2 * line
  const parts = [
    `<text class="title" x="12" y="${line}">${text(`${name}: memory, budget ${format.bytes(memory.budget)}`)}</text>`,
  ]
  for (const [i, { bytes, phase, stage, times }] of memory.timeline.entries()) {
    const y = top + i * line
    const label = `${phase}${times > 1 ? ` ×${times}` : ""} · ${stage}`
    const kind = bytes > memory.budget ? "over" : "held"
    parts.push(
      `<text class="note" x="12" y="${y + 12}">${text(label)}</text>`,
      `<rect class="${kind}" x="${left}" y="${y + 2}" width="${(bytes * scale).toFixed(1)}" height="${line - 5}"/>`,
      `<text class="note" x="${(left + bytes * scale + 6).toFixed(1)}" y="${y + 12}">${text(format.bytes(bytes))}</text>`,
    )
  }
  const bottom = top + memory.timeline.length * line
  const x = left + memory.budget * scale
  if (x <= left + wide) parts.push(`<path class="missing" d="M${x.toFixed(1)} ${top}V${bottom}"/>`)
  return { svg: parts.join("\n"), width: left + wide + 100, height: bottom + line }
}
