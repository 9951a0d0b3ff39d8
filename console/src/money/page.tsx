import type { Result } from '../../../src/client.ts'
import { useReading } from '../api.ts'
import { count, money, share } from '../lib/amounts.ts'
import { Empty, Section, Shown } from '../ui/bits.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { useNow } from '../ui/now.ts'
import { Lenses } from '../ui/split.tsx'
import { Line } from '../ui/text.tsx'
import { useAddress } from '../url.ts'
import { kindText } from '../queue/words.ts'
import { CostChart } from './chart.tsx'
import { daily, dayIn } from './days.ts'

/** Names take the room that there is; numbers stand together at the right. */
const TABLE =
  'table [&_.number]:pl-10 max-lg:[&_.number]:pl-6 max-sm:[&_.number]:pl-4 [&_.number]:whitespace-nowrap [&_th:first-child]:w-full'

const LENSES = [
  ['costs', 'Costs and budgets'],
  ['agents', 'Agents'],
] as const

export function MoneyPage() {
  const { search } = useAddress()
  const lens = search.lens ?? 'costs'
  return (
    <div className="flex h-full flex-col">
      <Lenses title="Agents and money" of={LENSES} at={lens} />
      <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={-1}>
        {lens === 'agents' ? (
          <>
            <Agents />
            <Decided />
            <SameAsCommand text="factotum agents" />
          </>
        ) : (
          <Costs />
        )}
      </div>
    </div>
  )
}

const BY = ['workflow', 'agent', 'tier', 'model', 'action', 'connector', 'outcome'] as const

function Costs() {
  const { search, change } = useAddress()
  const by = BY.find((one) => one === search.by) ?? 'workflow'
  const days = useReading('costs', { by: 'day' })
  const costs = useReading('costs', { by }, { keep: true })
  return (
    <Shown of={days}>
      {(of) => (
        <>
          <Section title={monthText(of.month)}>
            <div className="flex flex-col gap-5">
              <Totals of={of} />
              <CostChart of={of} />
            </div>
          </Section>
          <Section title="Budgets">
            <Budgets budgets={of.budgets} />
          </Section>
          <Section
            title="What it was spent for"
            aside={
              <select
                className="field w-40 text-sm"
                aria-label="Add up by"
                value={by}
                onChange={(e) => change({ by: e.target.value })}
              >
                {BY.map((one) => (
                  <option key={one} value={one}>
                    by {one}
                  </option>
                ))}
              </select>
            }
          >
            <Shown of={costs} rows={3}>
              {({ rows }) => <Rows rows={rows} by={by} />}
            </Shown>
          </Section>
          <SameAsCommand text={`factotum costs --by ${by}`} />
        </>
      )}
    </Shown>
  )
}

type Costs = Result<'costs'>

