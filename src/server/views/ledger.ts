import { why, type Link } from '../../governance/why.ts'
import { sql, type Store } from '../../store/index.ts'
import { bySeq, cursorOf, page, placeOf, type Page, type Paging } from './page.ts'

/** One event without its private part. */
export interface LedgerLine extends Omit<Link, 'private' | 'erased'> {
  /** It has, or had, a private part: `event` shows what is left of it. */
  readonly private: 'none' | 'kept' | 'erased'
}

export interface LedgerFilter {
  /** The record whose events they are. */
  readonly stream?: string | undefined
  /** `gate.decided@1`, or the begin of a kind: `gate.` */
  readonly kind?: string | undefined
  /** A record: its events and those of what it led to, of what led to it, and of what it acts on. */
  readonly related?: string | undefined
}

/** Nothing says in advance where the events of a kind are: a page looks through so many events and goes on in the next. */
const MAX_LOOKED = 20_000
const NOT_SHOWN = `case when private is not null then 'kept' when private_hash is not null then 'erased' else 'none' end as private`
const COLUMNS = `seq, at, kind, stream, actor, cause, body, ${NOT_SHOWN}`
const newest = sql(`select ${COLUMNS} from event where seq < ? order by seq desc limit ?`)
const ofStream = sql(
  `select ${COLUMNS} from event where stream = ? and seq < ? and substr(kind, 1, ?) = ? order by seq desc limit ?`,
)
const ofKind = sql(
  `select ${COLUMNS} from event where seq < ? and seq >= ? and substr(kind, 1, ?) = ? order by seq desc limit ?`,
)

type Row = Omit<LedgerLine, 'body'> & { readonly body: string }

/** Events, the newest first. Of those of one kind a page may have fewer than were asked for, or none, and still a next one. */
export async function ledger(store: Store, filter: LedgerFilter, paging: Paging): Promise<Page<LedgerLine>> {
  const { stream, kind = '', related } = filter
  if (related !== undefined || stream !== undefined) {
    const streams = related === undefined ? [stream!] : await relatedTo(store, related)
    return page(paging, {
      order: bySeq,
      read: (after, limit) => newestOf(store, stream === undefined ? streams : [stream], kind, after?.[0], limit),
      place: (row) => [row.seq],
      show: shown,
    })
  }
  if (kind !== '') return kindPage(store, kind, paging)
  return page(paging, {
    order: bySeq,
    read: (after, limit) => store.read<Row>(newest(after?.[0] ?? Number.MAX_SAFE_INTEGER, limit)),
    place: (row) => [row.seq],
    show: shown,
  })
}

function shown({ body, ...row }: Row): LedgerLine {
  return { ...row, body: JSON.parse(body) as LedgerLine['body'] }
}

async function newestOf(
  store: Store,
  streams: readonly string[],
  kind: string,
  before = Number.MAX_SAFE_INTEGER,
  limit: number,
) {
  const rows: Row[] = []
  for (const stream of streams)
    rows.push(...(await store.read<Row>(ofStream(stream, before, kind.length, kind, limit))))
  return rows.sort((a, b) => b.seq - a.seq).slice(0, limit)
}

async function kindPage(store: Store, kind: string, { limit, cursor }: Paging): Promise<Page<LedgerLine>> {
  const before = placeOf(cursor, bySeq)?.[0] ?? (await store.engine.head())
  const from = Math.max(0, before - MAX_LOOKED)
  const rows = await store.read<Row>(ofKind(before, from, kind.length, kind, limit + 1))
  const items = rows.slice(0, limit).map(shown)
  const next = rows.length > limit ? items.at(-1)!.seq : from
  return { items, next: next === 0 ? null : cursorOf([next]) }
}

/** More records than this are not looked through for one of them. */
const MAX_RELATED = 500
const related = sql(
  `select id from effect where run = ? union select id from effect where undoes = ?
   union select id from gate where run = ? union select id from gate where subject = ?
   union select id from decision where run = ? union select id from run where parent = ? union select id from run where signal = ?
   union select run as id from effect where id = ? union select undoes as id from effect where id = ?
   union select run as id from gate where id = ? union select subject as id from gate where id = ?
   union select run as id from decision where id = ? union select parent as id from run where id = ? union select signal as id from run where id = ?
   order by id limit ${MAX_RELATED}`,
)

/** A record, and those that are one step from it: a run's effects, gates, decisions, children and signal, and back. */
async function relatedTo(store: Store, id: string): Promise<string[]> {
  const rows = await store.read<{ id: string | null }>(related(...Array<string>(14).fill(id)))
  return [...new Set([id, ...rows.map((row) => row.id).filter((found) => found !== null)])]
}

const MAX_CONSEQUENCES = 200
const causedBy = sql(`select ${COLUMNS} from event where cause = ? order by seq limit ${MAX_CONSEQUENCES + 1}`)

export interface EventStory {
  readonly event: Link
  /** What led to it, from what began it on. */
  readonly causes: readonly LedgerLine[]
  /** What it led to at once, in order: the first 200. */
  readonly consequences: readonly LedgerLine[]
  readonly moreConsequences: boolean
}

/** One event whole, with the chain of its causes and its consequences. Throws `why.not_found`. */
export async function eventStory(store: Store, seq: number): Promise<EventStory> {
  const chain = await why(store, String(seq))
  const caused = await store.read<Row>(causedBy(seq))
  return {
    event: chain.at(-1)!,
    causes: chain.slice(0, -1).map(withoutPrivate),
    consequences: caused.slice(0, MAX_CONSEQUENCES).map(shown),
    moreConsequences: caused.length > MAX_CONSEQUENCES,
  }
}

function withoutPrivate({ private: hidden, erased, ...link }: Link): LedgerLine {
  return { ...link, private: hidden !== null ? 'kept' : erased ? 'erased' : 'none' }
}
