/**
 * Rust's `String::from_utf8` as the reference's byte-fallback decoder uses it: a run of byte tokens is text if the whole run is
 * UTF-8 (a leading U+FEFF included), and else one U+FFFD a byte. A web TextDecoder merges some of those and drops the U+FEFF.
 */
export class ByteRunDecoder extends TextDecoder {
  constructor() {
    super("utf-8", { fatal: true, ignoreBOM: true })
  }

  override decode(bytes: Uint8Array): string {
    try {
      return super.decode(bytes)
    } catch {
      return "\uFFFD".repeat(bytes.length)
    }
  }
}
