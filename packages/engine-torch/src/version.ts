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
