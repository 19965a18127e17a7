/** The arms of a contrast or a sweep beside each other. */
import { escape } from "./escape.ts"
import * as format from "./format.ts"
import * as Table from "./Table.ts"

interface Figure {
  readonly value: number
  readonly stderr: number
}
type Metrics = { readonly [name: string]: number } | null

/** What is shown of an arm. */
export interface SideArm {
  readonly name: string
  readonly state: string
  readonly because?: string
  readonly step: number
  readonly steps: number
  readonly first: Metrics
  readonly last: Metrics
}

/** As the runtime compares arms; figures stand in the arms' order. */
export interface Sides {
  readonly name: string
  readonly arms: ReadonlyArray<SideArm>
  readonly measures: ReadonlyArray<{
    readonly task: string
    readonly metric: string
    readonly before: ReadonlyArray<Figure | null>
    readonly after: ReadonlyArray<Figure | null>
  }>
  readonly differences: ReadonlyArray<{
    readonly task: string
    readonly metric: string
    readonly higherIsBetter: boolean | null
    readonly more: string
    readonly less: string
    readonly value: number
    readonly low: number
    readonly high: number
    readonly pairs: number
    /** There where it is a paired bootstrap over items. */
    readonly p?: number
  }>
  readonly overSeeds: ReadonlyArray<{
    readonly task: string
    readonly metric: string
    readonly of: string
    readonly mean: number
    readonly std: number
    readonly seeds: number
  }>
}

const left = (title: string): Table.Column => ({ title, align: "left" })
const right = (title: string): Table.Column => ({ title, align: "right" })
const withError = (figure: Figure | null | undefined): string =>
  figure === null || figure === undefined ? "–" : `${format.fixed(figure.value)} ± ${format.fixed(figure.stderr)}`
const metric = (line: Metrics, name: string): string => {
  const value = line?.[name]
  return value === undefined ? "–" : format.figure(value)
}

/** How far each arm came, and how its training began and ended. A long list of arms gets numbers, which the measures' columns bear. */
const training = ({ arms }: Sides, names: ReadonlyArray<string>): string =>
  Table.render(
    [
      left("arm"),
      ...(names.some((n) => n.startsWith("#")) ? [left("")] : []),
      left("state"),
      right("steps"),
      right("reward, first"),
      right("last"),
      right("length, last"),
      right("kl, last"),
    ],
    arms.map(({ first, last, name, state, step, steps }, i) => {
      const label = names[i] ?? ""
      return [
        label,
        ...(label.startsWith("#") ? [escape(name, 60)] : []),
        state,
        `${step}/${steps === 0 ? "–" : steps}`,
        metric(first, "reward"),
        metric(last, "reward"),
        metric(last, "completions/mean_length"),
        metric(last, "kl"),
      ]
    }),
  )

/** Rows below the heading of their task. */
const byTask = <R extends { readonly task: string; readonly metric: string }>(
  rows: ReadonlyArray<R>,
  cells: (row: R) => ReadonlyArray<string>,
): ReadonlyArray<ReadonlyArray<string>> => {
  let task: string | undefined
  return rows.flatMap((row) => {
    const heading = row.task === task ? [] : [[escape(row.task, 40)]]
    task = row.task
    return [...heading, [`  ${escape(row.metric, 40)}`, ...cells(row)]]
  })
}

const same = (
  a: { readonly task: string; readonly metric: string },
  b: { readonly task: string; readonly metric: string },
) => a.task === b.task && a.metric === b.metric

type Difference = Sides["differences"][number]
const interval = ({ high, low, value }: Difference): string =>
  `${value > 0 ? "+" : ""}${format.fixed(value)} [${format.fixed(low)}, ${format.fixed(high)}]`
/** A mark where the interval leaves 0 out. One pair's interval without width (one item, or all alike) says nothing about chance. */
const mark = ({ high, low, pairs, value }: Difference): string => {
  if (low <= 0 && high >= 0) return ""
  if (pairs === 1 && low === high) return ""
  return value > 0 ? "more" : "less"
}

