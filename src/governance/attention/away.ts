import { FactotumError } from '../../lib/errors.ts'
import { eventKind, sql, type EventInput, type Guard, type Store } from '../../store/index.ts'
import { addDays, minutesOf, momentOf } from '../../lib/calendar.ts'

const insertAbsence = sql('insert into absence (id, since, until, reason) values (?, ?, ?, ?)')
const endAbsence = sql('update absence set ended_at = ? where id = ?')

/** What waits, waits; what policies let pass may pass; gates that expire keep what they said they would do. */
export const awayBegan = eventKind<{ readonly until: number }, { readonly reason: string | null }>(
  'away.began@1',
  (e) => [insertAbsence(e.stream, e.at, e.body.until, e.private?.reason)],
)

/** The operator is back before it was over, or means to be away for another time. */
export const awayEnded = eventKind<Record<never, never>>('away.ended@1', (e) => [endAbsence(e.at, e.stream)])

/** Times in epoch ms. */
export interface Absence {
  readonly id: string
  readonly since: number
  readonly until: number
  readonly reason: string | null
}

const absenceAt = sql(
  'select id, since, until, reason from absence where ended_at is null and until > ? order by since desc, id desc limit 1',
)
const noOther = sql(
  'select 1 as ok where not exists (select 1 from absence where ended_at is null and until > ? and id <> ?)',
)
const stillAway = sql('select 1 as ok from absence where id = ? and ended_at is null')

/** null: the operator is there. */
export async function absence(store: Store, now: number): Promise<Absence | null> {
  return (await store.first<Absence>(absenceAt(now))) ?? null
}

const MOVED =
  'Somebody else said that you are away, or back, at this moment. Look with "factotum away" and say it again.'

/** The events and guards that begin an absence, in place of the one that lasts. Throws `away.past`. */
export async function beginAway(
  store: Store,
  until: number,
  reason: string | null,
): Promise<{ events: EventInput[]; guards: Guard[] }> {
  const now = store.clock.now()
  if (until <= now)
    throw new FactotumError('away.past', 'That time is over. Say until when you will be away, such as 2026-12-01.')
  const lasting = await absence(store, now)
  const began = awayBegan(store.newId('away'), { until }, { private: { reason }, actor: 'operator' })
  return {
    events: [...(lasting ? [awayEnded(lasting.id, {}, { actor: 'operator' })] : []), began],
    guards: [{ check: noOther(now, lasting?.id ?? ''), code: 'away.moved', message: MOVED }],
  }
}

/** The events and guards that end an absence. Throws `away.not_away`. */
export async function endAway(store: Store): Promise<{ events: EventInput[]; guards: Guard[] }> {
  const lasting = await absence(store, store.clock.now())
  if (!lasting) throw new FactotumError('away.not_away', 'You are not away: there is nothing to end.')
  return {
    events: [awayEnded(lasting.id, {}, { actor: 'operator' })],
    guards: [{ check: stillAway(lasting.id), code: 'away.moved', message: MOVED }],
  }
}

/**
 * `2026-12-01` (when that day begins) or `2026-12-01T18:00`, as clocks in the zone show it; epoch ms. Throws
 * `away.bad_time`.
 */
export function parseUntil(text: string, zone: string): number {
  const [day = '', time = '00:00'] = text.split(/[T ]/)
  const real = /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) && addDays(day, 0) === day
  if (!real || !/^([01]\d|2[0-3]):[0-5]\d$/.test(time))
    throw new FactotumError('away.bad_time', `"${text}" is not a time. Write it as 2026-12-01 or 2026-12-01T18:00.`)
  return momentOf(day, minutesOf(time), zone)
}
