/** `npm run test:mutations`: found/planted. Exit code 1 where a defect was not found, or a sound reward was accused. */
import { sound } from "./defects.ts"
import { alarms, found, planted, tried } from "./trial.ts"

const trials = planted.map(([one, defect]) => tried(one, defect))
for (const trial of trials) {
  const also = trial.broke.filter((law) => law !== trial.law)
  const how = found(trial) ? `found by “${trial.law}”` : `NOT found by “${trial.law}”`
  console.log(`${trial.reward}: ${trial.defect}: ${how}${also.length === 0 ? "" : ` (also: ${also.join(", ")})`}`)
}
const accused = sound.flatMap((one) => alarms(one).map((law) => `${one.name}: accused of breaking “${law}”`))
for (const line of accused) console.log(line)
const hits = trials.filter(found).length
console.log(
  `\n${hits}/${trials.length} planted defects found; ${accused.length} false alarms on ${sound.length} sound rewards`,
)
process.exitCode = hits === trials.length && accused.length === 0 ? 0 : 1
