import * as fc from "fast-check"

/**
 * The same texts, made smaller by taking out pieces: first everything, then halves, quarters and so on down to a 64th, which in the
 * end is a single code point. What is left of a counterexample is what matters, whichever kind of text it came from.
 */
export class Shorter extends fc.Arbitrary<string> {
  readonly #texts: fc.Arbitrary<string>
  constructor(texts: fc.Arbitrary<string>) {
    super()
    this.#texts = texts
  }
  override generate(random: fc.Random, bias: number | undefined): fc.Value<string> {
    return new fc.Value(this.#texts.generate(random, bias).value, undefined)
  }
  override canShrinkWithoutContext(value: unknown): value is string {
    return typeof value === "string"
  }
  override shrink(value: string): fc.Stream<fc.Value<string>> {
    return fc.stream(shorter(value)).map((text) => new fc.Value(text, undefined))
  }
}

function* shorter(text: string): IterableIterator<string> {
  const points = Array.from(text)
  const least = Math.ceil(points.length / 64)
  for (let size = points.length; size >= least && size > 0; size = Math.floor(size / 2)) {
    for (let at = 0; at < points.length; at += size) {
      yield [...points.slice(0, at), ...points.slice(at + size)].join("")
    }
  }
}
