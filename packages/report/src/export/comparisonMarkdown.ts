/** The comparison of arms as a Markdown table, for a paper's draft or an issue. */
import { apartOf, asides, type Compared, counted, markOf, type Pair, percent, sharesOf } from "../comparison.ts"
import { escape } from "../escape.ts"
import * as format from "../format.ts"

/** Names come from data and pipelines: nothing of them is markup. */
const plain = (text: string): string => text.replaceAll(/[\\|`*_<>[\]]/g, String.raw`\$&`)
const cell = (text: string): string => plain(escape(text, 80))

const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

export const comparisonMarkdown = (compared: Compared, pair?: Pair): string => {
  const { rows, shares } = compared
  const arms = Object.keys(shares)
  const head = [
    "task",
    "measure",
    "better",
    "n",
    "before",
    ...arms.flatMap((arm) => [cell(arm), "change"]),
    ...(pair === undefined ? [] : [`${cell(pair.more)} − ${cell(pair.less)} (95 %)`, "p"]),
  ]
  const { figure, fixed } = format
  const body = rows.map((row) => {
    const apart = apartOf(pair, row)
    return [
      cell(row.task),
      cell(row.metric),
      markOf(row),
      String(row.n),
      `${figure(row.before)} ± ${figure(row.stderr)}`,
      ...arms.flatMap((arm) => {
        const change = row.arms[arm]
        return change === undefined
          ? ["–", "–"]
          : [`${figure(change.value)} ± ${figure(change.stderr)}`, percent(change.percent)]
      }),
      ...(pair === undefined
        ? []
        : apart === undefined
          ? ["–", "–"]
          : [`${figure(apart.value)} (${figure(apart.low)}, ${figure(apart.high)})`, fixed(apart.p)]),
    ]
  })
  const align = head.map((_, i) => (i < 3 ? ":--" : "--:"))
  const how =
    pair === undefined ? "" : " The difference of two arms is by the paired bootstrap over items, clusters whole."
  return [
    [head, align, ...body].map(line).join("\n"),
    `↑ more is better, ↓ less, →0 nearer to 0. ± one standard error; change in percent of before. ${counted}.${how}`,
    ...asides(compared).map(plain),
    sharesOf(shares)
      .map((said) => `- ${plain(said)}`)
      .join("\n"),
    "",
  ].join("\n\n")
}
