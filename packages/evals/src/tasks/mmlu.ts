/** All of MMLU (Hendrycks et al. 2021) as one benchmark: its 57 subjects, each a file of its own. */
import * as Result from "effect/Result"
import type { Benchmark } from "../benchmark/Benchmark.ts"
import { headline, mean } from "../benchmark/Metric.ts"
import { mmlu } from "./multipleChoice.ts"

/** As the files are called. */
export const subjects = (
  "abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology college_chemistry " +
  "college_computer_science college_mathematics college_medicine college_physics computer_security conceptual_physics " +
  "econometrics electrical_engineering elementary_mathematics formal_logic global_facts high_school_biology " +
  "high_school_chemistry high_school_computer_science high_school_european_history high_school_geography " +
  "high_school_government_and_politics high_school_macroeconomics high_school_mathematics high_school_microeconomics " +
  "high_school_physics high_school_psychology high_school_statistics high_school_us_history high_school_world_history " +
  "human_aging human_sexuality international_law jurisprudence logical_fallacies machine_learning management marketing " +
  "medical_genetics miscellaneous moral_disputes moral_scenarios nutrition philosophy prehistory professional_accounting " +
  "professional_law professional_medicine professional_psychology public_relations security_studies sociology " +
  "us_foreign_policy virology world_religions"
).split(" ")

/** The subject that a file's name says; the whole name of another one. */
const subjectOf = (name: string): string => {
  const file = name.split("/").at(-1) ?? name
  return /^(.+?)_(?:test|val|dev)\.(?:csv|jsonl)$/.exec(file)?.[1] ?? file.replace(/\.\w+$/, "")
}

/**
 * `acc` over all items of all subjects, which is lm-evaluation-harness's mean weighted by size. Files are named by their subjects
 * (`virology_test.csv`); an id is `<subject>/<0-based place>`. Asked without examples; a subject alone (`mmlu_virology`) takes its own.
 */
export const mmluAll: Benchmark = {
  name: "mmlu",
  version: 2,
  prompt: "text",
  read: (file) => {
    const subject = subjectOf(file.name)
    return Result.map(mmlu(subject).read(file), (items) =>
      items.map((item) => ({ ...item, id: `${subject}/${item.id}` })),
    )
  },
  metrics: [headline(mean("acc", true)), mean("readable", null)],
}
