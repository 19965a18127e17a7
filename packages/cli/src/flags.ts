/** The flags that several commands share. Each is read in `experiment.ts` or `model.ts`. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import type { Device } from "./Models.ts"
import { amount, asJson, optional, text, toggle, whole } from "./flagKinds.ts"

/** As a template's variables are meant: true, false and numbers are those, anything else is text. */
const valueOf = (text: string): string | number | boolean =>
  text === "true" || text === "false" ? text === "true" : /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text

/** How a chat becomes the model's input. */
const template = Flag.KeyValuePair("template").pipe(
  Flag.withMetavar("name=value"),
  Flag.withDescription("A variable of the model's chat template, such as enable_thinking=false; may be repeated"),
  Flag.map((pairs) => Object.fromEntries(Object.entries(pairs).map(([name, text]) => [name, valueOf(text)]))),
)

/** What of an experiment a flag may change. */
export const experiment = {
  seed: optional(whole("seed", 0).pipe(Flag.withDescription("Seed, in place of the experiment's"))),
  steps: optional(whole("steps", 1).pipe(Flag.withDescription("Updates, in place of the experiment's"))),
  model: text(
    "model",
    "model",
    "nano, a checkpoint folder, or owner/name[@revision] on the hub, in place of the experiment's",
  ),
  template: optional(template),
  memory: text("memory", "size", 'Memory budget, such as "2 GiB", in place of the experiment\'s'),
}

/** What a run may use in all, before and after it goes on. */
export const budget = {
  maxTime: text(
    "max-time",
    "time",
    'Stop, saved, when the steps have taken so long: "90 s", "20 min", "2 h"; of each arm',
  ),
  maxTokens: optional(
    whole("max-tokens", 1).pipe(
      Flag.withDescription("Stop, saved, after so many tokens of prompts and answers; of each arm"),
    ),
  ),
}

export const arm = {
  arm: text("arm", "name", "Of a contrast or a sweep: this arm alone"),
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
  merged: toggle("merged", "Write the whole model, with the adapter in its weights"),
  step: optional(whole("step", 1).pipe(Flag.withDescription("After so many steps (default: the last checkpoint)"))),
}

