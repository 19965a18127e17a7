/** torch's versions, and what the engine makes of them. */
export interface Version {
  readonly major: number
  readonly minor: number
}

/** Below it the shim has no lists of tensors: nothing to be done with it. */
export const OLDEST: Version = { major: 2, minor: 10 }
/** From it on an error has a text; between the two only its occurrence is known. */
const RECOMMENDED: Version = { major: 2, minor: 13 }

export const atLeast = (v: Version, than: Version): boolean =>
  v.major > than.major || (v.major === than.major && v.minor >= than.minor)

export const show = ({ major, minor }: Version): string => `${major}.${minor}`

/** What a user is told to have. */
export const EXPECTED = `PyTorch ${show(RECOMMENDED)} or later: \`hmx engine install torch\`, or HMX_LIBTORCH set to its torch/lib folder`

/** A text of the wheel's version.py, such as its `__version__`; undefined where it has none. */
export const pythonText = (source: string | undefined, name: string): string | undefined =>
  new RegExp(String.raw`^${name}\b[^=\n]*=\s*'([\w.+-]{1,40})'`, "m").exec(source ?? "")?.[1]

/** As the wheel writes it: 2.13.0+cpu. Undefined where it begins with no two numbers. */
export const versionOf = (text: string | undefined): Version | undefined => {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text ?? "") ?? []
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) }
}
