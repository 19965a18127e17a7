/** The comparison of arms: per benchmark before, human-like, reverse, and the change in percent. */
import type { Artefact } from "hmx"
import { isHeadline } from "./headline.ts"

/** What is better of a figure: more, less, or nearer to 0 (a bias score). null: nothing is, so it is shown and not judged. */
export type Better = "higher" | "lower" | "zero" | null

/** One figure in every arm, such as `{ before, human, reverse }`. */
export interface Row {
  readonly task: string
  readonly metric: string
  readonly better: Better
  /** Whether the shares count it: a headline figure of its benchmark of which something is better. */
  readonly headline: boolean
  readonly before: number
  /** Of before, with the observations that it is of. */
  readonly stderr: number
  readonly n: number
  readonly arms: { readonly [arm: string]: Change }
}

export interface Change {
  readonly value: number
  readonly stderr: number
  /** The observations that it is of. */
  readonly n: number
  /** To before, in percent of |before|; undefined where before is 0 and the value is not. */
  readonly percent: number | undefined
  /** The same, signed so that more is better: away from a before of 0 it is ±∞. undefined where nothing is better. */
  readonly gain: number | undefined
}

/** Shares of an arm's headline rows, in percent. */
export interface Shares {
  /** How many of them there are. */
  readonly judged: number
  readonly improved: number
  /** Improved, unchanged, or less than 2 % worse: the paper's first figure. */
  readonly improvedOrWithin2: number
  /** More than 10 % worse: its second. */
  readonly worseThan10: number
}

export interface Table {
  readonly rows: ReadonlyArray<Row>
  /** Figures that some have, of before and the arms, and not all. */
  readonly leftOut: ReadonlyArray<{ readonly task: string; readonly metric: string }>
  readonly shares: { readonly [arm: string]: Shares }
}

/** By a measure's own direction, and nearer to 0 for a bias score. */
export const betterOf = ({ higherIsBetter, metric }: Pick<Artefact.Measure, "higherIsBetter" | "metric">): Better => {
  if (/bias/.test(metric)) return "zero"
  return higherIsBetter === null ? null : higherIsBetter ? "higher" : "lower"
}

const changeOf = (before: number, { n, stderr, value }: Artefact.Measure, better: Better): Change => {
  const ofBefore = (change: number): number => (change === 0 ? 0 : (100 * change) / Math.abs(before))
  const percent = ofBefore(value - before)
  const shown = Number.isFinite(percent) ? percent : undefined
  if (better === null) return { value, stderr, n, percent: shown, gain: undefined }
  const gain =
    better === "zero" ? ofBefore(Math.abs(before) - Math.abs(value)) : better === "higher" ? percent : -percent
  return { value, stderr, n, percent: shown, gain }
}

/** Percent: what decimal fractions are apart is not exact, and a change of exactly 2 or 10 % is to count as one. */
const rounding = 1e-9

const sharesOf = (changes: ReadonlyArray<Change | undefined>): Shares => {
  const gains = changes.flatMap((change) => (change?.gain === undefined ? [] : [change.gain]))
  const share = (count: (gain: number) => boolean) =>
    gains.length === 0 ? 0 : (100 * gains.filter(count).length) / gains.length
  return {
    judged: gains.length,
    improved: share((gain) => gain > rounding),
    improvedOrWithin2: share((gain) => gain > -2 + rounding),
    worseThan10: share((gain) => gain < -10 - rounding),
  }
}

/**
 * Puts the arms' measures beside those before training. A row needs its figure before and in every arm; others are named as left out.
 * `better` says of a measure what is better, by default its own direction, and nearer to 0 for bias scores.
 */
export const compare = (
  before: ReadonlyArray<Artefact.Measure>,
  arms: { readonly [arm: string]: ReadonlyArray<Artefact.Measure> },
  better: (measure: Artefact.Measure) => Better = betterOf,
): Table => {
  const names = Object.keys(arms)
  const keyed = new Map(names.map((arm) => [arm, new Map((arms[arm] ?? []).map((m) => [keyOf(m), m]))]))
  const rows = before.flatMap((measure): ReadonlyArray<Row> => {
    const changes = names.flatMap((arm) => {
      const m = keyed.get(arm)?.get(keyOf(measure))
      return m === undefined ? [] : [[arm, changeOf(measure.value, m, better(measure))] as const]
    })
    if (changes.length < names.length) return []
    const { metric, n, stderr, task, value } = measure
    const is = better(measure)
    return [
      {
        task,
        metric,
        better: is,
        headline: is !== null && isHeadline(measure),
        before: value,
        stderr,
        n,
        arms: Object.fromEntries(changes),
      },
    ]
  })
  const compared = new Set(rows.map(keyOf))
  const all = new Map([...before, ...Object.values(arms).flat()].map((m) => [keyOf(m), m]))
  const leftOut = [...all].flatMap(([key, { metric, task }]) => (compared.has(key) ? [] : [{ task, metric }]))
  const counted = rows.filter(({ headline }) => headline)
  const shares = Object.fromEntries(names.map((arm) => [arm, sharesOf(counted.map((row) => row.arms[arm]))]))
  return { rows, leftOut, shares }
}

const keyOf = ({ metric, task }: { readonly task: string; readonly metric: string }): string =>
  JSON.stringify([task, metric])
