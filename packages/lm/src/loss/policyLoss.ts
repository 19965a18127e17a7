import { withDefaults } from "./defaults.ts"
import { entropyBonus } from "./entropyBonus.ts"
import { lossKinds } from "./kinds/index.ts"
import { k3 } from "./kl.ts"
import type { LossInputs, LossResult, PolicyLossOptions } from "./LossInputs.ts"
import { prepareRow } from "./prepareRow.ts"
import { entropyThreshold, isOffPolicy } from "./tokenMasks.ts"

/**
 * A policy loss after TRL (`GRPOTrainer._compute_loss`): Σ weight · (policy term + β · k3), its gradient with respect to every
 * log-probability, and TRL's metrics. f64 throughout; the gradient is derived by hand. Linear in rows: the micro-batches of one
 * update add up, given the same normalisers (but for `topEntropyQuantile`, whose threshold is of these rows).
 * Throws a RangeError where the arrays of a row do not fit.
 */
export const policyLoss = (options: PolicyLossOptions, inputs: LossInputs): LossResult => {
  const full = withDefaults(options)
  const kind = lossKinds[full.loss]
  const rows = inputs.rows.map((row, i) => prepareRow(row, full, i))
  const ownTokens = rows.reduce((sum, row) => sum + row.places.length, 0)
  const rowsInBatch = inputs.rowsInBatch ?? rows.length
  const accumulation = rowsInBatch / rows.length
  const normalisers = {
    rows: rowsInBatch,
    tokens: Math.max(inputs.tokensInBatch ?? ownTokens, 1),
    tokensInMicroBatch: inputs.tokensInMicroBatch ?? Math.max(ownTokens, 1) * accumulation,
    maxCompletionLength: inputs.maxCompletionLength,
  }
  const threshold = entropyThreshold(rows, full.topEntropyQuantile)

  let loss = 0
  let klSum = 0
  let entropySum = 0
  let entropies = 0
  const gradient = rows.map((row) => {
    const weight = kind.weight(row, normalisers)
    const termOf = kind.term(full, row)
    const dropped = isOffPolicy(row, full)
    const out = new Float64Array(row.length)
    let byRowRatio = 0
    row.places.forEach((place, i) => {
      const logprob = row.logprobs[i] ?? Number.NaN
      const ratio = row.ratios[i] ?? Number.NaN
      const entropy = row.entropies?.[i]
      if (entropy !== undefined) {
        entropySum += entropy
        entropies += 1
      }
      let value = 0
      let byRatio = 0
      let byLogprob = 0
      if (!dropped && (entropy ?? Number.POSITIVE_INFINITY) >= threshold) {
        ;({ value, byRatio, byLogprob } = termOf(ratio, logprob))
      }
      if (row.refLogprobs !== undefined) {
        const kl = k3(logprob, row.refLogprobs[i] ?? Number.NaN)
        const factor = full.biasCorrectionKl ? ratio : 1
        value += full.beta * kl.value * factor
        byLogprob += full.beta * kl.byLogprob * factor
        if (full.biasCorrectionKl) byRatio += full.beta * kl.value
        klSum += kl.value * factor
      }
      loss += weight * value
      out[place] = weight * byLogprob
      // d ratio / d logprob is the ratio; the ratio of a sequence is moved by each of its tokens.
      if (row.sequenceLevel) byRowRatio += weight * byRatio
      else out[place] = weight * (byLogprob + byRatio * ratio)
    })
    if (row.sequenceLevel) {
      const each = (byRowRatio * (row.ratios[0] ?? 0)) / row.places.length
      for (const place of row.places) out[place] = (out[place] ?? 0) + each
    }
    return out
  })

  const metrics = Object.entries({
    ...(full.beta === 0 ? {} : { kl: klSum / ownTokens }),
    entropy: entropySum / entropies,
    ...kind.metrics(full, rows),
  }).filter(([, value]) => Number.isFinite(value))
  if (full.entropyCoef === 0) return { loss, gradient, metrics: Object.fromEntries(metrics) }

  const bonus = entropyBonus(rows, threshold, full.entropyCoef / accumulation)
  return {
    loss: loss - bonus.value,
    gradient,
    entropyGradient: bonus.gradient,
    metrics: { ...Object.fromEntries(metrics), policy_loss: loss, entropy_coef: full.entropyCoef },
  }
}
