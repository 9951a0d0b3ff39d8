import { eventKind, sql, work } from '../../store/index.ts'
import { ERASED_KIND, type Ranges } from '../ledger/index.ts'

/** What is on record about an erasure: ids, counts and codes, never a word of what was erased. */
export interface ErasureReport {
  /** The entities that were forgotten. */
  readonly entities: readonly string[]
  /** How many of each kind of thing lost what was personal: signals, runs, messages. */
  readonly counts: Readonly<Record<string, number>>
  /** What stays, by code, with the ids that it concerns. */
  readonly kept: readonly { readonly what: string; readonly ids: readonly string[] }[]
  /** Effects that reached an outside service: what it holds is with that service. */
  readonly sent: readonly { readonly effect: string; readonly action: string }[]
  /** Idempotency keys of the effects, by which connectors find the copies that they keep. */
  readonly keys: readonly string[]
  /** HMACs of the paths of files below the data folder that go as well. */
  readonly files: readonly string[]
  /** Messages whose text went: what is indexed of them goes as well. */
  readonly sources: readonly string[]
  /** Tables whose rows changed or went. */
  readonly tables: readonly string[]
}

const insertErasure = sql(
  `insert into erasure (id, state, actor, events, report, erased_at, erased_seq, done_at) values (?, 'erased', ?, ?, ?, ?, ?, null)`,
)
const addEvents = sql('update erasure set events = events + ? where id = ?')
const finish = sql(`update erasure set state = 'done', done_at = ? where id = ?`)

/**
 * Private parts of events were erased, together with everything that was made of them. A large one is several of these in
 * one commit, of which the first has the report.
 */
export const personalErased = eventKind<{
  readonly erased: Ranges
  readonly count: number
  readonly report: ErasureReport | null
}>(ERASED_KIND, (e) =>
  e.body.report === null
    ? [addEvents(e.body.count, e.stream)]
    : [
        insertErasure(e.stream, e.actor, e.body.count, JSON.stringify(e.body.report), e.at, e.seq),
        work.addWork(e.stream, 'erasure', work.AT_ONCE),
      ],
)

/** Files and free pages are clean too. */
export const erasureFinished = eventKind<Record<never, never>>('erasure.finished@1', (e) => [
  finish(e.at, e.stream),
  work.endWork(e.stream),
])

export interface ErasureRow {
  readonly id: string
  readonly state: 'erased' | 'done'
  readonly actor: string
  readonly events: number
  readonly report: string
  readonly erased_at: number
  readonly erased_seq: number
  readonly done_at: number | null
}

export const erasureById = sql('select * from erasure where id = ?')
export const allErasures = sql('select * from erasure where erased_seq > ? order by erased_seq limit ?')
export const newestErasure = sql('select * from erasure order by erased_seq desc limit 1')

export const ERASURE_EVENTS = [personalErased, erasureFinished]
