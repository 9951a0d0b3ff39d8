import { FactotumError } from '../../lib/errors.ts'
import { moneyText, NO_CURRENCY } from '../../governance/spend/budgets.ts'
import { COSTS_BY, type Cost, type CostsBy } from '../../governance/spend/costs.ts'
import { budgetText } from '../../server/views/costs.ts'
import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { columns, oneLine } from '../text.ts'

export const costs = command('costs', {
  options: { by: { type: 'string' }, month: { type: 'string' }, recall: { type: 'boolean' } },
  arity: [0, 0],
  async run(call) {
    const { by, month } = call.flags
    if (call.flags.recall === true) return recallCosts(call)
    const spent = await ask(call.folder, 'costs', {
      ...(typeof by === 'string' ? { by: parseBy(by) } : {}),
      ...(typeof month === 'string' ? { month } : {}),
    })
    if (call.json) call.print(spent)
    else printCosts(call, spent)
    return 0
  },
})

/** What making vectors took, ahead of questions and for them, and how often they changed an answer. */
async function recallCosts(call: Invocation): Promise<number> {
  const models = await ask(call.folder, 'recallCosts', {})
  if (call.json) call.print(models)
  else if (models.length === 0)
    call.out('No vectors were made: recall goes by words alone. Set up "encoder" in company.ts to find by meaning too.')
  else
    for (const m of models) {
      const money = m.currency === NO_CURRENCY ? '' : `, ${moneyText(m.micros, m.currency)}`
      const part = (n: number, of: number) => (of === 0 ? 'none' : `${n} of ${of} (${Math.round((100 * n) / of)} %)`)
      call.out(m.model)
      for (const line of columns([
        [
          'cost',
          `${m.vectors} vectors and ${m.queries} questions in ${(m.tookMs / 1_000).toFixed(1)} s, ${m.tokens} tokens${money}`,
        ],
        ['made ahead', `${m.ahead} of ${m.vectors}; used since: ${part(m.aheadUsed, m.ahead)}`],
        ['brought', `changed what was answered: ${part(m.changed, m.recalls)}`],
        ['kept now', `${m.kept} vectors`],
      ]))
        call.out(`  ${line}`)
    }
  return 0
}

function parseBy(by: string): CostsBy {
  const known = COSTS_BY.find((name) => name === by)
  if (known) return known
  throw new FactotumError('cli.usage', `--by takes one of ${COSTS_BY.join(', ')}, not "${by}".`)
}

function printCosts(call: Invocation, spent: Result<'costs'>): void {
  if (spent.rows.length === 0) call.out(`Nothing was used in ${spent.month}.`)
  else {
    call.out(`${spent.month} by ${spent.by} (${spent.zone})`)
    const rows = spent.rows.map((r) => [oneLine(r.key ?? '(none)', 60), ...cells(r)])
    for (const line of columns([...rows, ...spent.total.map((t) => ['total', ...cells(t)])])) call.out(`  ${line}`)
  }
  const priced = spent.forecast.filter((f) => f.currency !== NO_CURRENCY)
  if (priced.length > 0) {
    const texts = priced.map((f) => `${moneyText(f.micros, f.currency)} ${f.meter}`)
    call.out(`forecast for ${spent.month}: ${texts.join(', ')}`)
    call.out('  (what is spent, and for each day that is left the mean of its weekday in the last four weeks)')
  }
  if (spent.budgets.length > 0) call.out('budgets')
  for (const budget of spent.budgets) call.out(`  ${oneLine(budgetText(budget), 160)}`)
}

function cells(cost: Cost): string[] {
  const money = (n: number) => moneyText(n, cost.currency)
  const notes = [
    ...(cost.reserved > 0 ? [`${money(cost.reserved)} still reserved`] : []),
    ...(cost.imputed > 0 ? [`${money(cost.imputed)} imputed: nobody knows`] : []),
  ]
  return [
    cost.currency === NO_CURRENCY ? '' : money(cost.micros),
    cost.meter,
    `${cost.tokens} tokens`,
    `${cost.uses} uses`,
    notes.join(', '),
  ]
}
