import type { Json } from '../lib/json.ts'

/** How like a query each text is, 0 to 1, in their order. What ranks recall may stand here as well. */
export type Likeness = (query: string, texts: readonly string[]) => number[]

const MAX_WORDS = 2_000

/** Addresses and message ids are left out: whom a case is about is known better than by its words. */
function wordsOf(text: string): Set<string> {
  const words = text
    .toLowerCase()
    .normalize('NFKC')
    .replace(/\S+@\S+/g, ' ')
    .match(/[\p{L}\p{N}]{3,}/gu)
  return new Set(words?.slice(0, MAX_WORDS))
}

/**
 * Words that both have, each weighed by how few of the texts have it (inverse document frequency), as the cosine of
 * the two: a long text that has everything is not like everything.
 */
export const sharedWords: Likeness = (query, texts) => {
  const asked = wordsOf(query)
  const sets = texts.map(wordsOf)
  const frequency = new Map<string, number>()
  for (const words of sets) for (const word of words) frequency.set(word, (frequency.get(word) ?? 0) + 1)
  const weight = (word: string) => Math.log((1 + texts.length) / (frequency.get(word) ?? 1)) ** 2
  const sum = (words: Iterable<string>) => [...words].reduce((n, word) => n + weight(word), 0)
  const own = sum(asked)
  return sets.map((words) => {
    const shared = sum(asked.intersection(words))
    return shared === 0 ? 0 : shared / Math.sqrt(own * sum(words))
  })
}

/** Every text in a value, names of fields left out. */
export function textIn(value: Json): string {
  if (value === null) return ''
  if (typeof value !== 'object') return String(value)
  return (Array.isArray(value) ? (value as Json[]) : Object.values(value as Readonly<Record<string, Json>>))
    .map(textIn)
    .join(' ')
}
