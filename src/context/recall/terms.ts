import { IRREGULAR } from './irregular.ts'
import { stem } from './stem.ts'

/** Grows when the same text gives other words: the index is made anew then. */
export const TERMS_VERSION = 1

/** Words that say how others belong together and not what is spoken of: no question is answered by them. */
const STOP = new Set(
  `a an the and or but nor if then else of at by for with about against between into through to from in out on off over under again
  as is am are was were be been being do does did doing done have has had having will would shall should can could may might must
  i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its itself
  they them their theirs themselves this that these those here there what which who whom whose when where why how all any both each
  few more most other some such no not only own same so than too very just also ever even yet still cannot`.split(
    /\s+/,
  ),
)

/** Scripts that put no space between words are read in pairs of characters. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

const cache = new Map<string, string>()
const CACHED = 20_000

/**
 * The words of a text as they are indexed and asked for, in order and with repeats: without case, accents and English endings,
 * and without the words that only hold a sentence together. The digits of a grouped number stand together.
 */
export function terms(text: string): string[] {
  const plain = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '')
    .replace(/\b[a-z]+n['\u2019]t\b|['\u2019](?:s|d|ll|m|re|ve)\b/g, ' ')
    .replace(/(?<=\d),(?=\d{3}(?!\d))/g, '')
  const found: string[] = []
  for (const word of plain.match(/[\p{L}\p{N}]+/gu) ?? []) {
    if (word.charCodeAt(0) > 0x2000 || word.length > 40 || !/^[\x21-\x7e]+$/.test(word)) add(word, found)
    else if (!STOP.has(word)) found.push(known(word))
  }
  return found
}

/** A word of another script: as it is, or in pairs of characters; one that is absurdly long counts by its beginning. */
function add(word: string, found: string[]): void {
  const whole = word.slice(0, 64)
  if (!UNSPACED.test(whole)) {
    found.push(whole)
    return
  }
  const characters = Array.from(whole)
  if (characters.length === 1) found.push(whole)
  for (let i = 1; i < characters.length; i++) found.push(characters[i - 1]! + characters[i]!)
}

function known(word: string): string {
  const hit = cache.get(word)
  if (hit !== undefined) return hit
  const term = stem(IRREGULAR.get(word) ?? word)
  if (cache.size >= CACHED) cache.clear()
  cache.set(word, term)
  return term
}
