/** TRL's figures beside ours. */
import type { Ours } from "./ours.ts"

/** What the baseline's script prints, as far as it is read. Seconds and MiB; `median` is over its steps. */
export interface Baseline {
  readonly params: number
  readonly median: {
    readonly total_s: number
    readonly rollout_s: number
    readonly judge_s: number
    readonly update_s: number
  }
  readonly peak_rss_mib: number
  /** What its tensors took of the device: torch's own count, which HMX's ledger is not to be compared with. */
  readonly peak_cuda_mib?: number
  readonly versions: { readonly [name: string]: string }
}

/** One turn of each. */
export interface Round {
  /** The machine's load averages when it began. */
  readonly load: ReadonlyArray<number>
  readonly ours: Ours
  readonly trl: Baseline | undefined
  /** On CUDA: MiB that each side took of the device, by one measure (`deviceMemory.ts`); undefined where it could not be taken. */
  readonly device?: { readonly ours: number | undefined; readonly trl: number | undefined }
}

/** The steps that count: the first warms up where there are more. */
export const measured = ({ steps }: Ours): Ours["steps"] => (steps.length > 1 ? steps.slice(1) : steps)

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2
}

/**
 * Medians over the rounds of each round's own ratio: a machine that is slower in one round is slower for both. Memory is resident memory, on CUDA what
 * was taken of the device: of both sides the same measure, or no ratio.
 */
export const ratios = (rounds: ReadonlyArray<Round>) => {
  const both = rounds.flatMap(({ device, ours, trl }) => {
    if (trl === undefined) return []
    const of = (pick: (step: Ours["steps"][number]) => number) => median(measured(ours).map(pick))
    return [
      {
        total: trl.median.total_s / of((s) => s.total),
        rollout: trl.median.rollout_s / of((s) => s.rollout),
        judge: trl.median.judge_s / of((s) => s.judge),
        update: trl.median.update_s / of((s) => s.update),
        peakMemory:
          device === undefined
            ? ours.peakRss / trl.peak_rss_mib
            : device.ours === undefined || device.trl === undefined
              ? undefined
              : device.ours / device.trl,
      },
    ]
  })
  if (both.length === 0) return undefined
  const of = (pick: (ratio: (typeof both)[number]) => number) => median(both.map(pick))
  const memory = both.flatMap(({ peakMemory }) => peakMemory ?? [])
  return {
    total: of((r) => r.total),
    rollout: of((r) => r.rollout),
    judge: of((r) => r.judge),
    update: of((r) => r.update),
    peakMemory: memory.length === both.length ? median(memory) : undefined,
  }
}
