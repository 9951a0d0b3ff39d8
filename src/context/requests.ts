import { sql, type Bound } from '../store/index.ts'

/*
 * Requests that name themselves by a key: taken before anything is done, told their answer after, deleted a day later. They
 * are in no event and no snapshot; only HMACs of the key and of what was asked are kept, and the answer, which an erasure empties.
 */

export interface RequestRow {
  readonly id: string
  readonly asked: string
  /** The process that does it. */
  readonly holder: string
  /** Epoch ms: so long it is being done, as far as other processes know. */
  readonly lease_until: number
  readonly expires_at: number
  readonly keep: 0 | 1
  /** Of the answer; null: there is none yet. */
  readonly status: number | null
  /** JSON; null: none yet, not to be kept, or erased. */
  readonly answer: string | null
}

const byId = sql('select * from request where id = ? and expires_at > ?')
// One that has expired is as good as gone, also before anything has deleted it.
const take = sql(
  `insert into request (id, asked, holder, lease_until, expires_at, keep) values (?, ?, ?, ?, ?, ?)
   on conflict (id) do update set asked = excluded.asked, holder = excluded.holder, lease_until = excluded.lease_until,
     expires_at = excluded.expires_at, keep = excluded.keep, status = null, answer = null
   where request.expires_at <= ? returning id`,
)
const renew = sql('update request set lease_until = ? where id = ? and holder = ? and status is null')
const answered = sql(
  'update request set status = ?, answer = case when keep = 1 then ? end where id = ? and holder = ?',
)
const left = sql('update request set lease_until = 0 where id = ? and holder = ?')
const forgetAnswers = sql('update request set answer = null, keep = 0')
const sweep = sql(
  `delete from request where id in (select id from request where expires_at <= ? order by expires_at limit ?) returning id`,
)

export const REQUEST_TABLES = ['request'] as const

export function requestById(id: string, now: number): Bound {
  return byId(id, now)
}

/** With a row where it was free: then it is the caller's to do. */
export function takeRequest(row: Omit<RequestRow, 'status' | 'answer'>, now: number): Bound {
  return take(row.id, row.asked, row.holder, row.lease_until, row.expires_at, row.keep, now)
}

export function renewRequest(id: string, holder: string, until: number): Bound {
  return renew(until, id, holder)
}

export function answerRequest(id: string, holder: string, status: number, answer: string | null): Bound {
  return answered(status, answer, id, holder)
}

/** Nobody knows what became of it, and nobody is at it any more. */
export function leaveRequest(id: string, holder: string): Bound {
  return left(id, holder)
}

/** No answer that was given or is still being made is kept: nobody knows whom it is about. */
export function clearAnswers(): Bound {
  return forgetAnswers()
}

/** Deletes at most `limit` that have expired, with `returning` for each. */
export function sweepRequests(now: number, limit: number): Bound {
  return sweep(now, limit)
}
