import { sql, type Bound, type Store } from '../../store/index.ts'
import type { IndexState, PassageRow } from './indexing.ts'
import { termKey } from './postings.ts'
import { lookedUp, type Candidate, type Corpus } from './rank.ts'

/** Whom a question is about is small enough to be read as a whole up to this many passages. */
const WHOLE_SCOPE = 800
/** Rare words first, newest passages first: so many postings are read for one question, and so many passages kept. */
const MOST_POSTINGS = 4_000
/** Whom a question is about: so many times as many are gone through, for most are about others. */
const IN_SCOPE = 2
const MOST_FOUND = 200
/** Of the conversations and documents that have most of them, what stands around it is read too: [how many, of each]. */
const AROUND = [8, 24] as const
/** A question of more words than this describes a case: it is answered from many documents. */
const LONG_QUESTION = 40
const AROUND_LONG = [40, 10] as const
const POSTINGS_LONG = 12_000
/** A word that stands in more passages than this is counted no further: it says next to nothing. */
const MOST_COUNTED = 20_000
const KEPT_COUNTS = 20_000
const FEWEST = 1_000
const IDS_A_READ = 50

const countPostings = sql(
  `select count(*) as n from (select 1 from posting where term = ? limit ${MOST_COUNTED}) as counted`,
)
const postings = sql('select passage, weight from posting where term = ? and general = ? order by passage desc limit ?')
// Which of the two is gone through is what it costs, and only known here: SQLite joins crosswise in the order as written.
const [postingsInScope, scopeInPostings] = [
  'posting o cross join passage_scope s',
  'passage_scope s cross join posting o',
].map((joined, i) =>
  sql(
    `select o.passage as passage, o.weight as weight from ${joined} where o.term = ? and o.general = 0
     and s.scope = ? and s.passage = o.passage order by ${i === 0 ? 'o' : 's'}.passage desc limit ?`,
  ),
) as [ReturnType<typeof sql>, ReturnType<typeof sql>]
const countScope = sql(
  `select count(*) as n from (select 1 from passage_scope where scope = ? limit ${MOST_COUNTED}) as counted`,
)
const inScope = sql('select passage from passage_scope where scope = ? order by passage desc limit ?')
const passagesById = sql(
  `select * from passage where id in (${Array.from({ length: IDS_A_READ }, () => '?').join(', ')})`,
)
const passagesOfDoc = sql('select * from passage where doc = ? and n >= ? and n < ? order by n')

/** A word of the question that is looked up, and how many passages have it. */
interface Looked {
  readonly term: number
  readonly n: number
  readonly idf: number
}

/** What must hold of a passage before it is looked at. */
export interface Bounds {
  /** Whom it may be about, as addresses' HMACs and entities' ids; null: anybody. What is about nobody is always in. */
  readonly scopes: readonly string[] | null
  readonly allows: (row: PassageRow) => boolean
}

/** Finds what a question may be answered by. Keeps how common words are: a count that is a few percent old does. */
export class Candidates {
  readonly #store: Store
  readonly #counts = new Map<number, { readonly n: number; readonly at: number }>()

  constructor(store: Store) {
    this.#store = store
  }

