/** Adds one integer to a running 32-bit hash (the finaliser of MurmurHash3). Not for secrets. */
export const mix = (hash: number, value: number): number => {
  let h = Math.imul(hash ^ value, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Adds a text, unit by unit, and its length. */
export const mixText = (hash: number, text: string): number => {
  let h = hash
  for (let i = 0; i < text.length; i++) h = mix(h, text.charCodeAt(i))
  return mix(h, text.length)
}

/** Adds tokens and their number. */
export const mixTokens = (hash: number, tokens: ReadonlyArray<number>): number => {
  let h = hash
  for (const token of tokens) h = mix(h, token)
  return mix(h, tokens.length)
}

/** 16 hex digits of a text, as digests are written elsewhere. */
export const digest = (text: string): string => {
  const half = (seed: number) => mixText(seed, text).toString(16).padStart(8, "0")
  return half(0x9e3779b9) + half(0x7f4a7c15)
}
