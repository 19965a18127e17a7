/** Bytes in binary units, as people read them: "1.50 GiB". */
export const amount = (bytes: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"]
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 ? Math.round(value) : value.toPrecision(value >= 1000 ? 4 : 3)} ${units[power]}`
}
