/** Miniature benchmarks in nano's vocabulary and closed world. They are not the real ones, and their names say so. */
export { bbq } from "./bbq.ts"
export { sampledSycophancy, sycophancy } from "./sycophancy.ts"
export { truthfulQa } from "./truthfulQa.ts"
