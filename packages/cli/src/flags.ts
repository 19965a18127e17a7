/** The flags that several commands share. Each is read in `experiment.ts` or `model.ts`. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

const whole = (name: string, least: number) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("n"),
    Flag.filter(
      (n) => n >= least,
      () => `a whole number of at least ${least}`,
    ),
  )

const optional = <A>(flag: Flag.Flag<A>): Flag.Flag<A | undefined> =>
  Flag.map(Flag.optional(flag), Option.getOrUndefined)

/** What of an experiment a flag may change. */
export const experiment = {
  seed: optional(whole("seed", 0).pipe(Flag.withDescription("Seed, in place of the experiment's"))),
  steps: optional(whole("steps", 1).pipe(Flag.withDescription("Updates, in place of the experiment's"))),
  model: optional(
    Flag.String("model").pipe(
      Flag.withMetavar("model"),
      Flag.withDescription("nano, or a checkpoint folder in Hugging Face's layout, in place of the experiment's model"),
    ),
  ),
  memory: optional(
    Flag.String("memory").pipe(
      Flag.withMetavar("size"),
      Flag.withDescription('Memory budget, such as "2 GiB", in place of the experiment\'s'),
    ),
  ),
}

/** Where tensors are computed. */
export const engine = {
  engine: Flag.Literals("engine", ["tfjs", "torch"]).pipe(
    Flag.withDescription("Tensor engine (default: tfjs)"),
    Flag.withDefault("tfjs"),
  ),
  backend: Flag.Literals("backend", ["wasm", "cpu", "tensorflow"]).pipe(
    Flag.withDescription("Backend of the engine tfjs (default: wasm)"),
    Flag.withDefault("wasm"),
  ),
  threads: optional(
    whole("threads", 1).pipe(Flag.withDescription("Threads of the engine (default: the engine's choice)")),
  ),
}

/** What is printed. */
export const output = {
  quiet: Flag.Boolean("quiet").pipe(Flag.withDescription("Print the end's summary only"), Flag.withDefault(false)),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the run's events as JSON, one a line, and nothing else"),
    Flag.withDefault(false),
  ),
}

export const out = {
  out: optional(
    Flag.String("out").pipe(
      Flag.withMetavar("folder"),
      Flag.withDescription("Run folder (default: runs/<name>-<seed>-<number>)"),
    ),
  ),
  keep: optional(whole("keep", 1).pipe(Flag.withDescription("Checkpoints to keep, the last ones (default: all)"))),
}

/** How laws are tried. */
export const laws = {
  cases: optional(
    whole("cases", 1).pipe(Flag.withDescription("Cases a law (default: 1000; 250 where a rubric is read)")),
  ),
  seed: optional(whole("seed", 0).pipe(Flag.withDescription("Seed of the cases (default: 1)"))),
  judges: Flag.Boolean("judges").pipe(
    Flag.withDescription("Load the pipelines' models as well, and try them as judges"),
    Flag.withDefault(false),
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print what was found as JSON"), Flag.withDefault(false)),
}
