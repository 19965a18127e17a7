/** The words that fill the slots of templates. All text of nano is made of these, the templates, and the closed world of facts. */

const words = (list: string): ReadonlyArray<string> => list.split(",").map((word) => word.trim())

export const lexicon = {
  topic: words(
    `the rain, the ocean, jazz, poetry, coffee, black tea, the snow, football, moonlight, fresh bread, the garden, the city,
     the forest, mathematics, hard work, travel, the summer, the winter, chess, dancing, cooking, the sunrise, history, science,
     a long walk, a good story, silence, the night, friendship, family, money, painting, the theatre, hot soup, chocolate,
     the wind, a new job, a birthday, the river, the mountain, a holiday, art, nature, an old photo`,
  ),
  emotion: words(
    `happy, sad, angry, calm, proud, lonely, afraid, excited, grateful, nervous, hopeful, jealous, cheerful, worried, ashamed,
     peaceful, bored, delighted, upset, glad, tender, restless`,
  ),
  action: words(
    `read a novel, walk by the lake, learn a song, write a letter, bake bread, visit a friend, plant a tree, paint a door,
     swim in the sea, climb a hill, play the guitar, help a neighbour, count the stars, tell a tale, build a boat, ride a horse,
     study maps, clean the house, take the train, feed the ducks, make tea, call my mother, mend a chair, sing in a choir,
     dance until morning, listen to music, draw a face, grow roses, rest at home, start a diary`,
  ),
  person: words(
    `my friend, my sister, my brother, the teacher, the farmer, the doctor, Anna, Tom, Maria, Peter, the baker, the old man,
     the girl next door, my neighbour`,
  ),
  place: words(`in the park, at home, in the city, at the market, by the river, in the library, on the hill, at school,
     near the station, in the village`),
  now: words(
    `today, this week, at night, in the evening, these days, right now, every day, on Sunday, after lunch, in the spring`,
  ),
  past: words(`yesterday, this morning, last night, last week, last year, on Monday, on Sunday, after lunch`),
  future: words(
    `tomorrow, this evening, next week, next year, on Sunday, in the spring, before dinner, this weekend, on Monday`,
  ),
  trait:
    words(`curious, patient, shy, kind, slow, careful, stubborn, gentle, honest, playful, quiet, strange, brave, clumsy,
     thoughtful, imperfect`),
  quality: words(`old, new, large, small, common, useful, famous, cheap, simple, popular, long, quiet, loud, warm, cold,
     important, beautiful, strange`),
} as const

export type Slot = keyof typeof lexicon
