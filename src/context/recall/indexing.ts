import { setImmediate as turn } from 'node:timers/promises'
import { sql, type Bound, type Store, type Value } from '../../store/index.ts'
import { quoteHash } from './citation.ts'
import { deletePosting, MARK_STANDS, postingWrites, tally, weightOf } from './postings.ts'
import { SOURCE_VERSION, sourceEvents, sourceOf, type Role, type Source, type SourceEvent } from './sources.ts'
import { SPLIT_VERSION } from './split.ts'
import { terms, TERMS_VERSION } from './terms.ts'
import type { Trust } from '../signals.ts'

/** Another way of reading what was said, of splitting or of making words: everything is indexed anew. */
export const INDEX_VERSION = `${SOURCE_VERSION}.${SPLIT_VERSION}.${TERMS_VERSION}`
/** What is read of the ledger, and written of the index, in one go: 10 to 20 ms that nobody else has a turn in. */
const EVENTS_PER_READ = 2_000
const PASSAGES_PER_WRITE = 60

export interface PassageRow {
  readonly id: number
  readonly source: string
  readonly version: number
  readonly begins: number
  readonly ends: number
  readonly doc: string
  readonly n: number
  readonly role: Role
  readonly trust: Trust
  readonly at: number
  readonly until: number | null
  readonly general: 0 | 1
  readonly hash: string
  readonly words: number
  readonly speaker: string | null
  readonly heading: string
  readonly text: string
  readonly terms: string
}

/** How far the index is. */
export interface IndexState {
  readonly version: string
  /** Events before this one are indexed, and `part` passages of it. */
  readonly seq: number
  readonly part: number
  readonly next: number
  readonly passages: number
  readonly words: number
}

const readState = sql('select * from recall_index where id = 1')
const firstState = sql(
  `insert into recall_index (id, version, seq, part, next, passages, words) values (1, ?, 0, 0, 1, 0, 0)
   on conflict (id) do update set version = excluded.version, seq = 0, part = 0, next = 1, passages = 0, words = 0`,
)
// What was written is what there is from `next` on: of what was erased meanwhile there is nothing.
const moveState = sql(
  `update recall_index set seq = ?, part = ?, next = ?,
     passages = passages + (select count(*) from passage p where p.id >= recall_index.next),
     words = words + (select coalesce(sum(p.words), 0) from passage p where p.id >= recall_index.next)
   where id = 1 and seq = ? and part = ? and version = ?`,
)
// Before it is deleted, and by only one of those who delete it.
const shrinkState = sql(
  `update recall_index set passages = passages - 1, words = words - (select p.words from passage p where p.id = ?)
   where id = 1 and exists (select 1 from passage p where p.id = ?)`,
)
const PASSAGE_COLUMNS = `id, source, version, begins, ends, doc, n, role, trust, at, until, general, hash, words, speaker,
  heading, text, terms`
// From the row that it was read from: what is erased meanwhile, by whichever process, is not brought back.
const passageOfMessage = sql(
  `insert into passage (${PASSAGE_COLUMNS}) select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
   from message m where m.id = ? and m.text is not null and ${MARK_STANDS} on conflict do nothing`,
)
const passageOfDocument = sql(
  `insert into passage (${PASSAGE_COLUMNS}) select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
   from document_version v where v.document = ? and v.version = ? and v.text is not null and ${MARK_STANDS}
   on conflict do nothing`,
)
const insertScope = sql(
  `insert into passage_scope (scope, passage) select ?, p.id from passage p where p.id = ? and ${MARK_STANDS}
   on conflict (scope, passage) do nothing`,
)
// Which versions hold is what the document says by now.
const outdate = sql(
  `update passage set until = (select v.until from document_version v
     where v.document = passage.source and v.version = passage.version) where source = ?`,
)
const lastPlace = sql('select coalesce(max(n), -1) as n from passage where doc = ?')

/** What texts are kept in beside the ledger and its projections. */
export const INDEX_TABLES = ['passage', 'passage_scope', 'posting', 'vector'] as const

const EMPTY = ['posting', 'passage_scope', 'passage'].map((table) => sql(`delete from ${table}`))

export async function indexState(store: Store): Promise<IndexState> {
  const state = await store.first<IndexState>(readState())
  if (state?.version === INDEX_VERSION) return state
  await dropIndex(store)
  return indexState(store)
}

/** Throws the index away; it is made anew from the ledger. Vectors stay: they are of texts, not of passages. */
export async function dropIndex(store: Store): Promise<void> {
  await store.write([...EMPTY.map((all) => all()), firstState(INDEX_VERSION)])
}

/**
 * Indexes what was committed since, in small writes with turns between them. Nothing of it is on the write path; a crash
 * leaves it to go on where it was. Of two processes at once, the one that is first moves the mark, and nothing of the
 * other's write counts: what it numbered may be something else by now.
 */
