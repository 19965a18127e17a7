import { join } from "node:path"
import { expect, test } from "vitest"
import { findTensorflow, presentTensorflow, type Surroundings } from "../src/findTensorflow.ts"

const name = "node_modules/@tensorflow/tfjs-node-gpu"
const own = join("/home/engines/tensorflow", name)

/** A machine with compiled packages in these folders; the project's packages are resolved to `/app`. */
const machine = (folders: ReadonlyArray<string>, more: Partial<Surroundings> = {}): Surroundings => ({
  env: { HMX_HOME: "/home" },
  from: ["/app/package.json", "/app/src/a.ts"],
  resolve: () => join("/app", name),
  exists: (path) => folders.some((folder) => path === join(folder, "lib/napi-v8/tfjs_binding.node")),
  read: (path) =>
    path === join("/home/engines/tensorflow", "engine.json")
      ? `{"name":"tensorflow","version":"2.21.0","cuda":true,"device":"cpu"}`
      : undefined,
  flaw: () => undefined,
  ...more,
})

test("the user's own comes first, HMX's second", () => {
  const both = findTensorflow(machine([join("/app", name), own])).found
  expect(both.map(({ folder, how }) => [folder, how])).toEqual([
    [join("/app", name), "npm install"],
    [own, "hmx engine install"],
  ])
})

test("a package whose download failed is none", () => {
  expect(presentTensorflow(machine([own]))).toEqual({
    folder: own,
    how: "hmx engine install",
    version: "2.21.0",
    cuda: true,
  })
})

test("a named folder is the only one", () => {
  const named = { env: { HMX_HOME: "/home", HMX_TENSORFLOW: "/x" } }
  expect(findTensorflow(machine([join("/app", name), own], named)).found).toEqual([])
  expect(findTensorflow(machine([join("/x", name)], named)).found).toMatchObject([
    { folder: join("/x", name), how: "HMX_TENSORFLOW" },
  ])
  expect(presentTensorflow(machine([own], named))).toMatch(/in HMX_TENSORFLOW \(\/x\); expected one: `hmx engine/)
})

test("absence is one sentence that says what to install", () => {
  expect(presentTensorflow(machine([]))).toMatch(/^engine tensorflow: found no compiled .*; expected one: `hmx engine/)
})

test("an install that did not finish is passed over", () => {
  const half = { read: () => "{" }
  expect(findTensorflow(machine([join("/app", name), own], half)).found).toMatchObject([{ how: "npm install" }])
  expect(presentTensorflow(machine([own], half))).toBe(
    `engine tensorflow: found an install that did not finish in ${own}; expected a whole one: \`hmx engine install tensorflow\``,
  )
  // An install loads what it has made before it says that it is whole.
  const named = { env: { HMX_TENSORFLOW: "/x" }, read: () => undefined }
  expect(presentTensorflow(machine([join("/x", name)], named))).toMatchObject({ how: "HMX_TENSORFLOW" })
})

test.each(["lib/napi-v8/tfjs_binding.node", "deps/lib/libtensorflow_cc.so.2", "deps/lib/libtensorflow.so.2"])(
  "one with a broken %s is passed over",
  (file) => {
    const broken = { flaw: (path: string) => (path === join(own, file) ? "F cut off" : undefined) }
    expect(findTensorflow(machine([join("/app", name), own], broken))).toMatchObject({
      found: [{ how: "npm install" }],
      passed: [`F cut off in ${own}`],
    })
    expect(presentTensorflow(machine([own], broken))).toMatch(/found F cut off in .*; expected a whole one/)
  },
)
