#!/usr/bin/env node
/** The process's start. Help and version are printed from text that was rendered ahead, before anything else is loaded. */
import { enableCompileCache } from "node:module"
import { help } from "./help.ts"
import { watchOutput } from "./output.ts"
import { version } from "./version.ts"

enableCompileCache()
watchOutput()
const argv = process.argv.slice(2)
const path = argv.filter((word) => !word.startsWith("-")).join(" ")
const page = help[path]
const asks = (...names: ReadonlyArray<string>) => argv.some((word) => names.includes(word))

if (argv.length === 1 && asks("--version", "-v")) process.stdout.write(`${version}\n`)
else if (page !== undefined && (argv.length === 0 || asks("--help", "-h"))) process.stdout.write(page)
else (await import("./main.ts")).main(argv)
