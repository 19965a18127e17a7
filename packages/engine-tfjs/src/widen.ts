/** The bits of bf16 or f16 numbers as f32, exactly. */
export function widen(bits: Uint16Array, dtype: "bf16" | "f16"): Float32Array {
  if (dtype === "bf16") {
    // bf16 is the upper half of an f32.
    const words = new Uint32Array(bits.length)
    for (let i = 0; i < bits.length; i++) words[i] = (bits[i] ?? 0) << 16
    return new Float32Array(words.buffer)
  }
  return Float32Array.from(bits, half)
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
