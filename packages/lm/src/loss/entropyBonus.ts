import type { PreparedRow } from "./prepareRow.ts"

/** coefficient × the mean entropy of the tokens that carry the policy's gradient, and its (negative) gradient by the entropies. */
export const entropyBonus = (rows: ReadonlyArray<PreparedRow>, threshold: number, coefficient: number) => {
  let sum = 0
  let count = 0
  for (const row of rows) {
    for (const entropy of row.entropies ?? []) {
      if (entropy < threshold) continue
      sum += entropy
      count += 1
    }
  }
  const each = coefficient / Math.max(count, 1)
  const gradient = rows.map((row) => {
    const out = new Float64Array(row.length)
    row.entropies?.forEach((entropy, i) => {
      const place = row.places[i]
      if (place !== undefined && entropy >= threshold) out[place] = -each
    })
    return out
  })
  return { value: each * sum, gradient }
}
