import { moneyText } from '../../governance/spend/budgets.ts'
import type { Spend } from '../../governance/spend/spend.ts'
import { FactotumError } from '../../lib/errors.ts'
import { dayOf, daysOf, monthOf } from '../../lib/calendar.ts'
import { costsBy, forecastMonth, totalCosts, type CostsBy } from '../../governance/spend/costs.ts'
import type { OpenCompany } from '../open.ts'

/** What a month cost, added up; with the forecast while it lasts, and what is left of each budget today. */
export async function costs(
  { store, spend }: OpenCompany,
  args: { readonly by: CostsBy; readonly month?: string | undefined },
) {
  const now = store.clock.now()
  const current = monthOf(dayOf(now, spend.zone))
  const month = args.month ?? current
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month))
    throw new FactotumError('costs.month', `"${month}" is not a month. Write it as "2026-11".`)
  const days = daysOf(month)
  const [from, to] = [days[0]!, days.at(-1)!]
  return {
    month,
    zone: spend.zone,
    by: args.by,
    rows: await costsBy(store, args.by, from, to),
    total: await totalCosts(store, from, to),
    forecast: month === current ? await forecastMonth(store, now, spend.zone) : [],
    budgets: await budgetsNow(spend),
  }
}

/** What is left of each limit of each budget, today. */
export async function budgetsNow(spend: Spend) {
  return (await spend.limits()).map(({ budget, unit, most, used }) => ({
    name: budget.name,
    of: budget.scope,
    per: budget.per,
    unit,
    currency: unit === 'money' ? budget.money!.currency : null,
    most,
    used,
    left: Math.max(0, most - used),
  }))
}

/** `models (company, a month): 3.20 of 20.00 EUR, 16.80 EUR left` */
export function budgetText({ name, of, per, unit, currency, most, used, left }: BudgetNow): string {
  const text = (n: number) => (currency === null ? `${n} ${unit === 'count' ? 'uses' : unit}` : moneyText(n, currency))
  return `${name} (${of}, a ${per}): ${text(used)} of ${text(most)}, ${text(left)} left`
}

type BudgetNow = Awaited<ReturnType<typeof budgetsNow>>[number]