function Rows({ rows, by }: { rows: Costs['rows']; by: string }) {
  if (rows.length === 0)
    return (
      <p className="text-sm text-soft">Nothing was spent this month. What models and services cost is added up here.</p>
    )
  return (
    <table className={TABLE}>
      <thead>
        <tr>
          <th className="first-letter:uppercase">{by}</th>
          <th className="number">Uses</th>
          <th className="number max-sm:hidden">Tokens</th>
          <th className="number">Cost</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.key}${row.meter}${row.currency}`}>
            <td>
              <Line text={row.key ?? 'of none'} />
            </td>
            <td className="number">{row.uses.toLocaleString('en-GB')}</td>
            <td className="number max-sm:hidden">{row.tokens.toLocaleString('en-GB')}</td>
            <td className="number font-medium">{money(row.micros, row.currency)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** What there is so far, and where it goes: one figure each, by what it is counted with. */
function Totals({ of }: { of: Costs }) {
  const today = dayIn(of.month, of.zone, useNow())
  const { micros, currency } = daily(of.rows, of.month)
  return (
    <dl className="flex flex-wrap gap-x-10 gap-y-3">
      {of.total.length === 0 && <Figure name="So far this month" value={money(0, currency)} />}
      {of.total.map((t) => (
        <Figure
          key={`${t.meter}${t.currency}`}
          name={of.total.length > 1 ? `So far, ${t.meter}` : 'So far this month'}
          value={money(t.micros, t.currency)}
        />
      ))}
      {today !== null && <Figure name="Today" value={money(micros[today - 1] ?? 0, currency)} />}
      {of.forecast.map((f) => (
        <Figure
          key={`${f.meter}${f.currency}`}
          name={of.forecast.length > 1 ? `The month, ${f.meter}` : 'The month, if it goes on like this'}
          value={money(f.micros, f.currency)}
        />
      ))}
      {of.forecast.length === 0 && <Figure name="The month" value="foretold from tomorrow on" plain />}
    </dl>
  )
}

function Figure({ name, value, plain = false }: { name: string; value: string; plain?: boolean }) {
  return (
    <div>
      <dt className="text-xs text-soft">{name}</dt>
      <dd className={plain ? 'text-sm text-soft' : 'text-lg font-semibold'}>{value}</dd>
    </div>
  )
}

function Budgets({ budgets }: { budgets: Costs['budgets'] }) {
  if (budgets.length === 0)
    return (
      <p className="text-sm text-soft">
        None is set. A budget in company.ts holds back what would cost more than it, and asks you.
      </p>
    )
  return (
    <table className={TABLE}>
      <thead>
        <tr>
          <th>Budget</th>
          <th className="pl-6 max-sm:hidden">Used</th>
          <th className="number max-sm:hidden">So far</th>
          <th className="number">Limit</th>
          <th className="number">Left</th>
        </tr>
      </thead>
      <tbody>
        {budgets.map((b) => {
          const amount = (n: number) => (b.currency === null ? n.toLocaleString('en-GB') : money(n, b.currency))
          const used = b.most === 0 ? 1 : Math.min(1, b.used / b.most)
          return (
            <tr key={b.name + b.per}>
              <td>
                {b.name}{' '}
                <span className="text-soft">
                  ({b.of}, a {b.per})
                </span>
              </td>
              <td className="pl-6 max-sm:hidden">
                <span className="flex h-5 items-center gap-2">
                  <span aria-hidden className="h-1.5 w-28 overflow-hidden rounded-full bg-sunken max-lg:w-16">
                    <span
                      className={`block h-full rounded-full ${b.left === 0 ? 'bg-bad' : 'bg-accent'}`}
                      style={{ width: `${100 * used}%` }}
                    />
                  </span>
                  <span className="text-xs whitespace-nowrap text-soft">{share(used)}</span>
                </span>
              </td>
              <td className="number max-sm:hidden">{amount(b.used)}</td>
              <td className="number">{amount(b.most)}</td>
              <td className={`number font-medium ${b.left === 0 ? 'text-bad' : ''}`}>
                {b.left === 0 ? 'used up' : amount(b.left)}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

/** What the operator said at each kind of item, and how fast: what trust in a kind rests on. */
function Decided() {
  const figures = useReading('figures', {})
  return (
    <Section title="What you decided in the last 28 days">
      <Shown of={figures} rows={2}>
        {(of) => {
          const kinds = Object.entries(of.byKind).toSorted(([, a], [, b]) => b.decided - a.decided)
          if (kinds.length === 0)
            return <p className="text-sm text-soft">Nothing yet. What you approve, edit and reject is counted here.</p>
          return (
            <table className={TABLE}>
              <thead>
                <tr>
                  <th>Kind</th>
                  <th className="number">Decided</th>
                  <th className="number">As it was</th>
                  <th className="number max-sm:hidden">Edited</th>
                  <th className="number">Rejected</th>
                  <th className="number max-sm:hidden">Median time</th>
                </tr>
              </thead>
              <tbody>
                {kinds.map(([kind, n]) => (
                  <tr key={kind}>
                    <td>{kindText(kind, true)}</td>
                    <td className="number">{n.decided.toLocaleString('en-GB')}</td>
                    <td className="number">{n.approved.toLocaleString('en-GB')}</td>
                    <td className="number max-sm:hidden">{n.edited.toLocaleString('en-GB')}</td>
                    <td className="number">{n.rejected.toLocaleString('en-GB')}</td>
                    <td className="number text-soft max-sm:hidden">
                      {n.medianSeconds === null ? 'not timed' : `${n.medianSeconds.toLocaleString('en-GB')} s`}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }}
      </Shown>
    </Section>
  )
}

/** Who resolved what, at which tier, and how often it was kept. */
function Agents() {
  const agents = useReading('agents', {})
  return (
    <Shown of={agents}>
      {(data) =>
        data.length === 0 ? (
          <Empty title="No agent has decided anything yet">
            Agents are declared in company.ts. What each of their tiers decides, and what you correct, is told here.
          </Empty>
        ) : (
          <>
            {data.map((agent) => (
              <Section
                key={agent.agent}
                title={agent.agent}
                aside={
                  <span className="text-xs text-soft">
                    {agent.operator === 0 ? 'you decided nothing' : `you decided ${count(agent.operator, 'time')}`}
                  </span>
                }
              >
                {agent.record.length === 0 ? (
                  <p className="text-sm text-soft">
                    Asked in this order: {agent.tiers.join(', ') || 'only you'}. None has decided yet.
                  </p>
                ) : (
                  <table className={TABLE}>
                    <thead>
                      <tr>
                        <th>Tier</th>
                        <th className="number">Decided</th>
                        <th className="number max-sm:hidden">Passed on</th>
                        <th className="number">Kept</th>
                        <th className="number">Corrected</th>
                        <th className="number max-lg:hidden">Cost</th>
                      </tr>
                    </thead>
                    <tbody>
                      {agent.record.map((tier) => (
                        <tr key={tier.tier + tier.source}>
                          <td>
                            {tier.tier}{' '}
                            <span className="text-soft">{tier.source === tier.tier ? '' : tier.source}</span>
                            <span className="block text-xs text-soft">{tier.record}</span>
                          </td>
                          <td className="number">{tier.decided}</td>
                          <td className="number max-sm:hidden">{tier.passed}</td>
                          <td className="number">{tier.kept}</td>
                          <td className="number">{tier.corrected}</td>
                          <td className="number max-lg:hidden">{tier.cost}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                )}
              </Section>
            ))}
          </>
        )
      }
    </Shown>
  )
}

function monthText(month: string): string {
  return new Date(`${month}-01T00:00:00Z`).toLocaleDateString('en-GB', {
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  })
}
