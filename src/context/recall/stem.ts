/**
 * English words without their endings, by the algorithm of M. F. Porter, "An algorithm for suffix stripping" (Program 14(3), 1980).
 * What is left is a key that the forms of a word share, not a word. Words of other languages lose what looks like an
 * English ending, in the index and in the question alike.
 */
export function stem(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word
  let w = word
  if (w.endsWith('sses') || w.endsWith('ies')) w = w.slice(0, -2)
  else if (w.endsWith('s') && !w.endsWith('ss')) w = w.slice(0, -1)
  w = past(w)
  if (w.endsWith('y') && hasVowel(w.slice(0, -1))) w = `${w.slice(0, -1)}i`
  w = replaced(w, STEP_2, 1)
  w = replaced(w, STEP_3, 1)
  w = shortened(w)
  if (w.endsWith('e')) {
    const base = w.slice(0, -1)
    const m = measure(base)
    if (m > 1 || (m === 1 && !endsShort(base))) w = base
  }
  return w.endsWith('ll') && measure(w) > 1 ? w.slice(0, -1) : w
}

const STEP_2 = pairs(
  'ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent eli:e ousli:ous ization:ize ation:ate ator:ate',
  'alism:al iveness:ive fulness:ful ousness:ous aliti:al iviti:ive biliti:ble logi:log',
)
const STEP_3 = pairs('icate:ic ative: alize:al iciti:ic ical:ic ful: ness:')
const STEP_4 = 'ement ance ence able ible ment ant ent ism ate iti ous ive ize ion al er ic ou'.split(' ')

/** Steps 1b: -eed, -ed and -ing, and what they leave behind. */
function past(w: string): string {
  if (w.endsWith('eed')) return measure(w.slice(0, -3)) > 0 ? w.slice(0, -1) : w
  const base = w.endsWith('ed') ? w.slice(0, -2) : w.endsWith('ing') ? w.slice(0, -3) : null
  if (base === null || !hasVowel(base)) return w
  if (/(?:at|bl|iz)$/.test(base)) return `${base}e`
  if (/([^aeioulsz])\1$/.test(base)) return base.slice(0, -1)
  return measure(base) === 1 && endsShort(base) ? `${base}e` : base
}

function shortened(w: string): string {
  for (const ending of STEP_4) {
    if (!w.endsWith(ending)) continue
    const base = w.slice(0, -ending.length)
    return measure(base) > 1 && (ending !== 'ion' || /[st]$/.test(base)) ? base : w
  }
  return w
}

function pairs(...lines: readonly string[]): [string, string][] {
  const all = lines.flatMap((line) => line.split(' ').map((pair) => pair.split(':') as [string, string]))
  return all.toSorted((a, b) => b[0].length - a[0].length)
}

/** The longest ending that the word has, replaced where enough is left of it. */
function replaced(w: string, endings: readonly [string, string][], least: number): string {
  for (const [ending, by] of endings) {
    if (!w.endsWith(ending)) continue
    const base = w.slice(0, -ending.length)
    return measure(base) >= least ? base + by : w
  }
  return w
}

function isVowel(w: string, i: number): boolean {
  const c = w.charCodeAt(i)
  if (c === 97 || c === 101 || c === 105 || c === 111 || c === 117) return true
  return c === 121 && i > 0 && !isVowel(w, i - 1)
}

function hasVowel(w: string): boolean {
  for (let i = 0; i < w.length; i++) if (isVowel(w, i)) return true
  return false
}

/** How often a vowel is followed by a consonant: Porter's m. */
function measure(w: string): number {
  let m = 0
  let vowel = false
  for (let i = 0; i < w.length; i++) {
    const now = isVowel(w, i)
    if (vowel && !now) m++
    vowel = now
  }
  return m
}

/** Consonant, vowel, consonant other than w, x or y: Porter's *o. */
function endsShort(w: string): boolean {
  const n = w.length
  if (n < 3) return false
  return !isVowel(w, n - 1) && isVowel(w, n - 2) && !isVowel(w, n - 3) && !/[wxy]$/.test(w)
}
