/** What only a process of its own can show: Node's type stripping, tsc beside it, and signals. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { bin, checkpoint, pipeline, root, sandbox, spawned } from "./sandbox.ts"

const tsc = `${root}/node_modules/.bin/tsc`

describe("a pipeline that Node cannot run", () => {
  it.each([
    ["a syntax error", `const a = ;\n`, /^error: bad\.ts:3: found a syntax error: /],
    [
      "TypeScript that cannot be stripped",
      `enum A { B }\n`,
      /^error: bad\.ts:3: found TypeScript that Node cannot strip: /,
    ],
  ])("for %s: file and line, exit code 2", async (_, text, message) => {
    const folder = sandbox({ "bad.ts": `// one\n// two\n${text}` })
    const { code, err, out } = await spawned(bin, ["run", "bad.ts"], folder)
    expect(err).toMatch(message)
    expect(err.trim().split("\n")).toHaveLength(1)
    expect([code, out]).toEqual([2, ""])
  })
})

describe("a pipeline whose stages do not fit", () => {
  it.each([
    ["GroupAdvantage left out", (all: ReadonlyArray<string>) => all.toSpliced(2, 1)],
    ["Sample left out", (all: ReadonlyArray<string>) => all.slice(1)],
    ["Evaluate left out", (all: ReadonlyArray<string>) => all.slice(0, -1)],
    ["two stages swapped", (all: ReadonlyArray<string>) => [1, 0, 2, 3, 4].flatMap((i) => all[i] ?? [])],
  ])("%s: hmx says tsc's sentence, at tsc's line", async (_, stages) => {
    const config = { extends: `${root}/tsconfig.json`, include: ["*.ts"], exclude: [] }
    const folder = sandbox({ "miswired.ts": pipeline({ stages }), "tsconfig.json": JSON.stringify(config) })
    const checked = await new Promise<string>((done) => {
      execFile(tsc, ["--noEmit", "-p", folder], { cwd: folder, encoding: "utf8" }, (_error, out) => done(out))
    })
    const found = /^miswired\.ts\((\d+),\d+\): error TS\d+: .*'"(✗ [^"]*)"'/m.exec(checked)
    const { code, err } = await spawned(bin, ["run", "miswired.ts"], folder)
    expect(err).toBe(`error: miswired.ts:${found?.[1]}: ${found?.[2]}\n`)
    expect(code).toBe(2)
  })
})

/** The beginning of a real library in both files' places. */
const withBrokenTorch = () => {
  const folder = sandbox({ "brief.ts": pipeline() })
  const head = readFileSync(process.execPath).subarray(0, 100_000)
  for (const name of ["libtorch_cpu.so", "libc10.so"]) writeFileSync(`${folder}/${name}`, head)
  return { folder, env: { HMX_LIBTORCH: folder, HMX_TENSORFLOW: `${folder}/none` } }
}

describe.skipIf(process.platform !== "linux")("a torch whose files are cut off", () => {
  it("is refused in a sentence", async () => {
    const { env, folder } = withBrokenTorch()
    const { code, err } = await spawned(bin, ["run", "brief.ts", "--engine", "torch"], folder, env)
    expect(err).toMatch(/^error: .*: found lib\w+\.so cut off \(100000 bytes of \d+ or more\); expected PyTorch .*\n$/)
    expect([code, existsSync(`${folder}/runs/brief-7-1`)]).toEqual([2, false])
  })
  it("is passed over by auto, and where another device is asked for nothing is announced", async () => {
    const { env, folder } = withBrokenTorch()
    const run = (...flags: ReadonlyArray<string>) =>
      spawned(bin, ["run", "brief.ts", "--quiet", "--steps", "1", "--engine", "auto", ...flags], folder, env)
    const { code, err } = await run()
    expect([code, err]).toEqual([0, "engine: tfjs on cpu (part of HMX (wasm))\n"])
    expect(await run("--device", "cuda")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^error: --engine auto: found no engine that computes on cuda; expected one: /),
    })
  })
})

const within = async (memory: string) => {
  const folder = sandbox({ "brief.ts": pipeline() })
  const run = await spawned(bin, ["run", "brief.ts", "--quiet", "--threads", "1", "--engine-memory", memory], folder)
  return { ...run, folder, left: existsSync(`${folder}/runs/brief-7-1`) }
}

