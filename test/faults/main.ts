/**
 * Breaks runs on purpose, prints what became of them as a table, and then as one line of JSON. Exit 1 where anything was lost.
 *
 *   npm run test:faults -- [--kills 200] [--nano 20] [--ooms 60] [--nans 12] [--deaths 6] [--runs 100] [--seed 1] [--engine tfjs] [--engine torch]
 *
 * --kills N   processes of a run that are killed (SIGKILL) at moments which the seed decides: --nano of them train nano, a sixth of the
 *             rest dies by the clock, and the others at a counted change to the disk or call of a scripted model
 * --ooms N    runs of nano in which some operation of the engine finds no room, each second one twice
 * --nans N    runs of nano in which one product of a layer is NaN
 * --deaths N  runs of nano whose worker dies at some operation
 * --runs N    runs at once on one store
 */
import { parseArgs } from "node:util"
import { engines, type EngineName, fault, type Faulted } from "./engines.ts"
import { kill } from "./kills.ts"
import { many } from "./many.ts"

const number = (word: string, name: string): number => {
  const n = Number(word)
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`--${name}: found ${word}; expected a whole number`)
  return n
}
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    nano: { type: "string", default: "20" },
    ooms: { type: "string", default: "60" },
    nans: { type: "string", default: "12" },
    deaths: { type: "string", default: "6" },
    runs: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    engine: { type: "string", multiple: true, default: ["tfjs"] },
  },
})
const isEngine = (name: string): name is EngineName => Object.hasOwn(engines, name)
const seed = number(values.seed, "seed")
const kills = number(values.kills, "kills")
const nano = Math.min(kills, number(values.nano, "nano"))
const slow = Math.floor((kills - nano) / 6)
const seconds = () => Math.round(performance.now() / 100) / 10
const row = (...cells: ReadonlyArray<string | number>) =>
  process.stdout.write(`${cells.map((cell, i) => String(cell).padEnd(i === 0 ? 34 : 12)).join("")}\n`)

const started = seconds()
row("", "broken", "recovered", "")
const tell = (n: number): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${n} of ${kills} kills\r`)
}
const killed = await kill({ scripted: kills - nano - slow, slow, nano }, seed, tell)
row("killed, at a counted moment", killed.kills.scripted, killed.survived.scripted)
row("killed, by the clock", killed.kills.slow, killed.survived.slow)
row("killed, nano", killed.kills.nano, killed.survived.nano)
row("finished groups asked for again", killed.finished, "", `${killed.askedAgain} again`)
const faulted: Array<Faulted> = []
for (const engine of values.engine) {
  if (!isEngine(engine))
    throw new RangeError(`--engine: found ${engine}; expected ${Object.keys(engines).join(" or ")}`)
  const counts = {
    ooms: number(values.ooms, "ooms"),
    nans: number(values.nans, "nans"),
    deaths: number(values.deaths, "deaths"),
  }
  const found = await fault(engine, counts, seed)
  faulted.push(found)
  const refused = `${found.refused} typed errors, gradients within ${found.difference.toExponential(1)}`
  row(`no room, nano on ${engine}`, found.ooms, found.recovered, refused)
  row(`NaN in a layer, nano on ${engine}`, found.nans, found.answered)
  row(`worker dead, nano on ${engine}`, found.deaths, found.reloaded)
}
const together = await many(number(values.runs, "runs"))
row(
  "runs at once on one store",
  together.runs,
  together.alike,
  `${together.damaged} of ${together.entries} entries damaged`,
)

const problems = [...killed.problems, ...faulted.flatMap((f) => f.problems)]
const total = killed.kills.scripted + killed.kills.slow + killed.kills.nano
const survived = killed.survived.scripted + killed.survived.slow + killed.survived.nano
const sum = (of: (f: Faulted) => number) => faulted.reduce((all, f) => all + of(f), 0)
const lost =
  survived < total ||
  killed.askedAgain > 0 ||
  problems.length > 0 ||
  together.alike < together.runs ||
  together.damaged > 0
process.stdout.write(`\n${problems.map((problem) => `${problem}\n`).join("")}`)
process.stdout.write(
  `${JSON.stringify({
    seed,
    killsSurvived: survived,
    kills: total,
    oomsRecovered: sum((f) => f.recovered),
    oomsRefused: sum((f) => f.refused),
    ooms: sum((f) => f.ooms),
    nansAnswered: sum((f) => f.answered),
    nans: sum((f) => f.nans),
    deathsReloaded: sum((f) => f.reloaded),
    deaths: sum((f) => f.deaths),
    bytesEqual: !lost,
    askedAgain: killed.askedAgain,
    processes: killed.processes,
    runsAtOnce: together,
    seconds: Math.round(10 * (seconds() - started)) / 10,
  })}\n`,
)
process.exitCode = lost ? 1 : 0
