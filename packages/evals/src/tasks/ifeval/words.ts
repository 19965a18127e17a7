/** Words: how IFEval counts them, and how NLTK's word_tokenize parts them where capitals are counted. */

/** Runs of letters, digits and underscores. */
export const countWords = (text: string): number => text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0

/** Contractions are two words, a hyphenated word is one, punctuation stands by itself (Penn Treebank's conventions). */
export const treebankWords = (text: string): ReadonlyArray<string> =>
  text
    .replaceAll(/^"|(?<=[\s([{<])"/g, " `` ")
    .replaceAll('"', " '' ")
    // Marks that no contraction is written with, the curved apostrophe among them.
    .replaceAll(/[“”‘’«»„–—*]/g, " $& ")
    .replaceAll(/([:,])(?=\D|$)/g, " $1 ")
    .replaceAll("...", " ... ")
    .replaceAll(/[;@#$%&?![\](){}<>]/g, " $& ")
    .replaceAll("--", " -- ")
    // A full stop is its own word at a sentence's end, and part of the word elsewhere (abbreviations).
    .replaceAll(/([^\s.])\.(?=["'”’)\]}*]*\s*(?:$|\s\p{Lu}))/gu, "$1 . ")
    .replaceAll(/'(s|m|d|ll|re|ve|t)\b/gi, (all, end: string) => (end.toLowerCase() === "t" ? all : ` ${all}`))
    .replaceAll(/n't\b/gi, " $&")
    .replaceAll(/\b(can)(not)\b/gi, "$1 $2")
    .replaceAll(/\b(gim|lem)(me)\b/gi, "$1 $2")
    .replaceAll(/\b(gon|wan)(na)\b/gi, "$1 $2")
    .replaceAll(/\b(got)(ta)\b/gi, "$1 $2")
    .split(/\s+/)
    .filter((word) => word !== "")

/** Python's isupper: a letter with case, and none that is small. */
export const isUpper = (text: string): boolean => text === text.toUpperCase() && text !== text.toLowerCase()

/** Python's islower. */
export const isLower = (text: string): boolean => text === text.toLowerCase() && text !== text.toUpperCase()
