import type { Result } from '../../../src/client.ts'
import { money } from '../lib/amounts.ts'
import { useNow } from '../ui/now.ts'
import { daily, dayIn, ticks } from './days.ts'

const NAMED = new Set([1, 5, 10, 15, 20, 25])
const PLOT = 'relative h-40'

/** What each day cost, as bars, and what the days to come are foretold to; and the same as a table for whoever does not see it. */
export function CostChart({ of }: { of: Result<'costs'> }) {
  const today = dayIn(of.month, of.zone, useNow())
  const { days, currency, micros } = daily(of.rows, of.month)
  const all = micros.reduce((sum, n) => sum + n, 0)
  const foretold = of.forecast.filter((f) => f.currency === currency).reduce((sum, f) => sum + f.micros, 0)
  const left = today === null ? 0 : days.length - today
  const perDay = left > 0 ? Math.max(0, foretold - all) / left : 0
  const axis = ticks(Math.max(perDay, ...micros))
  const top = axis.at(-1)!
  const height = (n: number) => `${(100 * n) / top}%`
  if (all === 0)
    return <p className="text-sm text-soft">Nothing was spent this month so far. Each day of it will stand here.</p>
  return (
    <figure data-chart>
      <div aria-hidden className="flex gap-2 text-xs text-faint">
        <div className={`${PLOT} w-9 shrink-0 text-right`}>
          {axis.map((n) => (
            <span key={n} className="absolute right-0 translate-y-1/2" style={{ bottom: height(n) }}>
              {tickText(n, axis[1]!)}
            </span>
          ))}
        </div>
        <div className="min-w-0 flex-1">
          <div className={PLOT}>
            {axis.map((n) => (
              <span
                key={n}
                className={`absolute inset-x-0 border-t ${n === 0 ? 'border-strong' : 'border-line'}`}
                style={{ bottom: height(n) }}
              />
            ))}
            <div className="absolute inset-0 flex items-end">
              {days.map((day, at) => {
                const coming = today !== null && day > today
                return (
                  <div
                    key={day}
                    className="flex h-full min-w-0 flex-1 items-end justify-center hover:bg-sunken"
                    title={`${day}: ${coming ? `about ${money(perDay, currency)}` : money(micros[at]!, currency)}`}
                  >
                    <div
                      className={`w-3/5 max-w-7 rounded-t-sm ${coming ? 'border border-b-0 border-dashed border-strong' : 'bg-accent'}`}
                      style={{ height: height(coming ? perDay : micros[at]!) }}
                    />
                  </div>
                )
              })}
            </div>
          </div>
          <div className="mt-1 flex">
            {days.map((day) => (
              <span
                key={day}
                className={`flex min-w-0 flex-1 justify-center whitespace-nowrap ${day === today ? 'font-semibold text-ink' : ''}`}
              >
                {day === today || (NAMED.has(day) && Math.abs(day - (today ?? -9)) > 2) ? day : ''}
              </span>
            ))}
          </div>
        </div>
      </div>
      <figcaption className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-xs text-soft">
        <span className="flex items-center gap-1.5">
          <span aria-hidden className="size-2.5 rounded-sm bg-accent" /> spent, in {currency} a day
        </span>
        {perDay > 0 && (
          <span className="flex items-center gap-1.5">
            <span aria-hidden className="size-2.5 rounded-sm border border-dashed border-strong" /> to come, if it goes
            on like this
          </span>
        )}
      </figcaption>
      <table className="sr-only">
        <caption>Cost of each day</caption>
        <tbody>
          {days.map((day, at) => (
            <tr key={day}>
              <th scope="row">{day}</th>
              <td>{money(micros[at]!, currency)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  )
}

/** As many digits as the steps need, and as many in each. */
function tickText(micros: number, step: number): string {
  const digits = Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step)) + (String(step).startsWith('25') ? 1 : 0)))
  const amount = micros / 1_000_000
  return amount.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
