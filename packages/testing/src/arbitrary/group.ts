import * as fc from "fast-check"
import type { Reward } from "hmx"
import { asked, completionOf, type Prompts } from "./completion.ts"

/** Options of {@link group}. */
export interface GroupOptions extends Prompts {
  /** Default 2. */
  readonly minSize?: number
  /** Default 6. */
  readonly maxSize?: number
}

/**
 * Groups: completions of one prompt, some of them given twice, as a model that has lost its variety does.
 *
 * @example
 * import * as fc from "fast-check"
 * import { group } from "@hmx/testing"
 *
 * fc.assert(fc.property(group({ maxSize: 4 }), (completions) => completions.every((c) => c.id === completions[0]?.id)))
 */
export const group = (options: GroupOptions = {}): fc.Arbitrary<ReadonlyArray<Reward.Completion>> => {
  const { minSize = 2, maxSize = 6 } = options
  return asked(options).chain((prompt) =>
    fc
      .tuple(
        fc.array(completionOf(prompt), { minLength: minSize, maxLength: maxSize }),
        fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      )
      .map(([completions, twice]) =>
        completions.map((c, i) => (twice && i === completions.length - 1 ? (completions[0] ?? c) : c)),
      ),
  )
}
