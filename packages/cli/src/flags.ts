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
      Flag.withDescription(
        "nano, a checkpoint folder, or owner/name[@revision] on the hub, in place of the experiment's",
      ),
    ),
  ),
  memory: optional(
    Flag.String("memory").pipe(
      Flag.withMetavar("size"),
      Flag.withDescription('Memory budget, such as "2 GiB", in place of the experiment\'s'),
    ),
  ),
}

/** What memory is wanted for. */
export const sizes = {
  groupSize: whole("group-size", 2).pipe(Flag.withDescription("Answers a prompt (default: 8)"), Flag.withDefault(8)),
  tokens: whole("tokens", 1).pipe(
    Flag.withDescription("Tokens of the prompt and of each answer (default: 256)"),
    Flag.withDefault(256),
  ),
  rank: whole("rank", 1).pipe(Flag.withDescription("Rank of the adapter (default: 8)"), Flag.withDefault(8)),
}

/** What `export` writes, and where. */
export const exported = {
  out: Flag.String("out").pipe(Flag.withMetavar("folder"), Flag.withDescription("New folder to write to")),
  merged: Flag.Boolean("merged").pipe(
    Flag.withDescription("Write the whole model, with the adapter in its weights"),
    Flag.withDefault(false),
  ),
  step: optional(whole("step", 1).pipe(Flag.withDescription("After so many steps (default: the last checkpoint)"))),
}

/** Whom `chat` talks to, and how it answers. */
export const chat = {
  model: optional(
    Flag.String("model").pipe(
      Flag.withMetavar("model"),
      Flag.withDescription("nano, a checkpoint folder, or owner/name[@revision] on the hub (default: nano)"),
    ),
  ),
  adapter: optional(
    Flag.String("adapter").pipe(
      Flag.withMetavar("folder"),
      Flag.withDescription("A run's folder, or an adapter in PEFT's format"),
    ),
  ),
  tokens: whole("tokens", 1).pipe(
    Flag.withDescription("Most tokens of an answer (default: 256)"),
    Flag.withDefault(256),
  ),
  temperature: Flag.Finite("temperature").pipe(
    Flag.withMetavar("t"),
    Flag.filter(
      (t) => t >= 0,
      () => "a number of at least 0",
    ),
    Flag.withDescription("0 is greedy (default: 0.8)"),
    Flag.withDefault(0.8),
  ),
  seed: optional(whole("seed", 0).pipe(Flag.withDescription("Keys the random numbers (default: 0)"))),
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
