import type { Result } from '../../../src/client.ts'
import { useReading } from '../api.ts'
import { count, money } from '../lib/amounts.ts'
import { Empty, Section, Shown } from '../ui/bits.tsx'
import { CliLine } from '../ui/cli-line.tsx'
import { Lenses } from '../ui/split.tsx'
import { Line } from '../ui/text.tsx'
import { useAddress } from '../url.ts'
import { CostChart } from './chart.tsx'

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
        {lens === 'agents' ? <Agents /> : <Costs />}
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
          <Section title={`Each day of ${of.month}`}>
            <CostChart of={of} />
          </Section>
          <Budgets of={of} />
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
          <Section title="The same as a command">
            <CliLine text={`factotum costs --by ${by}`} />
          </Section>
        </>
      )}
    </Shown>
  )
}

type Costs = Result<'costs'>

function Rows({ rows, by }: { rows: Costs['rows']; by: string }) {
  if (rows.length === 0)
    return <Empty title="Nothing was spent this month">What models and services cost is added up here.</Empty>
  return (
    <table className="table">
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

function Budgets({ of: { budgets, forecast, total } }: { of: Costs }) {
  return (
    <Section title="So far, to come, and left">
      <table className="table">
        <thead>
          <tr>
            <th>What</th>
            <th className="number">So far</th>
            <th className="number">Limit</th>
            <th className="number">Left</th>
          </tr>
        </thead>
        <tbody>
          {total.map((t) => (
            <tr key={`${t.meter}${t.currency}`}>
              <td>All of this month, {t.meter}</td>
              <td className="number font-medium">{money(t.micros, t.currency)}</td>
              <td className="number text-faint">none</td>
              <td className="number text-faint">none</td>
            </tr>
          ))}
          {forecast.map((f) => (
            <tr key={`f${f.meter}${f.currency}`}>
              <td>The month, if it goes on like this</td>
              <td className="number font-medium">{money(f.micros, f.currency)}</td>
              <td className="number text-faint">none</td>
              <td className="number text-faint">none</td>
            </tr>
          ))}
          {budgets.map((b) => {
            const amount = (n: number) => (b.currency === null ? n.toLocaleString('en-GB') : money(n, b.currency))
            return (
              <tr key={b.name + b.per}>
                <td>
                  {b.name}{' '}
                  <span className="text-soft">
                    ({b.of}, a {b.per})
                  </span>
                </td>
                <td className="number">{amount(b.used)}</td>
                <td className="number">{amount(b.most)}</td>
                <td className={`number font-medium ${b.left === 0 ? 'text-bad' : ''}`}>{amount(b.left)}</td>
              </tr>
            )
          })}
          {total.length + budgets.length === 0 && (
            <tr>
              <td colSpan={4} className="text-soft">
                Nothing was spent, and no budget is set.
              </td>
            </tr>
          )}
        </tbody>
      </table>
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
                aside={<span className="text-xs text-soft">you decided {count(agent.operator, 'time')}</span>}
              >
                {agent.record.length === 0 ? (
                  <p className="text-sm text-soft">
                    Asked in this order: {agent.tiers.join(', ') || 'only you'}. None has decided yet.
                  </p>
                ) : (
                  <table className="table">
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
            <Section title="The same as a command">
              <CliLine text="factotum agents" />
            </Section>
          </>
        )
      }
    </Shown>
  )
}
