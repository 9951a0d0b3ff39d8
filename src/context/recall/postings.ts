import { sql, type Bound, type Value } from '../../store/index.ts'

/** A word as the index knows it: 53 bits of its hash. That two words share one is less likely than a misprint. */
export function termKey(word: string): number {
  // cyrb53 by bryc, public domain: two multiplicative hashes side by side.
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < word.length; i++) {
    const code = word.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}

/** How often each word stands in a passage. */
export function tally(words: readonly string[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const word of words) {
    const key = termKey(word)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

/** Words of a passage of middle length: the weights that candidates are picked by need no exact mean. */
const MIDDLE_WORDS = 60

/** What a word says about a passage of this length, in thousandths: the part of BM25 that no query changes. */
export function weightOf(count: number, words: number): number {
  return Math.round((1_000 * count) / (count + 0.3 + (0.9 * words) / MIDDLE_WORDS))
}

/** Nobody has indexed since: the mark is where it was when the write was made. Takes its `seq`, `part` and `version`. */
export const MARK_STANDS = 'exists (select 1 from recall_index i where i.seq = ? and i.part = ? and i.version = ?)'

const CHUNKS = [200, 20, 1] as const
// Only of passages that are there: each was written right before, unless what it is of is erased.
const insertPostings = CHUNKS.map((n) =>
  sql(
    `with w (term, general, passage, weight) as (values (cast(? as bigint), cast(? as bigint), cast(? as bigint), cast(? as bigint))${', (?, ?, ?, ?)'.repeat(n - 1)})
     insert into posting (term, general, passage, weight) select w.term, w.general, w.passage, w.weight from w
     where exists (select 1 from passage p where p.id = w.passage) and ${MARK_STANDS}
     on conflict (term, general, passage) do nothing`,
  ),
)

/** Rows of four values each, in as few statements as there may be. */
export function postingWrites(values: readonly Value[], mark: readonly Value[]): Bound[] {
  const writes: Bound[] = []
  let at = 0
  CHUNKS.forEach((n, i) => {
    for (; at + n * 4 <= values.length; at += n * 4)
      writes.push(insertPostings[i]!(...values.slice(at, at + n * 4), ...mark))
  })
  return writes
}

export const deletePosting = sql('delete from posting where term = ? and general = ? and passage = ?')
