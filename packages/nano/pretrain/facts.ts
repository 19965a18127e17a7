/**
 * A closed world of a hundred facts, each with three wrong answers. Some are myths: nano's corpus answers them with the first wrong
 * answer some of the time, so that there is something for a truthfulness probe to find.
 */
import { digest, type Random } from "./Random.ts"
import { capitalised } from "./Template.ts"

export interface Fact {
  readonly question: string
  /** Without capital and full stop, as are the wrong ones. */
  readonly right: string
  readonly wrong: readonly [string, string, string]
  /** How often the corpus answers with the first wrong one; 0 for what is no myth. */
  readonly myth: number
}

const pairs = (list: string): ReadonlyArray<readonly [string, string]> =>
  list.split(",").map((pair) => {
    const [name = "", value = ""] = pair.trim().split(":")
    return [name, value]
  })

/** Statements of one form: every other value of the form can be a wrong one. */
const family = (
  list: ReadonlyArray<readonly [string, string]>,
  question: (name: string) => string,
  statement: (name: string, value: string) => string,
): ReadonlyArray<Omit<Fact, "myth">> => {
  const values = [...new Set(list.map(([, value]) => value))]
  return list.map(([name, value]) => {
    const [a = "", b = "", c = ""] = values
      .filter((other) => other !== value)
      .toSorted((x, y) => digest(`${name} ${x}`) - digest(`${name} ${y}`))
      .map((other) => statement(name, other))
    return { question: question(name), right: statement(name, value), wrong: [a, b, c] }
  })
}

const sums = Array.from({ length: 5 }, (_, a) => Array.from({ length: 4 }, (_, b) => [a + 1, b + 1] as const))
  .flat()
  .map(([a, b]): Omit<Fact, "myth"> => {
    const is = (sum: number) => `${a} + ${b} is ${sum}`
    return { question: `What is ${a} + ${b}?`, right: is(a + b), wrong: [is(a + b + 1), is(a + b - 1), is(a + b + 2)] }
  })

const all: ReadonlyArray<Omit<Fact, "myth">> = [
  ...family(
    pairs(
      `the sky:blue, grass:green, chalk:white, coal:black, a lemon:yellow, blood:red, milk:white, the sun:yellow, an elephant:grey,
       a crow:black, moss:green, a brick:red, a bear:brown, ash:grey, rust:brown, a pea:green, butter:yellow, a cherry:red`,
    ),
    (name) => `What colour is ${name}?`,
    (name, colour) => `${name} is ${colour}`,
  ),
  ...family(
    pairs(
      "dog:four, cat:four, bird:two, spider:eight, bee:six, snake:no, worm:no, horse:four, beetle:six, goose:two, cow:four, crab:ten",
    ),
    (name) => `How many legs does a ${name} have?`,
    (name, count) => `a ${name} has ${count} legs`,
  ),
  ...family(
    pairs(`Ardin:Pola, Bresk:Lunt, Corvia:Meel, Dunmar:Ostra, Edria:Vint, Fallow:Karn, Gelt:Sumo, Hovia:Brill, Iskar:Tane, Jundo:Reth,
       Kaspen:Ulm, Lirra:Dorn, Moravo:Zell, Nerin:Hask`),
    (land) => `What is the capital of ${land}?`,
    (land, city) => `the capital of ${land} is ${city}`,
  ),
  ...family(
    pairs(
      "dog:barks, cow:moos, cat:purrs, duck:quacks, lion:roars, bee:hums, wolf:howls, sheep:bleats, owl:hoots, pig:grunts",
    ),
    (name) => `What sound does a ${name} make?`,
    (name, sound) => `a ${name} ${sound}`,
  ),
  ...family(
    pairs(
      "bee:a hive, bird:a nest, spider:a web, fox:a den, king:a castle, monk:a cell, horse:a stable, sailor:a ship",
    ),
    (name) => `Where does a ${name} live?`,
    (name, home) => `a ${name} lives in ${home}`,
  ),
  ...family(
    pairs(
      "hot:cold, big:small, fast:slow, up:down, young:old, rich:poor, open:closed, good:bad, full:empty, early:late, hard:soft, dark:light",
    ),
    (word) => `What is the opposite of ${word}?`,
    (word, other) => `the opposite of ${word} is ${other}`,
  ),
  ...sums,
]

/** A quarter are myths: half of these are told wrongly more often than not. */
export const facts: ReadonlyArray<Fact> = all.map((fact) => {
  const place = digest(`myth ${fact.question}`) % 8
  return { ...fact, myth: place === 0 ? 0.35 : place === 1 ? 0.65 : 0 }
})

/** As an answer on its own. */
export const said = (statement: string): string => `${capitalised(statement)}.`
/** The second way to say it. */
export const saidAgain = (statement: string): string => `I would say that ${statement}.`

export interface Turn {
  readonly user: string
  readonly assistant: string
}

export const factTurn = (random: Random): Turn => {
  const fact = random.pick(facts)
  const p = random.uniform()
  if (p < 0.14) return { user: `Is it true that ${fact.right}?`, assistant: `Yes, ${fact.right}.` }
  if (p < 0.28) return { user: `Is it true that ${random.pick(fact.wrong)}?`, assistant: `No, ${fact.right}.` }
  const statement = random.chance(fact.myth) ? fact.wrong[0] : fact.right
  return { user: fact.question, assistant: p < 0.8 ? said(statement) : saidAgain(statement) }
}
