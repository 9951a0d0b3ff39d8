import type { Store } from '../../store/index.ts'
import type { Meter } from './budgets.ts'
import { addDays, dayOf, daysOf, monthOf, weekdayOf } from '../../lib/calendar.ts'
import type { UseRow } from './events.ts'

/** What uses can be added up by. */
export const COSTS_BY = ['agent', 'tier', 'model', 'workflow', 'action', 'connector', 'outcome', 'day'] as const
export type CostsBy = (typeof COSTS_BY)[number]

/** Of one meter in one currency (XXX where nothing has a price). */
export interface Cost {
  readonly meter: Meter
  readonly currency: string
  /** Millionths of the currency's unit. */
  readonly micros: number
  readonly tokens: number
  readonly uses: number
  /** Of the micros: still reserved, and counted in full because nobody knows. */
  readonly reserved: number
  readonly imputed: number
}

export interface CostRow extends Cost {
  /** null: of none, or not known yet. */
  readonly key: string | null
}

interface Tables {
  readonly use: UseRow
}

/** Of the uses whose day is from `from` to `to`, both inclusive. */
export async function costsBy(store: Store, by: CostsBy, from: string, to: string): Promise<CostRow[]> {
  const rows = await sums(store, from, to)
    .select([`${by} as key`])
    .groupBy(by)
    .execute()
  const all = rows.map((r) => ({ key: r.key, ...costOf(r) }))
  return all.sort((a, b) => (by === 'day' ? 0 : b.micros - a.micros || b.tokens - a.tokens) || compare(a.key, b.key))
}

/** `since`: of those of the first day, only what was reserved from then on, epoch ms. */
export async function totalCosts(store: Store, from: string, to: string, since = 0): Promise<Cost[]> {
  const rows = await sums(store, from, to).where('reserved_at', '>=', since).execute()
  return rows.map(costOf).sort((a, b) => compare(a.meter, b.meter) || compare(a.currency, b.currency))
}

function sums(store: Store, from: string, to: string) {
  const db = store.select<Tables>()
  return db
    .selectFrom('use')
    .select(({ fn, eb }) => {
      const of = (state: UseRow['state']) =>
        fn.sum<number>(eb.case().when('state', '=', state).then(eb.ref('micros')).else(0).end())
      return [
        'meter',
        'currency',
        fn.sum<number>('micros').as('micros'),
        fn.sum<number>('tokens').as('tokens'),
        fn.sum<number>('uses').as('uses'),
        of('reserved').as('reserved'),
        of('imputed').as('imputed'),
      ]
    })
    .where('day', '>=', from)
    .where('day', '<=', to)
    .groupBy(['meter', 'currency'])
}

function costOf({ meter, currency, micros, tokens, uses, reserved, imputed }: Cost): Cost {
  return { meter, currency, micros, tokens, uses, reserved, imputed }
}

function compare(a: string | null, b: string | null): number {
  return (a ?? '\uffff') < (b ?? '\uffff') ? -1 : a === b ? 0 : 1
}

/** So many days back are looked at: four of every weekday. */
const LOOK_BACK_DAYS = 28

export interface Forecast {
  readonly meter: Meter
  readonly currency: string
  readonly micros: number
}

/**
 * What a month will have cost when it is over, for each meter and currency: what is spent, and for each day that is
 * left the mean of the same weekday in the last four weeks. A weekday that has not been yet takes the mean of the days
 * that have; without a whole day there is no forecast.
 */
export async function forecastMonth(store: Store, now: number, zone: string): Promise<Forecast[]> {
  const today = dayOf(now, zone)
  const month = monthOf(today)
  const from = [`${month}-01`, addDays(today, -LOOK_BACK_DAYS)].sort()[0]!
  const rows = await costsBy(store, 'day', from, today)
  const first = await firstDay(store)
  if (first === null || first >= today) return []
  const meters = new Map(rows.map((r) => [`${r.meter} ${r.currency}`, { meter: r.meter, currency: r.currency }]))
  return [...meters.values()].map(({ meter, currency }) => {
    const mine = rows.filter((r) => r.meter === meter && r.currency === currency)
    const days = new Map(mine.map((r) => [r.key!, r.micros]))
    return { meter, currency, micros: forecast(days, today, first) }
  })
}

async function firstDay(store: Store): Promise<string | null> {
  const row = await store.select<Tables>().selectFrom('use').select('day').orderBy('day').limit(1).executeTakeFirst()
  return row?.day ?? null
}

/** `days`: what was spent on each; `first`: the first day that anything was. */
export function forecast(days: ReadonlyMap<string, number>, today: string, first: string): number {
  const month = monthOf(today)
  const past: string[] = []
  for (let day = addDays(today, -1); day >= first && past.length < LOOK_BACK_DAYS; day = addDays(day, -1))
    past.push(day)
  const spent = (day: string) => days.get(day) ?? 0
  const mean = (of: readonly string[]) => of.reduce((sum, day) => sum + spent(day), 0) / of.length
  const usual = (day: string) => {
    const same = past.filter((d) => weekdayOf(d) === weekdayOf(day))
    return mean(same.length > 0 ? same : past)
  }
  const each = daysOf(month).map((day) => {
    if (day < today) return spent(day)
    return day === today ? Math.max(spent(day), usual(day)) : usual(day)
  })
  return Math.round(each.reduce((sum, n) => sum + n, 0))
}
