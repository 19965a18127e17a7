/** Parses the command line and runs a command. Help and version are answered earlier, in `bin.ts`, from `help.ts`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import { hmx } from "./commands.ts"
import { codeOf, endCode, messageOf } from "./exit.ts"
import { localModels } from "./localModels.ts"
import { onBrokenOutput } from "./output.ts"
import { version } from "./version.ts"

const formatter = CliOutput.defaultFormatter({ colors: false })

/** "… Did you mean this?" and its suggestions stand on lines of their own there. */
const inOneLine = (message: string): string =>
  message.replace(/\s*Did you mean this\?\s*/, "; did you mean ").replaceAll(/\s*\n\s*/g, " or ")

/** Help goes to stdout; a wrong invocation is its message on stderr, and where to read more, without the page of help. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    Effect.sync(() => {
      switch (event._tag) {
        case "Help":
          process.stdout.write(`${formatter.formatHelpDoc(event.helpDoc)}\n`)
          break
        case "Version":
          process.stdout.write(`${event.version}\n`)
          break
        case "InvalidInvocation": {
          const messages = event.errors.map((e) => `error: ${inOneLine(e.message)}`)
          process.stderr.write(`${[...messages, `see: ${event.commandPath.join(" ")} --help`].join("\n")}\n`)
        }
      }
    }),
}

/** The program for these arguments; it wants the `Models` that experiments name. */
export const program = (argv: ReadonlyArray<string>) =>
  Command.runWith(hmx, { version })(argv).pipe(
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })),
    Effect.tapCause((cause) =>
      Effect.sync(() => {
        const message = messageOf(cause)
        if (message !== undefined) process.stderr.write(`${message}\n`)
      }),
    ),
    Effect.provide(NodeServices.layer),
  )

const interrupt = (): void => void process.emit("SIGTERM", "SIGTERM")

/**
 * Runs the program as this process: SIGINT and SIGTERM interrupt it, and so do a closed terminal (SIGHUP) and an output that nobody
 * takes any more.
 */
export const main = (argv: ReadonlyArray<string>): void => {
  process.on("SIGHUP", interrupt)
  onBrokenOutput(interrupt)
  NodeRuntime.runMain(Effect.provide(program(argv), localModels), {
    disableErrorReporting: true,
    // What is wrong with the last words is known a moment later.
    teardown: (exit, onExit) => void setImmediate(() => onExit(endCode(codeOf(exit)))),
  })
}
