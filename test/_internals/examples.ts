/** Finds the programs in Markdown and in doc comments, and type-checks them together in one run of tsc. */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

export interface Example {
  /** File that holds it, from the root. */
  readonly source: string
  /** 1-based line of the file at which its text begins. */
  readonly line: number
  readonly text: string
}

/** A fenced block: what stands after the fence, and the lines in it. */
export interface Fence extends Example {
  readonly language: string
}

export const fences = (source: string, markdown: string): ReadonlyArray<Fence> => {
  const found: Array<Fence> = []
  const lines = markdown.split("\n")
  for (let i = 0; i < lines.length; i++) {
    const [, indent = "", fence = "", language = ""] = /^(\s*)(`{3,}|~{3,})\s*([\w-]*)/.exec(lines[i] ?? "") ?? []
    if (fence === "") continue
    const closes = (line: string) => line.trim().startsWith(fence) && line.trim().replaceAll(fence[0] ?? "", "") === ""
    const length = lines.slice(i + 1).findIndex(closes)
    if (length === -1) throw new Error(`${source}:${i + 1}: a fence does not end`)
    const body = lines
      .slice(i + 1, i + 1 + length)
      .map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))))
    found.push({ source, line: i + 2, language, text: body.join("\n") })
    i += length + 1
  }
  return found
}

const isProgram = (text: string): boolean => /^import\s/m.test(text)
const isTypeScript = ({ language }: Fence): boolean => /^(?:ts|mts|typescript)$/.test(language)

/** Whole programs (they import something) in a Markdown file. */
export const programs = (source: string, markdown: string): ReadonlyArray<Example> =>
  fences(source, markdown).filter((fence) => isTypeScript(fence) && isProgram(fence.text))

/** Whole programs in the doc comments of a TypeScript file: in fences, and behind `@example`. */
export const commented = (source: string, text: string): ReadonlyArray<Example> =>
  [...text.matchAll(/^[ \t]*\/\*\*[^]*?\*\//gm)].flatMap((comment) => {
    const first = text.slice(0, comment.index).split("\n").length
    const bare = comment[0].split("\n").map((line) => line.replace(/^\s*(?:\/\*\*|\*\/|\*) ?/, "").replace(/\*\/$/, ""))
    const inFences = programs(source, bare.join("\n"))
    const behindTags = bare.flatMap((line, i): ReadonlyArray<Example> => {
      if (!line.startsWith("@example")) return []
      const length = bare.slice(i + 1).findIndex((next) => next.startsWith("@"))
      const body = bare.slice(i + 1, length === -1 ? undefined : i + 1 + length).join("\n")
      return isProgram(body) && !body.includes("```") ? [{ source, line: i + 2, text: body }] : []
    })
    return [...inFences, ...behindTags].map((found) => ({ ...found, line: found.line + first - 1 }))
  })

/** Where the example would stand: a first line `// pipelines/mine.ts` says so; else it stands at the root. */
const placeOf = ({ text }: Example): string => /^\/\/ ([\w./-]+\.ts)\b/.exec(text)?.[1] ?? "example.ts"

/**
 * One line an error, at the file and line of the example. Relative imports are looked up where the example would stand, among the
 * other examples and then in the repository. Errors in the repository's own files are left to `npm run check`.
 */
export const typeErrors = async (root: string, examples: ReadonlyArray<Example>): Promise<ReadonlyArray<string>> => {
  // Ignored by git; beneath the root, so that packages are found.
  mkdirSync(join(root, ".hmx"), { recursive: true })
  const folder = mkdtempSync(join(root, ".hmx", "examples-"))
  try {
    const places = examples.map((example, i) => ({ example, file: join(folder, `${i}`, placeOf(example)) }))
    for (const { example, file } of places) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, example.text)
    }
    const config = {
      extends: relative(folder, join(root, "tsconfig.json")),
      compilerOptions: {
        rootDirs: [...places.map((_, i) => `./${i}`), relative(folder, root)],
        // An example may show a value and stop.
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      include: ["./**/*.ts"],
      exclude: [],
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { cwd: folder }, (_, out, err) =>
        resolve(out + err),
      )
    })
    return output.split("\n").flatMap((line) => {
      const [, path, row, sentence] = /^(.+?)\((\d+),\d+\): (error .*)$/.exec(line) ?? []
      if (path === undefined) {
        // Not about a line of a file: tsc itself, or its configuration.
        if (/^error|\bError:/.test(line)) throw new Error(output)
        return []
      }
      const place = places.find(({ file }) => relative(folder, file) === path)
      return place === undefined ? [] : [`${place.example.source}:${place.example.line + Number(row) - 1}: ${sentence}`]
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