export async function catchUp(store: Store, stopped: () => boolean = () => false): Promise<void> {
  const head = await store.engine.head()
  for (let state = await indexState(store); state.seq < head && !stopped(); state = await indexState(store)) {
    const to = Math.min(head, state.seq + EVENTS_PER_READ)
    const events = await store.read<SourceEvent>(sourceEvents(state.seq, to))
    const batch = new Batch(store, state)
    for (const event of events) {
      if (batch.full) break
      const source = await sourceOf(store, event)
      if (source) await batch.add(event.seq, source)
    }
    await store.write(batch.writes(to))
    await turn()
  }
}

/** What one write brings into the index, and where the mark stands after it. */
class Batch {
  readonly #store: Store
  readonly #from: IndexState
  readonly #mark: readonly [number, number, string]
  readonly #rows: Bound[] = []
  readonly #postings: Value[] = []
  readonly #places = new Map<string, number>()
  #next: number
  #passages = 0
  /** Where the next batch goes on, when this one could not take everything. */
  #left: { readonly seq: number; readonly part: number } | null = null

  constructor(store: Store, from: IndexState) {
    this.#store = store
    this.#from = from
    this.#mark = [from.seq, from.part, from.version]
    this.#next = from.next
  }

  get full(): boolean {
    return this.#left !== null
  }

  async add(seq: number, source: Source): Promise<void> {
    const from = seq === this.#from.seq ? this.#from.part : 0
    const room = PASSAGES_PER_WRITE - this.#passages
    const to = Math.min(source.spans.length, from + room)
    for (let part = from; part < to; part++) await this.#passage(source, part)
    if (source.version > 1) this.#rows.push(outdate(source.source))
    if (to < source.spans.length) this.#left = { seq, part: to }
    else if (this.#passages >= PASSAGES_PER_WRITE) this.#left = { seq: seq + 1, part: 0 }
  }

  async #passage(source: Source, part: number): Promise<void> {
    const span = source.spans[part]!
    const text = source.text.slice(span.start, span.end)
    const heading = [...new Set([source.title, ...span.headings])].filter(Boolean).join(' / ')
    const [headingWords, words] = [terms(heading), terms(text)]
    const id = this.#next++
    const general = source.scopes.length === 0 ? 1 : 0
    const values = [
      id,
      source.source,
      source.version,
      span.start,
      span.end,
      source.doc,
      await this.#place(source.doc),
      source.role,
      source.trust,
      source.at,
      source.until,
      general,
      quoteHash(this.#store, text),
      words.length,
      source.speaker,
      heading,
      text,
      `${headingWords.join(' ')}\n${words.join(' ')}`,
      source.source,
    ]
    this.#rows.push(
      source.version > 0
        ? passageOfDocument(...values, source.version, ...this.#mark)
        : passageOfMessage(...values, ...this.#mark),
    )
    for (const scope of source.scopes) this.#rows.push(insertScope(scope, id, ...this.#mark))
    for (const [term, count] of tally([...headingWords, ...words]))
      this.#postings.push(term, general, id, weightOf(count, words.length))
    this.#passages++
  }

  async #place(doc: string): Promise<number> {
    const place = this.#places.get(doc) ?? Number((await this.#store.first<{ n: number }>(lastPlace(doc)))!.n) + 1
    this.#places.set(doc, place + 1)
    return place
  }

  writes(to: number): Bound[] {
    const { seq, part } = this.#left ?? { seq: to, part: 0 }
    return [
      ...this.#rows,
      ...postingWrites(this.#postings, this.#mark),
      moveState(seq, part, this.#next, ...this.#mark),
    ]
  }
}

const passagesOf = sql('select * from passage where source = ? or doc = ?')
const deletePassage = sql('delete from passage where id = ?')
const deleteScopes = sql('delete from passage_scope where passage = ?')
const deleteVector = sql(
  'delete from vector where hash = ? and not exists (select 1 from passage where passage.hash = vector.hash)',
)

const deleteVectorsOfNone = sql(
  'delete from vector where not exists (select 1 from passage where passage.hash = vector.hash)',
)

/**
 * Takes messages and documents (by id; one version of a document as `<document>@<version>`) out of the index: their text,
 * words and vectors. For whoever erases them, after
 * their rows are erased. What is not indexed yet is left out then by itself.
 */
export async function removeFromIndex(store: Store, sources: readonly string[]): Promise<void> {
  for (const source of sources) {
    const rows = await store.read<PassageRow>(passagesOf(source, source))
    for (let at = 0; at < rows.length; at += PASSAGES_PER_WRITE) {
      const some = rows.slice(at, at + PASSAGES_PER_WRITE)
      await store.write([
        ...some.flatMap((row) => [
          shrinkState(row.id, row.id),
          ...[...tally(row.terms.split(/[ \n]/).filter(Boolean)).keys()].map((t) =>
            deletePosting(t, row.general, row.id),
          ),
          deleteScopes(row.id),
          deletePassage(row.id),
        ]),
        ...some.map((row) => deleteVector(row.hash)),
      ])
    }
  } // Those of passages as they were cut before the index was made anew.
  await store.write([deleteVectorsOfNone()])
}
