/** The paper's comparison table for a terminal: before, each arm with its change in percent, and what they are apart. */
import { escape } from "./escape.ts"
import * as format from "./format.ts"
import * as Table from "./Table.ts"

interface Change {
  readonly value: number
  readonly stderr: number
  readonly n: number
  readonly percent: number | undefined
}

/** As `compare` of the benchmarks gives it. */
export interface Compared {
  readonly rows: ReadonlyArray<{
    readonly task: string
    readonly metric: string
    readonly better: "higher" | "lower" | "zero" | null
    /** Whether the shares count it. */
    readonly headline: boolean
    readonly before: number
    readonly stderr: number
    readonly n: number
    readonly arms: { readonly [arm: string]: Change }
  }>
  /** Figures that not every side has. */
  readonly leftOut: ReadonlyArray<{ readonly task: string; readonly metric: string }>
  /** Tasks whose figures are over the items that all sides have alone, with how many each side has: before, then the arms. */
  readonly cuts?: ReadonlyArray<{
    readonly task: string
    readonly items: number
    readonly sides: ReadonlyArray<{ readonly name: string; readonly items: number }>
  }>
  /** Further sentences on what the table is of. Default: none. */
  readonly notes?: ReadonlyArray<string>
  readonly shares: {
    readonly [arm: string]: {
      readonly judged: number
      readonly improved: number
      readonly improvedOrWithin2: number
      readonly worseThan10: number
    }
  }
}

/** Of a paired bootstrap, for a figure: one arm minus another. */
export interface Apart {
  readonly task: string
  readonly metric: string
  readonly value: number
  readonly low: number
  readonly high: number
  readonly p: number
}

/** Two arms, and what they are apart in each figure of which items were kept. */
export interface Pair {
  readonly more: string
  readonly less: string
  readonly figures: ReadonlyArray<Apart>
}

const marks = { higher: "↑", lower: "↓", zero: "→0" } as const
/** What is better of a figure, and † where the shares count it. */
export const markOf = ({ better, headline }: Compared["rows"][number]): string =>
  `${better === null ? "" : marks[better]}${headline ? "†" : ""}`
/** What † means, below a table. */
export const counted = "† headline figure: the shares count these"

export const percent = (change: number | undefined): string =>
  change === undefined ? "–" : `${change > 0 ? "+" : change < 0 ? "−" : ""}${Math.abs(change).toFixed(1)} %`

/** Two arms' difference in a figure, where there is one. */
export const apartOf = (pair: Pair | undefined, row: { readonly task: string; readonly metric: string }) =>
  pair?.figures.find(({ metric, task }) => task === row.task && metric === row.metric)

const right = (title: string): Table.Column => ({ title, align: "right" })

/** A sentence an arm: the paper's two shares. */
export const sharesOf = (shares: Compared["shares"]): ReadonlyArray<string> =>
  Object.entries(shares).map(([arm, { improvedOrWithin2, judged, worseThan10 }]) =>
    judged === 0
      ? `${escape(arm, 20)}: no headline figure of which more or less is better`
      : `${escape(arm, 20)}: ${improvedOrWithin2.toFixed(1)} % of ${judged} headline figures improved or less than 2 % worse, ${worseThan10.toFixed(1)} % more than 10 % worse`,
  )

/** Sentences on what the table is not of: items that not all sides have, and figures that not all have; and its notes. */
export const asides = ({ cuts = [], leftOut, notes = [] }: Compared): ReadonlyArray<string> => {
  const tasks = [...new Set(leftOut.map(({ task }) => task))].map((task) => {
    const metrics = leftOut.flatMap((one) => (one.task === task ? [escape(one.metric, 40)] : []))
    return `${escape(task, 100)} (${metrics.length > 3 ? `${metrics.length} figures` : metrics.join(", ")})`
  })
  return [
    ...cuts.map(({ items, sides, task }) => {
      const of = sides.map((side) => `${escape(side.name, 20)} has ${side.items}`)
      return `${escape(task, 100)}: over the ${items} items that all have (${of.join(", ")})`
    }),
    ...(tasks.length === 0 ? [] : [`left out, as not all have them: ${tasks.join("; ")}`]),
    ...notes.map((said) => escape(said, 300)),
  ]
}

/** Figures that say how much went wrong, with what they are where nothing did: then they are not worth a line. */
const troubles: ReadonlyMap<string, number> = new Map([
  ["too_long", 0],
  ["cut_off", 0],
  ["unscored", 0],
  ["readable", 1],
])

const isNil = ({ arms, before, metric }: Compared["rows"][number]): boolean => {
  const nil = troubles.get(metric)
  return nil !== undefined && before === nil && Object.values(arms).every(({ value }) => value === nil)
}

/** Rows below the heading of their task; then each arm's two shares. */
export const comparison = (compared: Compared, pair?: Pair): string => {
  const { rows, shares } = compared
  const arms = Object.keys(shares)
  const columns: ReadonlyArray<Table.Column> = [
    { title: "measure", align: "left" },
    { title: "", align: "left" },
    right("before"),
    ...arms.flatMap((arm) => [right(escape(arm, 20)), right("change")]),
    ...(pair === undefined ? [] : [right(`${escape(pair.more, 20)} − ${escape(pair.less, 20)} [95 %]`), right("p")]),
  ]
  let task: string | undefined
  const told = rows.filter((row) => !isNil(row))
  const lines = told.flatMap((row) => {
    const heading = row.task === task ? [] : [escape(row.task, 100)]
    task = row.task
    const apart = apartOf(pair, row)
    const { figure, fixed } = format
    return [
      ...heading,
      [
        `  ${escape(row.metric, 40)}`,
        markOf(row),
        figure(row.before),
        ...arms.flatMap((arm) => [figure(row.arms[arm]?.value ?? Number.NaN), percent(row.arms[arm]?.percent)]),
        ...(pair === undefined
          ? []
          : apart === undefined
            ? ["–", "–"]
            : [`${figure(apart.value)} [${figure(apart.low)}, ${figure(apart.high)}]`, fixed(apart.p)]),
      ],
    ]
  })
  const legend = `↑ more is better, ↓ less, →0 nearer to 0; change in percent of before; ${counted}`
  const how = pair === undefined ? "" : "; [95 %]: paired bootstrap over items, clusters whole"
  const nil = rows.length - told.length
  const left =
    nil === 0
      ? ""
      : `\nleft out: ${nil} counts of trouble that are nil before and in every arm (${[...troubles.keys()].join(", ")})`
  const not = asides(compared)
  return [
    Table.render(columns, lines),
    `${legend}${how}${left}`,
    ...(not.length === 0 ? [] : [not.join("\n")]),
    sharesOf(shares).join("\n"),
  ].join("\n\n")
}
