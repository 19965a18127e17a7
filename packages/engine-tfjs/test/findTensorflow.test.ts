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
    path === join("/home/engines/tensorflow", "engine.json") ? `{"version":"2.21.0","cuda":true}` : undefined,
  ...more,
})

test("the user's own comes first, HMX's second", () => {
  const both = findTensorflow(machine([join("/app", name), own]))
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
  expect(presentTensorflow(machine([own], { read: () => "{" }))).toMatchObject({ version: undefined, cuda: undefined })
})

test("a named folder is the only one", () => {
  const named = { env: { HMX_HOME: "/home", HMX_TENSORFLOW: "/x" } }
  expect(findTensorflow(machine([join("/app", name), own], named))).toEqual([])
  expect(findTensorflow(machine([join("/x", name)], named))).toMatchObject([
    { folder: join("/x", name), how: "HMX_TENSORFLOW" },
  ])
  expect(presentTensorflow(machine([own], named))).toMatch(/in HMX_TENSORFLOW \(\/x\); expected one: `hmx engine/)
})

test("absence is one sentence that says what to install", () => {
  expect(presentTensorflow(machine([]))).toMatch(/^engine tensorflow: found no compiled .*; expected one: `hmx engine/)
})
