/** What can be known of an experiment from its text and its value: `hmx check`, `hmx graph`, and a start for new files. */
export { check, type Checked, type CheckOptions, type Examined, shown } from "./check.ts"
export { type Code, codes } from "./codes.ts"
export type { Edit, Finding, Place } from "./Finding.ts"
export { applyFixes } from "./fix.ts"
export { asAnnotations, asJson, asText, summary } from "./print.ts"
