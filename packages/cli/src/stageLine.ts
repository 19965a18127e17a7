/** Finds the line of a stage in the text of a pipeline's file. */

/** Comments and the insides of strings as blanks, so that what is left is code at its own place. */
const codeOnly = (source: string): string =>
  source.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (text) =>
    text.replaceAll(/[^\n]/g, " "),
  )

/**
 * The 1-based line on which the stage at `index` is made: the n-th `Name.stage(` where it is the n-th stage of its name; or the only
 * line that speaks of a stage of one's own. Undefined where the stage is made elsewhere.
 */
export const stageLine = (source: string, names: ReadonlyArray<string>, index: number): number | undefined => {
  const name = names[index] ?? ""
  const nth = names.slice(0, index).filter((n) => n === name).length
  const escaped = name.replaceAll(/[^\w]/g, String.raw`\$&`)
  const code = codeOnly(source)
  const calls = [...code.matchAll(new RegExp(String.raw`(?<![\w$])${escaped}\s*\.\s*stage\s*\(`, "g"))]
  const own = [...source.matchAll(new RegExp(String.raw`Stage\s*\.\s*make\s*\(\s*["'\`]${escaped}["'\`]`, "g"))]
  const place = (calls[nth] ?? own[0])?.index
  return place === undefined ? undefined : source.slice(0, place).split("\n").length
}
