/** What an experiment reserves in memory, against its budget. */
import { escape } from "./escape.ts"
import * as format from "./format.ts"
import * as Table from "./Table.ts"

/** Bytes of the weights, of what stays beside them (adapter and optimiser), and what each stage takes beside them while it runs. */
export interface Reservations {
  readonly budget: number
  readonly weights: number
  readonly stays: number
  /** `offloads`: what of `stays` is on the host meanwhile. */
  readonly stages: ReadonlyArray<{ readonly stage: string; readonly bytes: number; readonly offloads?: number }>
}

const columns: ReadonlyArray<Table.Column> = [
  { title: "stage", align: "left" },
  { title: "weights", align: "right" },
  { title: "adapter", align: "right" },
  { title: "stage's own", align: "right" },
  { title: "together", align: "right" },
  { title: "of budget", align: "right" },
  { title: "", align: "left" },
]

/** One row a stage: weights, adapter and its reservation against the budget, and how far it is over. */
export const reservations = ({ budget, stages, stays, weights }: Reservations): string =>
  Table.render(
    columns,
    stages.map(({ stage, bytes, offloads = 0 }) => {
      const there = stays - offloads
      const together = weights + there + bytes
      const share = `${Math.round((100 * together) / budget)} %`
      const over = together > budget ? `✗ ${format.bytes(together - budget)} over` : ""
      const amounts = [weights, there, bytes, together].map((n) => format.bytes(n))
      return [escape(stage, 40), ...amounts, share, over]
    }),
  )
