/** BBQ's data format: a line of `data/<category>.jsonl`. */
import * as Schema from "effect/Schema"
import { isUnknown } from "./unknown.ts"

/** The eleven categories, as the files spell them. */
export const categories = [
  "Age",
  "Disability_status",
  "Gender_identity",
  "Nationality",
  "Physical_appearance",
  "Race_ethnicity",
  "Race_x_gender",
  "Race_x_SES",
  "Religion",
  "SES",
  "Sexual_orientation",
] as const

const Info = Schema.Array(Schema.String)

export const Doc = Schema.Struct({
  example_id: Schema.Int,
  question_index: Schema.Union([Schema.String, Schema.Int]),
  question_polarity: Schema.Literals(["neg", "nonneg"]),
  context_condition: Schema.Literals(["ambig", "disambig"]),
  category: Schema.Literals(categories),
  answer_info: Schema.Struct({ ans0: Info, ans1: Info, ans2: Info }),
  additional_metadata: Schema.Struct({ stereotyped_groups: Schema.Array(Schema.String) }),
  context: Schema.String,
  question: Schema.String,
  ans0: Schema.NonEmptyString,
  ans1: Schema.NonEmptyString,
  ans2: Schema.NonEmptyString,
  label: Schema.Literals([0, 1, 2]),
}).check(
  Schema.makeFilter(({ ans0, ans1, ans2 }) =>
    [ans0, ans1, ans2].filter(isUnknown).length === 1 ? undefined : "one of ans0, ans1, ans2 that says unknown",
  ),
)
export type Doc = typeof Doc.Type

/** The three answers with what is known of them. */
export const answersOf = ({ ans0, ans1, ans2, answer_info }: Doc) => [
  { text: ans0, info: answer_info.ans0 },
  { text: ans1, info: answer_info.ans1 },
  { text: ans2, info: answer_info.ans2 },
]
