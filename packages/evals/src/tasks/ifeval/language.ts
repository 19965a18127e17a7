/**
 * What language a text is in, by its script and, where several share one, by their commonest words and letters. Enough for the
 * languages that IFEval asks for and their neighbours. IFEval itself uses langdetect, a trained model.
 */

/** ISO 639-1 code; undefined where the text has too little to tell, which IFEval counts as followed. */
export type DetectLanguage = (text: string) => string | undefined

/** Scripts that one language of the set has for itself. */
const scripts: ReadonlyArray<readonly [string, RegExp]> = [
  ["kn", /\p{Script=Kannada}/gu],
  ["pa", /\p{Script=Gurmukhi}/gu],
  ["gu", /\p{Script=Gujarati}/gu],
  ["te", /\p{Script=Telugu}/gu],
  ["ta", /\p{Script=Tamil}/gu],
  ["ml", /\p{Script=Malayalam}/gu],
  ["bn", /\p{Script=Bengali}/gu],
  ["th", /\p{Script=Thai}/gu],
  ["ko", /\p{Script=Hangul}/gu],
  ["he", /\p{Script=Hebrew}/gu],
  ["el", /\p{Script=Greek}/gu],
  ["kana", /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ["han", /\p{Script=Han}/gu],
  ["devanagari", /\p{Script=Devanagari}/gu],
  ["arabic", /\p{Script=Arabic}/gu],
  ["cyrillic", /\p{Script=Cyrillic}/gu],
  ["latin", /\p{Script=Latin}/gu],
]

/** Commonest words of the languages that share a script. */
const words: { readonly [script: string]: { readonly [language: string]: string } } = {
  latin: {
    en: "the of and to in is that it for was on are with as be this have from you not by or an at your we they will can has but all there i my what so if would which their more when our do one about his her he she him me no up out who how just like into them been were had its than some time also very only over new may should these because get make people know day way good us could other then now see most any where after back here am",
    de: "der die das und ist nicht ein eine zu den mit von für auf sich dem auch im ich es sie wir sind wird dass wie aber oder werden bei nach einen als kann haben uns ihr",
    fr: "le la les de des et est un une que dans pour qui sur pas avec ce il elle nous vous je sont au du plus par ne se mais ou cette être tout",
    es: "el la los las de y que en un una es por con para no se su como más del al lo pero está son sus muy este ser mi",
    it: "il la di che e un una in per non con sono del è della i le gli si come anche più ma dei nel questo alla da mi",
    pt: "o a os as de e que em um uma é por com para não se do da no na como mais mas dos ao são você seu sua este muito",
    nl: "de het een en van is dat niet in op te zijn met voor die er aan ook als maar om bij naar wordt dit ik je we",
    sv: "och att det som en på är av för med den till inte om har ett vi jag du de kan så från eller men",
    da: "og at det som en på er af for med den til ikke om har et vi jeg du de kan så fra eller men blev",
    no: "og at det som en på er av for med den til ikke om har et vi jeg du de kan så fra eller men ble",
    fi: "ja on ei se että oli hän en ovat mutta kun niin tai kuin olla minä sinä tämä joka voi myös sekä ole mitä siitä",
    pl: "i w na nie się z do to jest że jak o po co ale za od tak dla są przez może być jego ten",
    cs: "a v na se je že to s z do o ve jsem jako ale za by jsou tak pro který není být může",
    ro: "și în de la cu nu o un pe să este că mai pentru din care sunt ce sau fi dar ca",
    hu: "a az és hogy nem is egy van ez meg de volt csak már mint vagy még azt lehet",
    tr: "ve bir bu için de da ile çok en daha gibi olarak ne var ama olan kadar mı değil ben",
    vi: "và của là có không được cho một những người trong với các này đã để tôi bạn khi thể nhưng ở từ rất",
    id: "dan yang di untuk dengan tidak ini itu dari adalah pada akan ke saya anda dalam bisa ada kita atau juga",
    sw: "na ya wa kwa ni katika za la kuwa hii cha yake kama au si lakini watu sana hiyo mimi wewe yetu wetu hivyo kila pia ili",
    tl: "ang ng sa na mga at ay ito ko ka hindi para kung may si niya siya ako ikaw namin",
    so: "waa iyo ka oo in ku u la waxaa ee si ay ah",
    af: "die en van is het nie in 'n vir dat wat om op te sy met hulle",
  },
  devanagari: {
    hi: "है हैं और के का की में से को पर नहीं यह एक था थे थी कि इस लिए भी हो जो कर अपने हम मैं आप तो ने वह कुछ",
    mr: "आहे आणि आहेत च्या नाही हे हा ही मध्ये एक आपण त्या मी तो ते होते होता किंवा पण साठी आपल्या तुमच्या या केले",
    ne: "छ र को मा हो लागि पनि छन् यो गर्न भएको लाई छैन हुन्छ तपाईं हामी म गर्ने थियो एक भने गर्नुहोस् तर",
  },
  arabic: {
    ar: "في من على أن إلى هذا هذه التي الذي لا ما كان هو هي مع عن كل لم أو ثم قد بعد يا إن أنا",
    fa: "و در به از که این را است با برای آن یک شما می من ما تا هم بر باید خود کرد شده هر اگر دارد های",
    ur: "کے کی میں ہے اور سے کا کو ہیں پر نے یہ اس ایک نہیں کہ ہم آپ بھی تھا کر جو لیے ہو",
  },
  cyrillic: {
    ru: "и в не на что с как это по я но из у за то он она мы вы его для все так же от к был бы или есть",
    bg: "и на да се за от не с е в по че са как това ще но или ли ми съм до към тези може който има беше",
    uk: "і в не на що з як це до я але та у за то він вона ми ви його для всі так від є був або",
    mk: "и на да се за од не со е во дека ќе но или ли како тоа сум до кои може ова има беше",
  },
}

/** Letters that only some languages of a script have: a tie is theirs. */
const letters: { readonly [language: string]: RegExp } = {
  ru: /[ыэё]/g,
  uk: /[іїєґ]/g,
  mk: /[ѓќѕљњџј]/g,
  bg: /[ъ]/g,
  fa: /[پچژگ]/g,
  ur: /[ٹڈڑںھےہ]/g,
  ar: /[ةىأإ]/g,
  vi: /[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]/g,
  de: /[ß]/g,
  fi: /ää|yö|öö|uu|ii/g,
  pl: /[ąęłńśźż]/g,
  cs: /[ěřů]/g,
  tr: /[ışğ]/g,
  ro: /[țșă]/g,
  pt: /[ãõ]/g,
  es: /[ñ¿¡]/g,
  sv: /[ä]/g,
  da: /[æ]/g,
  no: /[æ]/g,
  mr: /ळ/g,
}

const wordSets = Object.fromEntries(
  Object.entries(words).map(([script, languages]) => [
    script,
    Object.entries(languages).map(([language, list]) => [language, new Set(list.split(" "))] as const),
  ]),
)

/** Every code that can be found. */
export const languages: ReadonlySet<string> = new Set([
  "ja",
  "zh",
  ...scripts.flatMap(([script]) => (script.length === 2 ? [script] : [])),
  ...Object.values(words).flatMap((sharing) => Object.keys(sharing)),
])

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

export const detectLanguage: DetectLanguage = (text) => {
  const small = text.toLowerCase()
  const counts = scripts.map(([script, pattern]) => [script, count(small, pattern)] as const)
  const [script, most] = counts.reduce((best, next) => (next[1] > best[1] ? next : best))
  if (most === 0) return undefined
  // Japanese mixes both: a tenth of kana among the characters is Japanese.
  const kana = counts.find(([name]) => name === "kana")?.[1] ?? 0
  if (script === "kana" || (script === "han" && kana * 10 >= most)) return "ja"
  if (script === "han") return "zh"
  const sharing = wordSets[script]
  if (sharing === undefined) return script
  const found = small.match(/[\p{L}\p{M}'’]+/gu) ?? []
  const scored = sharing
    .map(([language, set]) => {
      const pattern = letters[language]
      return {
        language,
        score: found.filter((word) => set.has(word)).length + (pattern === undefined ? 0 : count(small, pattern) / 4),
      }
    })
    .toSorted((a, b) => b.score - a.score)
  const [first, second] = scored
  // Nothing known, or too little to choose by.
  return first === undefined || first.score === 0 || first.score === second?.score ? undefined : first.language
}
