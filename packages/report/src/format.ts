/** Numbers as people read them, with their units. */

export { amount as bytes } from "hmx"

/** Seconds as "8.2 s", "3 min 20 s" or "2 h 5 min". */
export const duration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return "–"
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** Three decimals. */
export const fixed = (n: number): string => {
  if (!Number.isFinite(n)) return "–"
  const text = Math.abs(n).toFixed(3)
  return n < 0 && Number(text) !== 0 ? `−${text}` : text
}

/** Three decimals, or a power of ten where those would say nothing. */
export const figure = (n: number): string => {
  if (!Number.isFinite(n)) return "–"
  const size = Math.abs(n)
  const text = size !== 0 && (size < 0.001 || size >= 1e6) ? size.toExponential(2) : size.toFixed(3)
  return n < 0 && Number(text) !== 0 ? `−${text}` : text
}

/** With its sign: "+0.120", "−0.120", "0.000". */
export const change = (n: number): string => {
  const text = figure(n)
  return n > 0 && Number(text) !== 0 && Number.isFinite(n) ? `+${text}` : text
}
