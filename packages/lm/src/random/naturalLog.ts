const bits = new DataView(new ArrayBuffer(8))

/** ln x for normal x > 0, from IEEE arithmetic alone: the same bits wherever JavaScript runs (`Math.log` promises no bits). */
export const naturalLog = (x: number): number => {
  bits.setFloat64(0, x)
  const high = bits.getUint32(0)
  let exponent = (high >>> 20) - 1023
  bits.setUint32(0, (high & 0xfffff) | (1023 << 20))
  let mantissa = bits.getFloat64(0)
  if (mantissa > Math.SQRT2) {
    mantissa /= 2
    exponent += 1
  }
  // ln m = 2 artanh((m − 1) / (m + 1)); |s| ≤ 0.172, so the 12th term is below 2⁻⁵³.
  const s = (mantissa - 1) / (mantissa + 1)
  const s2 = s * s
  let series = 0
  for (let k = 23; k >= 1; k -= 2) series = series * s2 + 1 / k
  return exponent * Math.LN2 + 2 * s * series
}
