/** Which model an experiment trains. A description: the runtime resolves and loads it. */

export type Model =
  | { readonly kind: "nano" }
  /** A folder in Hugging Face's layout. */
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "hf"; readonly repo: string; readonly revision: string }

/** The tiny checkpoint that ships with HMX (`@hmx/nano`). */
export const nano: Model = { kind: "nano" }

/** A checkpoint folder, relative to the pipeline's file. */
export const folder = (path: string): Model => ({ kind: "folder", path })

/** A repository on the Hugging Face hub, from its local cache. */
export const hf = (repo: string, options: { readonly revision?: string } = {}): Model => ({
  kind: "hf",
  repo,
  revision: options.revision ?? "main",
})
