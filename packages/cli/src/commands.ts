/** The tree of commands: names, flags, descriptions. What a command does is loaded when it is asked for. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as flags from "./flags.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("Pipeline file: its default export is an experiment"),
)
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

const test = Command.make(
  "test",
  {
    files: Argument.String("files").pipe(
      Argument.variadic(),
      Argument.withDescription("Pipeline files (default: pipelines/*.ts)"),
    ),
    ...flags.laws,
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./test.ts")),
      (command) => command.test(options),
    ),
).pipe(Command.withDescription("Try the laws of every reward and rubric that pipelines use"))

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

/** `hmx`. */
export const hmx = Command.make("hmx").pipe(
  Command.withDescription("Reinforcement-learning experiments on small language models"),
  Command.withSubcommands([run, resume, plan, test, runs]),
)
