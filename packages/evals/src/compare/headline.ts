/** Of which figures the shares of a comparison are taken. */
import * as Result from "effect/Result"
import { byName } from "../benchmarks.ts"

/**
 * A benchmark's headline figures: its parts, variants and counts are shown beside them and not counted, lest a benchmark with many
 * figures outweigh one with a single figure. Of a task that is no benchmark of this package, each figure.
 */
export const isHeadline = (figure: { readonly task: string; readonly metric: string }): boolean =>
  Result.match(byName(figure.task), {
    onSuccess: ({ metrics }) => metrics.some(({ headline, name }) => headline === true && name === figure.metric),
    onFailure: () => true,
  })