  async corpus(words: readonly string[], state: IndexState): Promise<Corpus> {
    const df = new Map<string, number>()
    const asked = [...new Set(words)]
    const counted = await Promise.all(asked.map((word) => this.#count(termKey(word), state.passages)))
    for (const [i, word] of asked.entries()) df.set(word, counted[i]!)
    // In a company that knows little yet, every word would seem common.
    return {
      passages: Math.max(FEWEST, state.passages),
      meanTerms: state.passages === 0 ? 0 : state.words / state.passages,
      df,
    }
  }

  async #count(term: number, passages: number): Promise<number> {
    const known = this.#counts.get(term)
    if (known && Math.abs(passages - known.at) * 20 <= known.at) return known.n
    const n = Number((await this.#store.first<{ n: number }>(countPostings(term)))!.n)
    if (this.#counts.size >= KEPT_COUNTS) this.#counts.clear()
    this.#counts.set(term, { n, at: passages })
    return n
  }

  /** Passages within bounds, each text once: the one that was there first. */
  async find(bounds: Bounds, asked: readonly string[], { df, passages }: Corpus): Promise<PassageRow[]> {
    const long = df.size > LONG_QUESTION
    const [docs, ofEach] = long ? AROUND_LONG : AROUND
    const most = long ? POSTINGS_LONG : MOST_POSTINGS
    const words = lookedUp(asked, df, passages)
      .map((word) => ({ word, n: df.get(word) ?? 0 }))
      .sort((a, b) => a.n - b.n)
      .map(({ word, n }) => ({ term: termKey(word), n, idf: Math.log(1 + (passages - n + 0.5) / (n + 0.5)) }))
    const found = new Map<number, PassageRow>()
    const keep = (rows: readonly PassageRow[]) => {
      for (const row of rows) if (bounds.allows(row)) found.set(row.id, row)
    }
    const scores = new Map<number, number>()
    if (bounds.scopes === null)
      await this.#score(words, scores, most, [(t, n) => postings(t.term, 0, n), (t, n) => postings(t.term, 1, n)])
    else {
      await this.#score(words, scores, most, [(t, n) => postings(t.term, 1, n)])
      for (const scope of bounds.scopes) {
        const ids = (await this.#store.read<{ passage: number }>(inScope(scope, WHOLE_SCOPE + 1))).map((r) => r.passage)
        if (ids.length <= WHOLE_SCOPE) keep(await this.#load(ids))
        else await this.#scoreInScope(words, scores, most, scope)
      }
    }
    keep(await this.#load(highest(scores, MOST_FOUND)))
    const around = bestDocs(found, scores, docs).map(([doc, n]) => this.#around(doc, n, ofEach))
    for (const rows of await Promise.all(around)) keep(rows)
    return unique(found.values())
  }

  async #score(
    words: readonly Looked[],
    scores: Map<number, number>,
    most: number,
    reads: readonly ((word: Looked, limit: number) => Bound)[],
    costs: (word: Looked, found: number) => number = (_, found) => found,
  ): Promise<void> {
    let left = most
    for (const word of words) {
      for (const read of reads) {
        if (left <= 0) return
        const rows = await this.#store.read<{ passage: number; weight: number }>(read(word, left))
        left -= costs(word, rows.length)
        for (const { passage, weight } of rows) scores.set(passage, (scores.get(passage) ?? 0) + word.idf * weight)
      }
    }
  }

  /** Word by word through the fewer of the two: the passages that have it, or those about whom is asked. */
  async #scoreInScope(
    words: readonly Looked[],
    scores: Map<number, number>,
    most: number,
    scope: string,
  ): Promise<void> {
    const size = Number((await this.#store.first<{ n: number }>(countScope(scope)))!.n)
    const read = ({ term, n }: Looked, limit: number) =>
      (n <= size ? postingsInScope : scopeInPostings)(term, scope, limit)
    await this.#score(words, scores, most * IN_SCOPE, [read], ({ n }) => Math.min(n, size))
  }

  async #load(ids: readonly number[]): Promise<PassageRow[]> {
    const reads: Promise<PassageRow[]>[] = []
    for (let at = 0; at < ids.length; at += IDS_A_READ) {
      const some = ids.slice(at, at + IDS_A_READ)
      reads.push(this.#store.read(passagesById(...some, ...Array<number>(IDS_A_READ - some.length).fill(0))))
    }
    return (await Promise.all(reads)).flat()
  }

  #around(doc: string, n: number, most: number): Promise<PassageRow[]> {
    const from = Math.max(0, n - most / 2)
    return this.#store.read<PassageRow>(passagesOfDoc(doc, from, from + most))
  }
}

/** The ids with the highest scores; of equals the newest. Numbers alone are sorted: a question finds thousands. */
function highest(scores: ReadonlyMap<number, number>, most: number): number[] {
  const least = scores.size <= most ? 0 : Float64Array.from(scores.values()).sort()[scores.size - most]!
  const best: [number, number][] = []
  for (const entry of scores) if (entry[1] >= least) best.push(entry)
  return best
    .sort((a, b) => b[1] - a[1] || b[0] - a[0])
    .slice(0, most)
    .map(([id]) => id)
}

/** The conversations and documents with the most of what was found, and where in them the best of it stands. */
function bestDocs(
  found: ReadonlyMap<number, PassageRow>,
  scores: ReadonlyMap<number, number>,
  most: number,
): [string, number][] {
  const docs = new Map<string, { sum: number; best: number; n: number }>()
  for (const [id, row] of found) {
    const score = scores.get(id) ?? 0
    if (score === 0) continue
    const doc = docs.get(row.doc) ?? { sum: 0, best: 0, n: 0 }
    docs.set(row.doc, doc)
    doc.sum += score
    if (score > doc.best) Object.assign(doc, { best: score, n: row.n })
  }
  return [...docs]
    .sort((a, b) => b[1].sum - a[1].sum)
    .slice(0, most)
    .map(([doc, { n }]) => [doc, n])
}

function unique(rows: Iterable<PassageRow>): PassageRow[] {
  const byHash = new Map<string, PassageRow>()
  for (const row of rows) {
    const known = byHash.get(row.hash)
    if (!known || row.id < known.id) byHash.set(row.hash, row)
  }
  return [...byHash.values()]
}

/** A row as the ranking sees it. */
export function candidateOf(row: PassageRow, vector: Float32Array | null): Candidate {
  const [headingTerms = '', terms = ''] = row.terms.split('\n')
  return {
    id: row.id,
    doc: row.doc,
    n: row.n,
    at: row.at,
    role: row.role,
    speaker: row.speaker,
    heading: row.heading,
    text: row.text,
    headingTerms: headingTerms === '' ? [] : headingTerms.split(' '),
    terms: terms === '' ? [] : terms.split(' '),
    vector,
  }
}
