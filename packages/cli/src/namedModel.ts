/** The model that a word on the command line means. */
import { Model } from "hmx"
import { existsSync } from "node:fs"
import { resolve } from "node:path"

/** "nano", a folder relative to the working directory, or `owner/name[@revision]` on the hub where no such folder is there. */
export const namedModel = (word: string): Model.Model => {
  if (word === "nano") return Model.nano
  const [, repo, revision] = /^([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?$/.exec(word) ?? []
  if (repo === undefined || repo.startsWith(".") || existsSync(resolve(word))) return Model.folder(resolve(word))
  return Model.hf(repo, revision === undefined ? {} : { revision })
}

/** The same word where the working directory may be another later. */
export const lasting = (word: string): string => {
  const model = namedModel(word)
  return model.kind === "folder" ? model.path : word
}
