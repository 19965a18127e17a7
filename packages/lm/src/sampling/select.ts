/** The value at place `k` (from 0) of the ascending order; reorders `values`. Hoare's quickselect: O(n) on average. */
export const select = (values: Float32Array, k: number): number => {
  const at = (i: number) => values[i] ?? 0
  let left = 0
  let right = values.length - 1
  while (left < right) {
    const pivot = at((left + right) >>> 1)
    let i = left
    let j = right
    while (i <= j) {
      while (at(i) < pivot) i++
      while (at(j) > pivot) j--
      if (i > j) break
      const low = at(j)
      values[j] = at(i)
      values[i] = low
      i++
      j--
    }
    if (k <= j) right = j
    else if (k >= i) left = i
    else break
  }
  return at(k)
}
