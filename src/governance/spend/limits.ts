import { sql, type Bound, type Guard, type Store } from '../../store/index.ts'
import { moneyText, type Budget, type Meter } from './budgets.ts'
import { monthOf } from '../../lib/calendar.ts'

/** One number of a budget: what is spent or reserved of it, and how to see that it still is in the commit. */
export interface Limit {
  readonly budget: Budget
  readonly unit: 'money' | 'tokens' | 'count'
  readonly most: number
  readonly spent: Bound
  /** Refuses a commit that would take more than is left by then. */
  guard(want: number): Guard
}

/** A guard and a query out of one sum, so that both always mean the same. */
function sumOf(column: string) {
  const sum = `coalesce((select sum(${column}) from meter where scope = ? and period = ? and (cast(? as text) = '' or kind = ?)), 0)`
  return { read: sql(`select ${sum} as spent`), check: sql(`select 1 as ok where ${sum} + ? <= ?`) }
}

const tokensSum = sumOf('tokens')
const usesSum = sumOf('uses')
const moneySums = new Map<number, ReturnType<typeof sumOf>>()

/** In the budget's own currency, of as many as it has rates for. */
function moneySum(currencies: number): ReturnType<typeof sumOf> {
  const known = moneySums.get(currencies)
  if (known) return known
  const rate = `case currency ${'when ? then cast(? as bigint) '.repeat(currencies)} else 0 end`
  const made = sumOf(`micros * (${rate}) / 1000000`)
  moneySums.set(currencies, made)
  return made
}

/** What a budget limits on one day. */
export function limitsOf(budget: Budget, day: string): Limit[] {
  const period = budget.per === 'day' ? day : monthOf(day)
  const on = (meter: Meter | '') => [budget.scope, period, meter, meter]
  const limits: Limit[] = []
  const add = (unit: Limit['unit'], most: number, sum: ReturnType<typeof sumOf>, values: (string | number)[]) =>
    limits.push({
      budget,
      unit,
      most,
      spent: sum.read(...values),
      guard: (want) => ({
        check: sum.check(...values, want, most),
        code: 'spend.moved',
        message: `Something else was charged to the budget "${budget.name}" first. Look again what is left of it.`,
      }),
    })
  if (budget.money)
    add('money', budget.money.micros, moneySum(budget.rates.size), [
      ...[...budget.rates].flat(),
      ...on(budget.meter ?? 'billed'),
    ])
  if (budget.tokens !== null) add('tokens', budget.tokens, tokensSum, on(budget.meter ?? ''))
  if (budget.count !== null) add('count', budget.count, usesSum, on(budget.meter ?? ''))
  return limits
}

export async function spentOf(store: Store, limit: Limit): Promise<number> {
  return Number((await store.first<{ spent: number }>(limit.spent))?.spent ?? 0)
}

/** `3.20 EUR`, `1200 tokens`, `3 uses`. */
export function quantityText(limit: Limit, n: number): string {
  if (limit.unit === 'money') return moneyText(n, limit.budget.money!.currency)
  return `${n} ${limit.unit === 'tokens' ? 'tokens' : 'uses'}`
}