describe("--engine-memory", () => {
  it("too little for the weights: one sentence with both figures", async () => {
    const { code, err, left } = await within("1 MiB")
    expect(err).toMatch(/^error: out of memory in loading the weights within 1\.00 MiB: \S+ [KM]iB wanted\n$/)
    expect([code, left]).toEqual([1, false])
  })
  it("an amount as HMX itself writes it is understood", async () => {
    const { err } = await within("100 KiB")
    expect(err).toMatch(/^error: out of memory in loading the weights within 100 KiB: /)
  })
  it("too little for an update: smaller micro-batches, and then what to change", async () => {
    const { code, err, folder, out } = await within("5 MiB")
    expect(out + err).toMatch(
      /error: LoRAUpdate failed in step 1: out of memory in \w+: \S+ \w+ wanted; a single group does not fit: lower groupSize/,
    )
    expect(code).toBe(1)
    // The same again with what it had, and to the end with more.
    const again = (...flags: ReadonlyArray<string>) => spawned(bin, ["resume", "--quiet", ...flags], folder)
    expect(await again()).toMatchObject({ code: 1, err: expect.stringContaining("out of memory") })
    expect(await again("--engine-memory", "1 GiB")).toMatchObject({ code: 0 })
  })
  it.each([
    ["--device", "cuda", /^error: the engine's options: found device is cuda; expected cpu, the only one of wasm\n$/],
    ["--threads", "9", /^error: the engine's options: found threads is 9; expected a whole number from 1 to 8\n$/],
  ])("%s %s, which the engine does not have, is one sentence", async (flag, value, said) => {
    const { code, err } = await spawned(bin, ["run", "brief.ts", flag, value], sandbox({ "brief.ts": pipeline() }))
    expect(err).toMatch(said)
    expect(code).toBe(2)
  })
  it.each([
    ["--engine-memory", "much", /an amount such as "2 GiB"/],
    ["--engine-memory", "99999999 GiB", /--engine-memory.*of less than 8388608 GiB/],
    ["--compute", "f16", /--compute.*stored/],
    [
      "--compute",
      "stored",
      /^error: --compute: found stored with the engine tfjs; expected f32, which it computes in\n$/,
    ],
    ["--device", "cuda:x", /cpu, cuda or cuda:N/],
    ["--device", "gpu", /cpu, cuda or cuda:N/],
  ])("%s %s is refused", async (flag, value, said) => {
    const { code, err, out } = await spawned(bin, ["run", "brief.ts", flag, value], sandbox({ "brief.ts": pipeline() }))
    expect(out + err).toMatch(said)
    expect(code).toBe(2)
  })
})

/** Starts a long run, and waits for its second step. */
const inWork = async () => {
  const model = `Model.folder(${JSON.stringify(checkpoint)})`
  const folder = sandbox({ "brief.ts": pipeline({ model }) })
  const child = spawn(process.execPath, [bin, "run", "brief.ts", "--steps", "500", "--keep", "2", "--backend", "cpu"], {
    cwd: folder,
  })
  const said = { out: "", err: "" }
  child.stderr.on("data", (data) => (said.err += String(data)))
  await new Promise<void>((reached) => {
    child.stdout.on("data", (data) => {
      said.out += String(data)
      if (said.out.includes("step 2/500")) reached()
    })
    child.on("exit", () => reached())
  })
  return { child, folder, said }
}
const lastWords =
  /^\nstopped; saved: runs\/brief-7-1\/checkpoints\/step-\d+\ngo on with: npx hmx resume runs\/brief-7-1\n$/

describe("a signal", () => {
  it.each(["SIGINT", "SIGHUP"] as const)("%s stops the run, says what was saved and how to go on", async (signal) => {
    const { child, folder, said } = await inWork()
    child.kill(signal)
    if (child.exitCode === null) await once(child, "exit")
    expect(said.err).toMatch(lastWords)
    expect(child.exitCode).toBe(130)
    expect(existsSync(`${folder}/runs/brief-7-1/lock`)).toBe(false)
    const shown = await spawned(bin, ["runs", "show", "runs/brief-7-1"], folder)
    expect(shown.out).toMatch(/^\d+ of 500 steps, interrupted\ngo on with: npx hmx resume runs\/brief-7-1\n/m)
  })
})

/** Starts a command whose output goes to a full disk, or whose reader has gone. */
const untaken = async (args: ReadonlyArray<string>, cwd: string, to: "a full disk" | "nobody") => {
  const full = to === "a full disk" ? openSync("/dev/full", "w") : "pipe"
  const child = spawn(process.execPath, [bin, ...args], { cwd, stdio: ["ignore", full, "pipe"] })
  child.stdout?.destroy()
  let err = ""
  child.stderr?.on("data", (data) => (err += String(data)))
  await once(child, "close")
  if (typeof full === "number") closeSync(full)
  return { code: child.exitCode, err }
}

describe.skipIf(process.platform !== "linux")("an output that nobody takes", () => {
  it("whose reader goes stops the run as a signal does, with the code of a closed pipe", async () => {
    const { child, folder, said } = await inWork()
    child.stdout.destroy()
    if (child.exitCode === null) await once(child, "close")
    expect(said.err).toMatch(lastWords)
    expect(child.exitCode).toBe(141)
    expect(existsSync(`${folder}/runs/brief-7-1/lock`)).toBe(false)
  })
  it("on a full disk stops the run with a sentence", async () => {
    const folder = sandbox({ "brief.ts": pipeline() })
    const { code, err } = await untaken(["run", "brief.ts"], folder, "a full disk")
    expect(err).toBe("error: standard output: no space is left on the device\n\nstopped; nothing was saved\n")
    expect([code, existsSync(`${folder}/runs/brief-7-1`)]).toEqual([1, false])
  })
  it.each([[["--help"]], [["runs", "ls"]]])("of %s: a sentence, or nothing where nobody reads", async (args) => {
    const folder = sandbox({})
    expect(await untaken(args, folder, "a full disk")).toEqual({
      code: 1,
      err: "error: standard output: no space is left on the device\n",
    })
    expect(await untaken(args, folder, "nobody")).toEqual({ code: 141, err: "" })
  })
})

describe("a signal in the middle of arms", () => {
  it("stops them all, says how to go on, and they go on to what two whole arms are", async () => {
    const model = `Model.folder(${JSON.stringify(checkpoint)})`
    const contrasted = pipeline({ model })
      .replace("import { Evaluate,", "import { contrast, Evaluate,")
      .replace("export default ", "const experiment = ")
      .concat(`export default contrast(experiment, { up: (arm) => arm, again: (arm) => arm })\n`)
    const folder = sandbox({ "plan.ts": contrasted })
    const flags = ["--steps", "4", "--backend", "cpu"]
    const child = spawn(process.execPath, [bin, "run", "plan.ts", ...flags], { cwd: folder })
    const said = { out: "", err: "" }
    child.stderr.on("data", (data) => (said.err += String(data)))
    await new Promise<void>((reached) => {
      child.stdout.on("data", (data) => {
        said.out += String(data)
        if (said.out.includes("step 2/4")) reached()
      })
      child.on("exit", () => reached())
    })
    child.kill("SIGINT")
    if (child.exitCode === null) await once(child, "exit")
    expect(said.err).toBe("\nstopped; go on with: npx hmx resume runs/brief-7-1\n")
    expect(child.exitCode).toBe(130)
    const listed = await spawned(bin, ["runs", "ls"], folder)
    expect(listed.out).toMatch(/^runs\/brief-7-1 +brief +\d\/8 +arms: 2 interrupted$/m)
    const resumed = await spawned(bin, ["resume", "runs/brief-7-1", "--quiet"], folder)
    expect([resumed.code, resumed.err]).toEqual([0, ""])
    await spawned(bin, ["run", "plan.ts", ...flags, "--quiet"], folder)
    for (const file of ["report.json", "arms/up/metrics.jsonl", "arms/again/metrics.jsonl"]) {
      const [one, two] = [1, 2].map((n) => readFileSync(`${folder}/runs/brief-7-${n}/${file}`, "utf8"))
      expect(one).toBe(two)
    }
  })
})
