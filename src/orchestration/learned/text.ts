/**
 * Words and character n-grams of a text, hashed into a fixed number of columns (the hashing trick: Weinberger et al. 2009), so that
 * nothing needs to be kept for words that come later. Character n-grams see stems, compounds and typing errors in any language.
 */

/** Columns of the hashed features: the first half holds words and pairs of words, the second half character n-grams. */
export const COLUMNS = 1 << 16
const HALF = COLUMNS >> 1
/** A text is read up to here: what follows in a mail is quotes, signatures and the small print. */
const MAX_CHARS = 6_000

/** Column numbers, ascending, and the sublinear count of each: 1 + ln(count). */
export interface Grams {
  readonly columns: Uint16Array
  readonly counts: Float32Array
  /** Whole hashes of the distinct words: whether a word was ever seen must not hang on who shares its column. */
  readonly words: Uint32Array
}

/** Compatibility forms (NFKC) in lower case; runs of digits become one 0, so that amounts and numbers look alike. */
function normalise(text: string): string {
  return text
    .slice(0, MAX_CHARS)
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\p{N}+/gu, '0')
}

export function gramsOf(text: string): Grams {
  const seen = new Map<number, number>()
  const count = (column: number) => seen.set(column, (seen.get(column) ?? 0) + 1)
  const distinct = new Set<number>()
  let before = ''
  for (const [word] of normalise(text).matchAll(/[\p{L}\p{M}\p{N}]+|[?!€$£]/gu)) {
    const whole = hash(word)
    count(whole % HALF)
    if (/\p{L}/u.test(word)) distinct.add(whole)
    if (before !== '') count(hash(`${before} ${word}`) % HALF)
    before = word
    const padded = ` ${word} `
    for (let size = 3; size <= 5; size++) {
      for (let at = 0; at + size <= padded.length; at++) {
        count(HALF + (hash(padded.slice(at, at + size)) % HALF))
      }
    }
  }
  const columns = Uint16Array.from(seen.keys()).sort()
  const words = Uint32Array.from(distinct)
  return { columns, words, counts: Float32Array.from(columns, (column) => 1 + Math.log(seen.get(column)!)) }
}

/** FNV-1a over UTF-16 units, with the finisher of MurmurHash3: FNV alone leaves the low bits of short texts uneven. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

// The commonest short words that tell these languages from English; none is an English word.
const ELSEWHERE = new Set(
  `der die das und ich sie wir ist nicht ein eine einen mit für auf von zu den dem bitte mein meine ihre ihr im wie wo kann
  haben uns oder auch bei noch aus zum zur hier le la les des et je vous nous est une pour dans sur du que qui pas au aux votre
  notre mon ma ce cette avec sont puis ou el los las por para con una del mi su en se es il lo gli di che per non sono het een van
  voor niet dat ik wij op os da em uma não`.split(/\s+/),
)
const ENGLISH = new Set(
  `the a an and i you we is not my your our to of in for on with it this that was are be have has can do does how what when
  where why please if but from at as me will would could there`.split(/\s+/),
)

/** Whether an encoder that knows English only has anything to say about it: no letters beyond Latin, and English small words. */
export function looksEnglish(text: string): boolean {
  const words = normalise(text.slice(0, 1_000)).match(/\p{L}+/gu) ?? []
  let score = 0
  for (const word of words) {
    if (ENGLISH.has(word)) score += 1
    if (ELSEWHERE.has(word)) score -= 1
    if (/[^a-z]/.test(word)) score -= 0.5
  }
  return words.length > 0 && score >= 0
}
