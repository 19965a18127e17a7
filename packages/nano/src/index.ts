/** The tiny language model that ships with HMX: data only. `pretrain/` made it, `checkpoint/README.md` is its model card. */

/** The checkpoint's folder in Hugging Face's layout. */
export const checkpoint: URL = new URL("../checkpoint/", import.meta.url)
