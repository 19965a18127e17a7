/** The tree of commands: names, flags, descriptions. What a command does is loaded when it is asked for. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as flags from "./flags.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("Pipeline file: its default export is an experiment"),
)
const files = Argument.String("file").pipe(
  Argument.withDescription("Pipeline files, each with an experiment as its default export"),
  Argument.atLeast(1),
)
const kind = Argument.Literals("kind", ["pipeline", "reward", "stage"]).pipe(
  Argument.withDescription("What to write: pipeline, reward or stage"),
)
const name = Argument.String("name").pipe(Argument.withDescription("Its name, such as length-bonus"))
const folder = Argument.String("run").pipe(Argument.withDescription("Run folder"))

const run = Command.make(
  "run",
  { file, ...flags.experiment, ...flags.out, ...flags.engine, ...flags.output },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./run.ts")),
      (command) => command.run(options),
    ),
).pipe(Command.withDescription("Train: run an experiment from its first step"))

const resume = Command.make("resume", { run: folder, ...flags.engine, ...flags.output }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./resume.ts")),
    (command) => command.resume(options),
  ),
).pipe(Command.withDescription("Go on with a run after its last checkpoint"))

const plan = Command.make("plan", { file, ...flags.experiment }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./plan.ts")),
    (command) => command.plan(options),
  ),
).pipe(Command.withDescription("Say what a run would do and reserve; reads no weights, writes nothing"))

const ls = Command.make("ls", {}, () =>
  Effect.flatMap(
    Effect.promise(() => import("./runs.ts")),
    (command) => command.ls,
  ),
).pipe(Command.withDescription("List the runs under runs/"))

const show = Command.make("show", { run: folder }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./runs.ts")),
    (command) => command.show(options),
  ),
).pipe(Command.withDescription("Print a run's benchmark table, answers and adapter"))

const runs = Command.make("runs").pipe(
  Command.withDescription("Look at finished and unfinished runs"),
  Command.withSubcommands([ls, show]),
)

const check = Command.make("check", { files, ...flags.check }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./check.ts")),
    (command) => command.check(options),
  ),
).pipe(
  Command.withDescription(
    "Look for mistakes in pipelines: types, wiring, options, rewards, questions; reads no weights",
  ),
)

const graph = Command.make("graph", { file, ...flags.graph }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./graph.ts")),
    (command) => command.graph(options),
  ),
).pipe(Command.withDescription("Draw what passes between the stages, and what each of them holds; reads no weights"))

const start = Command.make("new", { kind, name }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./new.ts")),
    (command) => command.start(options),
  ),
).pipe(
  Command.withDescription("Write a pipeline, a reward or a stage to begin with, and its test; nothing is overwritten"),
)

/** `hmx`. */
export const hmx = Command.make("hmx").pipe(
  Command.withDescription("Reinforcement-learning experiments on small language models"),
  Command.withSubcommands([run, resume, plan, check, graph, start, runs]),
)
