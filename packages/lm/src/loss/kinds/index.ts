import type { LossType } from "hmx"
import type { LossKind } from "../LossKind.ts"
import { bnpo } from "./bnpo.ts"
import { cispo } from "./cispo.ts"
import { dapo } from "./dapo.ts"
import { drGrpo } from "./drGrpo.ts"
import { grpo } from "./grpo.ts"
import { gspo } from "./gspo.ts"
import { luspo } from "./luspo.ts"
import { sapo } from "./sapo.ts"
import { vespo } from "./vespo.ts"

/** Every policy loss by TRL's name. */
export const lossKinds: { readonly [name in LossType]: LossKind } = {
  grpo,
  dapo,
  bnpo,
  dr_grpo: drGrpo,
  gspo,
  cispo,
  sapo,
  luspo,
  vespo,
}