/** What each arm measured after training, and with two arms their difference. */
const measured = (sides: Sides, names: ReadonlyArray<string>): string => {
  const difference = differing(sides)
  const ways = new Set(sides.differences.map(({ p }) => p !== undefined))
  const mixed = ways.size > 1
  const columns = [
    left("measure"),
    right("before"),
    ...names.map(right),
    ...(difference === undefined
      ? []
      : [right(`${escape(difference.more, 20)} − ${escape(difference.less, 20)} [95 %]`), left("")]),
  ]
  const rows = byTask(sides.measures, (measure) => {
    const found = sides.differences.find((d) => same(d, measure))
    return [
      // Arms begin as the same model: what one has measured before training holds for all, but under several seeds.
      withError(measure.before.find((b) => b !== null)),
      ...names.map((_, i) => withError(measure.after[i])),
      ...(difference === undefined
        ? []
        : found === undefined
          ? ["–", ""]
          : [`${interval(found)}${mixed && found.p === undefined ? " *" : ""}`, mark(found)]),
    ]
  })
  return `${Table.render(columns, rows)}\n${legend(difference, mixed ? "mixed" : ways.has(true) ? "items" : "means")}`
}

/** The two that differ, where it is two: more would be more columns than a line has. */
const differing = ({ differences }: Sides): Difference | undefined => {
  const [first] = differences
  return first !== undefined && differences.every((d) => d.less === first.less) ? first : undefined
}

const legend = (difference: Difference | undefined, way: "items" | "means" | "mixed"): string => {
  const error = "± one standard error"
  if (difference === undefined) return error
  const items = "paired bootstrap over items, clusters whole"
  const means = "both asked the same items, their errors taken as independent: an upper bound of its width"
  const how =
    difference.pairs > 1
      ? `mean of ${difference.pairs} differences of runs that share a seed, by Student's t`
      : { items, means, mixed: `${items}; * ${means}` }[way]
  return `${error}; [95 %]: ${how}\nmore, less: the interval leaves 0 out`
}

/** Mean ± standard deviation over seeds, a column for each that was run under several. */
const overSeeds = ({ overSeeds: all }: Sides): string => {
  const groups = [...new Set(all.map(({ of }) => of))]
  const rows = all.filter((row, i) => all.findIndex((r) => same(r, row)) === i)
  const cells = byTask(rows, (row) =>
    groups.map((of) => {
      const found = all.find((r) => same(r, row) && r.of === of)
      return found === undefined ? "–" : `${format.fixed(found.mean)} ± ${format.fixed(found.std)}`
    }),
  )
  const seeds = Math.max(...all.map((row) => row.seeds))
  return `over ${seeds} seeds\n\n${Table.render([left("measure"), ...groups.map((of) => right(escape(of, 30)))], cells)}\nmean ± standard deviation of runs`
}

/** Longest names that fit beside each other as columns, in characters together. */
const room = 60

/**
 * The table of arms, their measures side by side with differences and 95 % intervals, and what several seeds say together. Where
 * there is a better table of the measures (`comparison`), it stands in the plain one's place.
 */
export const sideBySide = (sides: Sides, table?: string): string => {
  const plain = sides.arms.map(({ name }) => escape(name, 30))
  const names = plain.join("").length <= room && plain.length <= 4 ? plain : plain.map((_, i) => `#${i + 1}`)
  const why = sides.arms.flatMap(({ because, name, state }) =>
    because === undefined ? [] : [`${escape(name, 60)} ${state}: ${escape(because, 300)}`],
  )
  return [
    `${escape(sides.name, 60)}: ${sides.arms.length} arms`,
    training(sides, names),
    ...(why.length === 0 ? [] : [why.join("\n")]),
    ...(table === undefined ? (sides.measures.length === 0 ? [] : [measured(sides, names)]) : [table]),
    ...(sides.overSeeds.length === 0 ? [] : [overSeeds(sides)]),
  ].join("\n\n")
}
