import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Result } from '../../../src/client.ts'
import { money } from '../lib/amounts.ts'
import { daily } from './days.ts'

const HEIGHT_PX = 200

/** What each day cost, as bars; and the same as a table for whoever does not see it. */
export function CostChart({ of }: { of: Result<'costs'> }) {
  const box = useRef<HTMLDivElement>(null)
  const { days, currency, values } = daily(of.rows, of.month)
  useEffect(() => {
    const element = box.current
    if (!element || values.every((v) => v === 0)) return
    const style = getComputedStyle(document.documentElement)
    const color = (name: string) => style.getPropertyValue(name).trim()
    const axis = {
      stroke: color('--faint'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: color('--line'), width: 1 },
      ticks: { show: false },
    }
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        cursor: { show: false },
        legend: { show: false },
        scales: { x: { time: false }, y: { range: (_u, _min, max) => [0, max * 1.1 || 1] } },
        axes: [
          { ...axis, grid: { show: false }, values: (_u, at) => at.map((n) => (Number.isInteger(n) ? String(n) : '')) },
          { ...axis, size: 64, values: (_u, at) => at.map((n) => n.toLocaleString('en-GB')) },
        ],
        series: [
          {},
          {
            label: currency,
            stroke: color('--accent'),
            fill: color('--accent'),
            paths: uPlot.paths.bars!({ size: [0.6, 28] }),
            points: { show: false },
          },
        ],
      },
      [days, values],
      element,
    )
    const resized = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT_PX }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      chart.destroy()
    }
  })
  const all = values.reduce((sum, v) => sum + v, 0)
  if (all === 0) return <p className="text-sm text-soft">Nothing was spent this month so far.</p>
  return (
    <figure data-chart>
      <div ref={box} aria-hidden className="w-full" />
      <figcaption className="mt-1 text-xs text-soft">
        {currency} a day, {money(all * 1_000_000, currency)} in all.
      </figcaption>
      <table className="sr-only">
        <caption>Cost of each day</caption>
        <tbody>
          {days.map((day, at) => (
            <tr key={day}>
              <th scope="row">{day}</th>
              <td>{money(values[at]! * 1_000_000, currency)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  )
}
