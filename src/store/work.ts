import { sql, type Bound } from './sql.ts'

/*
 * What can be driven: a `run`, an `effect`, a `signal`, a `schedule`. A row exists while there is something left to do for `id`.
 *
 * `work` is a projection (`at`: when to look, null while asleep; `inbox`: how many things arrived for it).
 * `lease` is not: it says who drives `id` now and under which epoch, so that a stale driver is refused.
 */

/** `at` of what is to be looked at now: before every clock, so that one that runs ahead delays nothing. */
export const AT_ONCE = 0

export const addWork = sql('insert into work (id, kind, at, inbox) values (?, ?, ?, 0)')
/** Something arrived: count it, and look at once. A row that is gone stays gone. */
export const ringWork = sql('update work set inbox = inbox + 1, at = ? where id = ?')
export const sleepWork = sql('update work set at = ? where id = ?')
export const endWork = sql('delete from work where id = ?')
/** Makes the row again for what had ended and starts over. */
export const reviveWork = sql(
  `insert into work (id, kind, at, inbox) values (?, ?, ?, 0)
   on conflict (id) do update set at = excluded.at, inbox = work.inbox + 1`,
)

/** Refuses a suspension that has not seen the newest arrival: a wake-up cannot be lost. */
export const inboxIs = sql('select 1 as ok from work where id = ? and inbox = ?')

/**
 * Takes up to `limit` due pieces of work. One statement on both stores: of two processes that race for a row, the
 * second waits for the first and then fails the `where`, so no row is held twice.
 */
const claimWork = sql(
  `insert into lease (id, holder, epoch, until)
   select w.id, ?, 1, ? from work w left join lease l on l.id = w.id
   where w.at <= ? and (l.until is null or l.until <= ?)
   order by w.at, w.id limit ?
   on conflict (id) do update set holder = excluded.holder, epoch = lease.epoch + 1, until = excluded.until
   where lease.until <= ?
   returning id, epoch`,
)

export function claim(holder: string, now: number, until: number, limit: number): Bound {
  return claimWork(holder, until, now, now, limit, now)
}

export const releaseLease = sql('update lease set until = 0 where id = ? and epoch = ?')
export const releaseAll = sql('update lease set until = 0 where holder = ?')
/** For what is driven now: a lease that nobody drives under runs out, whoever holds it. */
export const renewLease = sql('update lease set until = ? where id = ? and holder = ? and until > 0')
/** Takes a lease away from whoever holds it: its next commit is refused. */
export const revokeLease = sql('update lease set epoch = epoch + 1, until = 0 where id = ?')
/** On a store that one process owns, every lease left behind belongs to a dead process. */
export const expireAll = sql('update lease set until = 0 where until > 0')

/**
 * Nobody looks before then, and nothing is recorded about it. It holds for who waits for a rate or the end of a pause:
 * what a process that starts anew, or `lookAgain`, may well look at earlier.
 */
export const putOff = sql(`update lease set holder = '', until = ? where id = ? and epoch = ?`)
export const lookAgain = sql(`update lease set until = 0 where holder = '' and until > 0`)

export const kindOf = sql('select id, kind, inbox from work where id = ?')
/** Everything that is due, whoever holds it; not what was put off. */
export const allDue = sql(
  `select count(*) as n from work w left join lease l on l.id = w.id
   where w.at <= ? and (l.holder is null or l.holder <> '' or l.until <= ?)`,
)
export const nextDue = sql(
  // Not min(): over a join it reads all that sleeps, where this stops at the first that is free.
  `select w.at from work w left join lease l on l.id = w.id
   where w.at is not null and (l.until is null or l.until <= ?) order by w.at limit 1`,
)
/** How much is due now and free to claim. */
export const dueNow = sql(
  `select count(*) as n from work w left join lease l on l.id = w.id
   where w.at <= ? and (l.until is null or l.until <= ?)`,
)

/** Checks a fence and answers the inbox version that holds with it. */
export const checkFence = sql(
  `select coalesce(w.inbox, -1) as inbox from lease l left join work w on w.id = l.id where l.id = ? and l.epoch = ?`,
)
