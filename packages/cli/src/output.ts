/** What becomes of a program whose output nobody takes: the reader of a pipe is gone, the disk behind it is full. */

/** What a shell says of a program that was ended by SIGPIPE. */
const closedPipe = 141

const reasons: { readonly [code: string]: string } = {
  ENOSPC: "no space is left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be longer than files may be here",
  EIO: "the terminal or disk is gone",
}

let broken: number | undefined
let stop = (code: number): void => void process.exit(code)

/** Exit code of a program whose output was not taken; undefined where it was. */
export const brokenOutput = (): number | undefined => broken

/** Who is to stop the program, in place of ending it at once. */
export const onBrokenOutput = (listener: (code: number) => void): void => {
  stop = listener
}

/** Without this, an output that is not taken is an exception with Node's stack. A closed pipe is no error: its reader has enough. */
export const watchOutput = (): void => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Every further write fails as well.
    if (broken !== undefined) return
    broken = error.code === "EPIPE" ? closedPipe : 1
    if (broken === 1) process.stderr.write(`error: standard output: ${reasons[error.code ?? ""] ?? error.message}\n`)
    stop(broken)
  })
  // There is nobody left to tell.
  process.stderr.on("error", () => {})
}
