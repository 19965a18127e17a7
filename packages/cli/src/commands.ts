/** The tree of commands: names, flags, descriptions. What a command does is loaded when it is asked for. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { data, evaluate } from "./eval/commands.ts"
import { toggle } from "./flagKinds.ts"
import * as flags from "./flags.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("Pipeline file: its default export is an experiment, a contrast or a sweep"),
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
  {
    file,
    ...flags.arm,
    ...flags.experiment,
    ...flags.budget,
    ...flags.out,
    ...flags.store,
    ...flags.workers,
    ...flags.engine,
    ...flags.output,
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./run.ts")),
      (command) => command.run(options),
    ),
).pipe(Command.withDescription("Train: run an experiment, or the arms of a contrast or a sweep, from the first step"))

const unfinished = Argument.String("run").pipe(
  Argument.withDescription("Run folder (default: the unfinished run under runs/ that began last)"),
  Argument.optional,
  Argument.map(Option.getOrUndefined),
)

const resume = Command.make(
  "resume",
  {
    run: unfinished,
    ...flags.budget,
    ...flags.force,
    ...flags.storeOfRun,
    ...flags.memoryOfRun,
    ...flags.workers,
    ...flags.output,
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./resume.ts")),
      (command) => command.resume(options),
    ),
).pipe(Command.withDescription("Go on with a run after its last checkpoint, on the engine that it began with"))

const worker = Command.make("worker", { ...flags.worker, ...flags.engine, ...flags.quiet }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./worker.ts")),
    (command) => command.worker(options),
  ),
).pipe(
  Command.withDescription("Take arms of contrasts and sweeps from a database, and run them, on any number of machines"),
)

const plan = Command.make(
  "plan",
  { file, ...flags.arm, ...flags.experiment, ...flags.store, ...flags.engine, ...flags.planned, ...flags.graph },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./plan.ts")),
      (command) => command.plan(options),
    ),
).pipe(
  Command.withDescription("Say what a run would hold, take and find done, and why; reads no weights, writes nothing"),
)

const replay = Command.make("replay", { run: folder, ...flags.replay, ...flags.storeOfRun }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./replay.ts")),
    (command) => command.replay(options),
  ),
).pipe(
  Command.withDescription("Judge a run's stored answers again by another rubric or judge; samples and trains nothing"),
)

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

const diff = Command.make(
  "diff",
  {
    a: Argument.String("a").pipe(Argument.withDescription("Run folder")),
    b: Argument.String("b").pipe(Argument.withDescription("Run folder to put beside it")),
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./runsDiff.ts")),
      (command) => command.diff(options),
    ),
).pipe(Command.withDescription("Say what two runs did otherwise, and put their figures side by side"))

const rm = Command.make(
  "rm",
  {
    runs: Argument.String("runs").pipe(Argument.withDescription("Run folders"), Argument.atLeast(1)),
    ...flags.yes,
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./runsRemove.ts")),
      (command) => command.remove(options),
    ),
).pipe(Command.withDescription("Delete runs; one that a process works on is refused"))

const runs = Command.make("runs").pipe(
  Command.withDescription("Look at finished and unfinished runs"),
  Command.withSubcommands([ls, show, diff, rm]),
)

const storeLs = Command.make("ls", { ...flags.store }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./store.ts")),
    (command) => command.ls(options),
  ),
).pipe(Command.withDescription("Say what the store holds, by stage"))

const storeGc = Command.make("gc", { ...flags.store, ...flags.dryRun }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./store.ts")),
    (command) => command.gc(options),
  ),
).pipe(Command.withDescription("Remove what no run uses and what is older than an hour"))

const storeVerify = Command.make("verify", { ...flags.store, ...flags.removeDamaged }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./store.ts")),
    (command) => command.verify(options),
  ),
).pipe(Command.withDescription("Look for damaged pieces; exit code 1 where there are any"))

const store = Command.make("store").pipe(
  Command.withDescription("Look at the finished work that runs share, and tidy it"),
  Command.withSubcommands([storeLs, storeGc, storeVerify]),
)

const model = Command.make(
  "model",
  {
    model: Argument.String("model").pipe(
      Argument.withDescription("nano, a checkpoint folder, or owner/name[@revision] on the hub"),
    ),
    ...flags.sizes,
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./model.ts")),
      (command) => command.model(options),
    ),
).pipe(Command.withDescription("Say what a model is and what memory it wants; reads and downloads no weights"))

const exported = Command.make("export", { run: folder, ...flags.exported }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./export.ts")),
    (command) => command.exportRun(options),
  ),
).pipe(Command.withDescription("Write a run's adapter for PEFT, or the model with the adapter merged into it"))

const chat = Command.make("chat", { ...flags.chat, ...flags.engine }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./chat.ts")),
    (command) => command.chat(options),
  ),
).pipe(Command.withDescription("Talk to a model, one line a turn"))

const engineName = Argument.String("name").pipe(Argument.withDescription("torch or tensorflow"))

const engineInstall = Command.make(
  "install",
  {
    name: engineName,
    cuda: toggle("cuda", "With CUDA, for an NVIDIA GPU (several GB)"),
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./engine/commands.ts")),
      (command) => command.install(options),
    ),
).pipe(Command.withDescription("Install an engine into HMX's engine folder"))

const engineLs = Command.make("ls", {}, () =>
  Effect.flatMap(
    Effect.promise(() => import("./engine/commands.ts")),
    (command) => command.ls,
  ),
).pipe(Command.withDescription("List the engines that are here, and how each was found"))

const engineRemove = Command.make("remove", { name: engineName }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./engine/commands.ts")),
    (command) => command.remove(options),
  ),
).pipe(Command.withDescription("Delete an engine that was installed here"))

const engine = Command.make("engine").pipe(
  Command.withDescription("Install, list and remove tensor engines"),
  Command.withSubcommands([engineInstall, engineLs, engineRemove]),
)

const doctor = Command.make("doctor", { json: flags.doctorJson }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./doctor/doctor.ts")),
    (command) => command.doctor(options),
  ),
).pipe(Command.withDescription("Look at this machine: engines, GPU, memory, which models fit, what to do"))

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
  Command.withSubcommands([
    run,
    resume,
    worker,
    replay,
    plan,
    check,
    graph,
    test,
    start,
    runs,
    store,
    model,
    evaluate,
    data,
    exported,
    chat,
    engine,
    doctor,
  ]),
)