/** Whom `chat` talks to, and how it answers. */
export const chat = {
  model: text("model", "model", "nano, a checkpoint folder, or owner/name[@revision] on the hub (default: nano)"),
  adapter: text("adapter", "folder", "A run's folder, or an adapter in PEFT's format"),
  template: optional(template),
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

const isDevice = (text: string): text is Device => /^(?:cpu|cuda(?::\d{1,2})?)$/.test(text)

const engineMemory = amount("engine-memory")

/** Where tensors are computed. */
export const engine = {
  engine: Flag.Literals("engine", ["tfjs", "torch", "tensorflow", "auto"]).pipe(
    Flag.withDescription("Tensor engine; auto takes the best one that is here (default: tfjs)"),
    Flag.withDefault("tfjs"),
  ),
  device: optional(
    Flag.String("device").pipe(
      Flag.withMetavar("device"),
      Flag.filterMap(
        (text) => (isDevice(text) ? Option.some(text) : Option.none()),
        () => "cpu, cuda or cuda:N, the GPU of that number from 0",
      ),
      Flag.withDescription(
        "cpu, cuda or cuda:N, of torch and tensorflow (default: cpu; with auto a GPU where there is one)",
      ),
    ),
  ),
  backend: optional(
    Flag.Literals("backend", ["wasm", "cpu"]).pipe(Flag.withDescription("Backend of the engine tfjs (default: wasm)")),
  ),
  compute: optional(
    Flag.Literals("compute", ["f32", "stored"]).pipe(
      Flag.withDescription(
        "Of torch: multiply bf16 and f16 weights in f32, or in the type they are stored in (default: what the device is fast at)",
      ),
    ),
  ),
  threads: optional(
    whole("threads", 1).pipe(Flag.withDescription("Threads of the engine (default: the engine's choice)")),
  ),
  engineMemory: optional(
    engineMemory.pipe(
      Flag.withDescription('The most that tensors may take, such as "8 GiB" (default: the memory of machine or GPU)'),
    ),
  ),
}

/** Of a run that goes on: what ran out before may be enough now. */
export const memoryOfRun = {
  engineMemory: optional(
    engineMemory.pipe(
      Flag.withDescription('The most that tensors may take, such as "8 GiB" (default: that of the run\'s start)'),
    ),
  ),
}

export const doctorJson = asJson("Print what was found as JSON")

/** What is printed. */
export const output = {
  quiet: toggle("quiet", "Show no progress: the end's summary alone, and on stderr what went wrong"),
  json: asJson("Print the run's events as JSON, one a line, and nothing else"),
}

export const out = {
  out: text("out", "folder", "Run folder (default: runs/<name>-<seed>-<number>)"),
  keep: optional(whole("keep", 1).pipe(Flag.withDescription("Checkpoints to keep, the last ones (default: all)"))),
}

export const store = {
  store: text(
    "store",
    "folder",
    "Finished work that runs share; none: no store (default: HMX_STORE, else runs/.store)",
  ),
}

/** Who runs the arms, where it is not this process. */
export const workers = {
  workers: text(
    "workers",
    "url",
    "Of a contrast or a sweep: give the arms to the workers of this database (hmx worker)",
  ),
  detach: toggle("detach", "With --workers: do not wait for the arms to end"),
}

/** How a worker works. */
export const worker = {
  store: Flag.String("store").pipe(
    Flag.withMetavar("url"),
    Flag.withDescription("Database where workers meet: postgres://USER@HOST/DATABASE, or sqlite:FILE on one machine"),
  ),
  runs: text(
    "runs",
    "folder",
    "Where the shared run folders lie on this machine (default: where they lay at their start)",
  ),
  once: toggle("once", "Leave when no arm is open"),
  lease: whole("lease", 2).pipe(
    Flag.withMetavar("seconds"),
    Flag.withDescription("Seconds without a word after which others take a worker's arm over (default: 10)"),
    Flag.withDefault(10),
  ),
}

export const quiet = {
  quiet: toggle("quiet", "Say which arms are taken, and no more"),
}

/** The store with which a run began, unless another is named. */
export const storeOfRun = {
  store: text("store", "folder", "Finished work that runs share; none: no store (default: the one of the run's start)"),
}

export const force = {
  force: toggle("force", "Go on with an experiment that has changed since; the record says what and where"),
}

/** What a replay changes. */
export const replay = {
  from: Flag.String("from").pipe(
    Flag.withMetavar("stage"),
    Flag.withDescription("First stage that runs again (default: SelfJudge)"),
    Flag.withDefault("SelfJudge"),
  ),
  rubric: text("rubric", "file#export", "Another rubric (default: the experiment's)"),
  reversed: toggle("reversed", "Turn the rubric's scale round"),
  judge: optional(
    Flag.Literals("judge", ["live", "frozen"]).pipe(
      Flag.withDescription("Who reads it: the policy of each step, or the base (default: the experiment's)"),
    ),
  ),
  json: asJson("Print what was found as JSON"),
}

export const dryRun = {
  dryRun: toggle("dry-run", "Say what would go, and remove nothing"),
}

export const removeDamaged = {
  remove: toggle("remove", "Remove what is damaged; it is made again when it is needed"),
}

export const yes = {
  yes: toggle("yes", "Do not ask"),
}

const GITHUB = process.env["GITHUB_ACTIONS"] === "true"

/** What `check` looks at, and how it says it. */
export const check = {
  fast: toggle("fast", "Leave the type checker out"),
  fix: toggle("fix", "Make the changes that are certain (docs/check.md says which)"),
  json: asJson("Print one JSON value"),
  github: Flag.Boolean("github").pipe(
    Flag.withDescription("Print GitHub annotations (the default where GITHUB_ACTIONS is set)"),
    Flag.withDefault(GITHUB),
  ),
  noCache: toggle("no-cache", "Compute everything anew, and keep nothing"),
}

/** What a plan is printed as; as lines of text without. */
export const planned = {
  json: asJson("Print the plan as JSON"),
}

/** How a graph is drawn; as lines of text without either. */
export const graph = {
  svg: toggle("svg", "Print a picture in SVG"),
  mermaid: toggle("mermaid", "Print Mermaid's notation"),
}

/** How laws are tried. */
export const laws = {
  cases: optional(
    whole("cases", 1).pipe(Flag.withDescription("Cases a law (default: 1000; 250 where a rubric is read)")),
  ),
  seed: optional(whole("seed", 0).pipe(Flag.withDescription("Seed of the cases (default: 1)"))),
  judges: toggle("judges", "Load the pipelines' models as well, and try them as judges"),
  json: asJson("Print what was found as JSON"),
}
