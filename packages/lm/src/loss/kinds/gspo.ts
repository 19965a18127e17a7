import type { LossKind } from "../LossKind.ts"
import { grpo } from "./grpo.ts"

/** GSPO (Zheng et al. 2025): GRPO with one importance ratio a sequence, which is the default of `importanceSampling` here. */
export const gspo: LossKind = grpo
