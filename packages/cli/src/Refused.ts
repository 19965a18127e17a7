/** What the user gave does not do, in words of its own (a wiring sentence, a table). Ends the process with exit code 2. */
import * as Data from "effect/Data"

export class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}
