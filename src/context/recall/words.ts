import type { Candidate, Corpus } from './rank.ts'

const K = 1
const B = 0.5
/** A word of a document's title and headings counts as so many in its text; the subject of a message says little of one message. */
export const IN_TITLE = 3

/** Of so many words of a long question postings are read. */
const LOOKED_UP = 48

/** How much is said by each word of a question that stands somewhere: the rarer, the more (BM25's inverse document frequency). */
export function wordWeights(terms: readonly string[], { passages, df }: Corpus): Map<string, number> {
  const weights = new Map<string, number>()
  for (const term of terms) {
    const n = Math.min(df.get(term) ?? 0, passages)
    weights.set(term, Math.log(1 + (passages - n + 0.5) / (n + 0.5)))
  }
  return weights
}

/** The words of a question whose passages are worth reading: of a long one those that it comes back to and that are rare. */
export function lookedUp(terms: readonly string[], df: ReadonlyMap<string, number>, passages: number): string[] {
  const times = new Map<string, number>()
  for (const term of terms) if ((df.get(term) ?? 0) > 0) times.set(term, (times.get(term) ?? 0) + 1)
  const weights = wordWeights([...times.keys()], { passages, df, meanTerms: 1 })
  return [...times]
    .map(([term, n]) => ({ term, worth: n * weights.get(term)! }))
    .sort((a, b) => b.worth - a.worth)
    .slice(0, LOOKED_UP)
    .map(({ term }) => term)
}

/** Messages answer each other; documents and notes stand alone, under a title of their own. */
export function isDialogue({ role }: Candidate): boolean {
  return role === 'them' || role === 'us'
}

/**
 * Tells of most words that they are none of these, by their ends and their length: a question looks at tens of thousands, and
 * to hash each costs more than all the rest of the ranking. Who passes may still be none.
 */
export function sieve(words: Iterable<string>): (word: string) => boolean {
  const bits = new Uint8Array(4_096)
  for (const word of words) bits[mesh(word)] = 1
  return (word) => bits[mesh(word)] === 1
}

function mesh(word: string): number {
  const { length } = word
  return (
    (word.charCodeAt(0) * 7 + word.charCodeAt(length >> 1) * 131 + word.charCodeAt(length - 1) * 31 + length * 1_021) &
    4_095
  )
}

/** How often each word that has a weight stands in a passage, those of its headings included. */
export function counts(
  c: Candidate,
  weights: ReadonlyMap<string, number>,
  maybe: (word: string) => boolean,
): Map<string, number> {
  const tf = new Map<string, number>()
  for (const term of c.terms) if (maybe(term) && weights.has(term)) tf.set(term, (tf.get(term) ?? 0) + 1)
  const each = isDialogue(c) ? 1 : IN_TITLE
  for (const term of new Set(c.headingTerms))
    if (maybe(term) && weights.has(term)) tf.set(term, (tf.get(term) ?? 0) + each)
  return tf
}

/** BM25 (Robertson and Zaragoza 2009) of the words that are in `weights`. */
export function bm25(
  tf: ReadonlyMap<string, number>,
  weights: ReadonlyMap<string, number>,
  relativeLength: number,
  k = K,
  b = B,
): number {
  const length = k * (1 - b + b * relativeLength)
  let sum = 0
  for (const [term, n] of tf) {
    const weight = weights.get(term)
    if (weight !== undefined) sum += (weight * n * (k + 1)) / (n + length)
  }
  return sum
}
