import { setImmediate as turn } from 'node:timers/promises'
import { sql, type Store } from '../../store/index.ts'
import { quoteHash } from './citation.ts'
import { INDEX_VERSION, type IndexState, type PassageRow } from './indexing.ts'
import { tally } from './postings.ts'
import { sourceEvents, sourceOf, type Source, type SourceEvent } from './sources.ts'

/** Whether the index says what messages and documents say. */
export interface IndexCheck {
  readonly passages: number
  /** Messages and versions of documents that were read. */
  readonly messages: number
  readonly documents: number
  /** Events that are not indexed yet: that is done by itself. */
  readonly behind: number
  /** The way in which it was made: another than this program's is made anew by itself. */
  readonly version: string
  /** What is wrong, and with how many; empty: nothing. */
  readonly faults: readonly { readonly what: Fault; readonly count: number; readonly example: string }[]
}

/**
 * `missing`, `different`: of a message or document; `orphan`: a passage of what is erased or never was; `words`, `scopes`: words and
 * whom it is about, of no passage, or passages without theirs; `count`: the sums that the ranking uses.
 */
export type Fault = 'missing' | 'different' | 'orphan' | 'words' | 'scopes' | 'count'

const EVENTS_PER_READ = 500
const ROWS_PER_READ = 2_000
const PASSAGES_PER_READ = 200

const readState = sql('select * from recall_index where id = 1')
const passagesOf = sql('select * from passage where source = ? and version = ? order by begins')
const scopesOf = sql('select scope from passage_scope where passage = ?')
const passagesBehind = sql(
  `select p.id, p.source, p.version, p.words, p.terms, case
     when p.version = 0 then (select count(*) from message m where m.id = p.source and m.text is not null)
     else (select count(*) from document_version v
       where v.document = p.source and v.version = p.version and v.text is not null) end as sources
   from passage p where p.id > ? order by p.id limit ${PASSAGES_PER_READ}`,
)
const postingsBehind = sql(
  `select o.term, o.general, o.passage, p.id as known from posting o left join passage p on p.id = o.passage
   where (o.term, o.general, o.passage) > (?, ?, ?) order by o.term, o.general, o.passage limit ${ROWS_PER_READ}`,
)
const scopesOfNone = sql(
  'select count(*) as n from passage_scope s where not exists (select 1 from passage p where p.id = s.passage)',
)

/**
 * Reads every message and document again and compares what the index has of it, in pages; what is not indexed yet is left out.
 * Changes nothing. The company goes on meanwhile: what seems wrong of one is looked at twice, and sums only count where nobody wrote.
 */
export async function checkIndex(store: Store): Promise<IndexCheck> {
  const before = await store.first<IndexState>(readState())
  const behind = (await store.engine.head()) - (before?.seq ?? 0)
  const { version = '' } = before ?? {}
  if (before?.version !== INDEX_VERSION) return { passages: 0, messages: 0, documents: 0, behind, version, faults: [] }
  const faults = new Map<Fault, { count: number; example: string }>()
  const add = (what: Fault, example: string, count = 1) => {
    const known = faults.get(what)
    if (count > 0) faults.set(what, { count: (known?.count ?? 0) + count, example: known?.example ?? example })
  }
  const { messages, documents } = await compareSources(store, before.seq, add)
  const there = await readPassages(store, add)
  const postings = await readPostings(store, add)
  add('scopes', 'of no passage', Number((await store.first<{ n: number }>(scopesOfNone()))!.n))
  const after = await store.first<IndexState>(readState())
  if (JSON.stringify(after) === JSON.stringify(before)) {
    if (there.passages !== before.passages || there.words !== before.words)
      add(
        'count',
        `${before.passages} passages and ${before.words} words; there are ${there.passages} and ${there.words}`,
      )
    if (there.terms > postings) add('words', 'of passages that have none', there.terms - postings)
  }
  const found = [...faults].map(([what, fault]) => ({ what, ...fault }))
  return { passages: there.passages, messages, documents, behind, version, faults: found }
}

type Add = (what: Fault, example: string, count?: number) => void

async function compareSources(store: Store, to: number, add: Add): Promise<{ messages: number; documents: number }> {
  let [messages, documents] = [0, 0]
  for (let at = 0; at < to; at += EVENTS_PER_READ) {
    for (const event of await store.read<SourceEvent>(sourceEvents(at, Math.min(to, at + EVENTS_PER_READ)))) {
      const source = await sourceOf(store, event)
      if (!source) continue
      if (source.version > 0) documents++
      else messages++
      if ((await faultOf(store, source)) === null) continue
      // It may have been erased, or got another version, between the two looks.
      const again = await sourceOf(store, event)
      const fault = again ? await faultOf(store, again) : null
      if (fault) add(fault, nameOf(source.source, source.version))
    }
    await turn()
  }
  return { messages, documents }
}

async function faultOf(store: Store, source: Source): Promise<Fault | null> {
  const rows = await store.read<PassageRow>(passagesOf(source.source, source.version))
  if (rows.length < source.spans.length) return 'missing'
  if (rows.length > source.spans.length) return 'different'
  for (const [i, row] of rows.entries()) {
    const { start, end } = source.spans[i]!
    const text = source.text.slice(start, end)
    const same =
      row.begins === start && row.ends === end && row.doc === source.doc && row.hash === quoteHash(store, text)
    const labels = [row.role, row.trust, row.until, row.speaker, row.general]
    const wanted = [source.role, source.trust, source.until, source.speaker, source.scopes.length === 0 ? 1 : 0]
    if (!same || labels.some((label, n) => label !== wanted[n])) return 'different'
    const scopes = new Set((await store.read<{ scope: string }>(scopesOf(row.id))).map((s) => s.scope))
    if (scopes.size !== new Set(source.scopes).size || source.scopes.some((one) => !scopes.has(one))) return 'scopes'
  }
  return null
}

async function readPassages(store: Store, add: Add): Promise<{ passages: number; words: number; terms: number }> {
  type Row = Pick<PassageRow, 'id' | 'source' | 'version' | 'words' | 'terms'> & { readonly sources: number }
  let [passages, words, terms] = [0, 0, 0]
  for (let rows = await store.read<Row>(passagesBehind(0)); rows.length > 0;) {
    for (const row of rows) {
      passages++
      words += row.words
      terms += tally(row.terms.split(/[ \n]/).filter(Boolean)).size
      if (Number(row.sources) === 0) add('orphan', nameOf(row.source, row.version))
    }
    await turn()
    rows = await store.read<Row>(passagesBehind(rows.at(-1)!.id))
  }
  return { passages, words, terms }
}

/** How many words stand in passages that are there. */
async function readPostings(store: Store, add: Add): Promise<number> {
  type Row = {
    readonly term: number
    readonly general: number
    readonly passage: number
    readonly known: number | null
  }
  let known = 0
  for (let rows = await store.read<Row>(postingsBehind(-1, -1, -1)); rows.length > 0;) {
    for (const row of rows)
      if (row.known === null) add('words', `passage ${row.passage}`)
      else known++
    await turn()
    const { term, general, passage } = rows.at(-1)!
    rows = await store.read<Row>(postingsBehind(term, general, passage))
  }
  return known
}

function nameOf(source: string, version: number): string {
  return version === 0 ? source : `${source}@${version}`
}
