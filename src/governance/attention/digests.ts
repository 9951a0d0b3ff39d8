import { eventKind, sql, work } from '../../store/index.ts'

/** There is one digest: its row says when the next one is due, and how far the newest one told. */
export const DIGEST = 'dig_daily'

type Because = 'set' | 'nothing' | 'quiet' | 'away' | 'returned'

const putDigest = sql(
  `insert into digest (id, at, zone, next_at, sent_at, told_seq) values (?, ?, ?, ?, null, ?)
   on conflict (id) do update set at = excluded.at, zone = excluded.zone, next_at = excluded.next_at`,
)
const sendDigest = sql('update digest set next_at = ?, sent_at = ?, told_seq = ? where id = ?')
const removeDigest = sql('delete from digest where id = ?')

/** When to look next. `toldSeq`: what lies before it is not told any more, where there was no digest yet. */
export const digestPlanned = eventKind<{
  readonly at: string
  readonly zone: string
  readonly nextAt: number
  readonly because: Because
  readonly toldSeq: number
}>('digest.planned@1', (e) => [
  putDigest(e.stream, e.body.at, e.body.zone, e.body.nextAt, e.body.toldSeq),
  work.reviveWork(e.stream, 'digest', e.body.nextAt),
])

/** It left. `toldSeq`: it told of everything before. */
export const digestSent = eventKind<{
  readonly nextAt: number
  readonly toldSeq: number
  readonly waiting: number
  readonly happened: number
}>('digest.sent@1', (e) => [
  sendDigest(e.body.nextAt, e.at, e.body.toldSeq, e.stream),
  work.sleepWork(e.body.nextAt, e.stream),
])

export const digestRemoved = eventKind<Record<never, never>>('digest.removed@1', (e) => [
  removeDigest(e.stream),
  work.endWork(e.stream),
])

export interface DigestRow {
  readonly id: string
  readonly at: string
  readonly zone: string
  readonly next_at: number
  readonly sent_at: number | null
  readonly told_seq: number
}

export const digestRow = sql('select * from digest where id = ?')
