/** What `hmx engine install` installs, as data. Versions are pinned: the engines are tested on these. */

export const engineNames = ["torch", "tensorflow"] as const
export type EngineName = (typeof engineNames)[number]

/** One wheel, from the indexes that pip is set up with. */
export interface Wheel {
  readonly requirement: string
}

export interface Recipe {
  readonly name: EngineName
  readonly cuda: boolean
  readonly version: string
  /** Tried in turn. */
  readonly wheels: ReadonlyArray<Wheel>
  /** Folder in which pip puts them, from the engine's; "" is the engine's own. */
  readonly python: string
  /** The wheel's file that says what it was built for, from the engine's folder. */
  readonly build: string
  /** Whether that text says CUDA. */
  readonly builtForCuda: (text: string) => boolean
  /** npm packages, with exact versions. */
  readonly npm: ReadonlyArray<string>
  /** Bytes that the disk must have while it is made: downloads and what comes of them. */
  readonly room: number
  /** On which it runs, as `process.platform` and `process.arch`. */
  readonly platforms: ReadonlyArray<string>
}

const GiB = 2 ** 30

const torch = (cuda: boolean, platform: string): Recipe => {
  const version = "2.13.0"
  const linux = platform.startsWith("linux")
  return {
    name: "torch",
    cuda,
    version,
    wheels:
      linux && !cuda
        ? // The CPU's own build where pip's indexes have it; else the general one, which is larger and computes on the CPU as well.
          [{ requirement: `torch==${version}+cpu` }, { requirement: `torch==${version}` }]
        : [{ requirement: `torch==${version}` }],
    python: "",
    build: "torch/version.py",
    builtForCuda: (text) => /^cuda\b[^=\n]*=\s*'/m.test(text),
    npm: [],
    room: (cuda ? 9 : 1.5) * GiB,
    platforms: cuda ? ["linux-x64", "linux-arm64"] : ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64"],
  }
}

const tensorflow = (cuda: boolean): Recipe => {
  const version = "2.21.0"
  return {
    name: "tensorflow",
    cuda,
    version,
    wheels: [{ requirement: `${cuda ? "tensorflow" : "tensorflow-cpu"}==${version}` }],
    python: "python",
    build: "python/tensorflow/python/platform/build_info.py",
    builtForCuda: (text) => /'is_cuda_build',\s*True/.test(text),
    npm: ["@tensorflow/tfjs-node-gpu@4.22.0", "node-api-headers@1.9.0"],
    room: (cuda ? 10 : 2.5) * GiB,
    platforms: ["linux-x64"],
  }
}

export const recipe = (name: EngineName, cuda: boolean, platform: string): Recipe =>
  name === "torch" ? torch(cuda, platform) : tensorflow(cuda)

/** pip's arguments that put these requirements into a folder. */
export const pipArguments = (
  requirements: ReadonlyArray<string>,
  target: string,
  options: { readonly dependencies?: boolean } = {},
): ReadonlyArray<string> => [
  "-m",
  "pip",
  "install",
  "--no-compile",
  "--no-input",
  "--disable-pip-version-check",
  "--progress-bar",
  "off",
  "--upgrade",
  "--target",
  target,
  ...(options.dependencies === true ? [] : ["--no-deps"]),
  ...requirements,
]

/**
 * What of a wheel's METADATA names NVIDIA's libraries (the wheel needs nothing else of Python's without Python): requirements for pip,
 * those of an extra without its marker.
 */
export const nvidiaRequirements = (metadata: string): ReadonlyArray<string> =>
  [...metadata.matchAll(/^Requires-Dist:\s*((?:nvidia|cuda)-[^;\n]*?)\s*(?:;\s*([^\n]*))?$/gm)].map(
    ([, requirement = "", marker = ""]) => {
      const rest = marker.replace(/\s*(?:and\s+)?extra\s*==\s*["'][^"']*["']\s*/, "").trim()
      return rest === "" ? requirement : `${requirement}; ${rest}`
    },
  )

/** g++'s arguments that compile the npm package's binding against the wheel; paths are relative to the engine's folder. */
export const compilerArguments: ReadonlyArray<string> = (() => {
  const of = "node_modules/@tensorflow/tfjs-node-gpu"
  return [
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-shared",
    "-DNAPI_VERSION=8",
    "-Inode_modules/node-api-headers/include",
    `-I${of}/deps/include`,
    `${of}/binding/tfjs_backend.cc`,
    `${of}/binding/tfjs_binding.cc`,
    "-o",
    `${of}/lib/napi-v8/tfjs_binding.node`,
    `-L${of}/deps/lib`,
    "-l:libtensorflow_cc.so.2",
    "-l:libtensorflow_framework.so.2",
    "-Wl,-rpath,$ORIGIN/../../deps/lib",
  ]
})()

/**
 * Links of the binding to the wheel, relative so that the folder can be renamed. `deps/lib` is a link to the folder: the GPU wheel looks
 * for NVIDIA's libraries beside where its own were found, and links to the single files would hide them.
 */
export const links: ReadonlyArray<{ readonly at: string; readonly to: string }> = [
  { at: "node_modules/@tensorflow/tfjs-node-gpu/deps/lib", to: "../../../../python/tensorflow" },
  { at: "node_modules/@tensorflow/tfjs-node-gpu/deps/include", to: "../../../../python/tensorflow/include" },
]
