import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, messageOf, queries, useReading } from '../api.ts'
import { toast } from '../shell/toasts.tsx'
import { Section, Shown, Time } from '../ui/bits.tsx'
import { Line } from '../ui/text.tsx'
import { standing, turnOff, turnOn, type Says, type Standing } from './device.ts'

const WHY_NOT: Readonly<Partial<Record<Standing, string>>> = {
  unsupported: 'This browser takes no notifications.',
  insecure: 'A browser takes notifications only over https, or at localhost. Open the console at one of these.',
  install:
    'An iPhone or iPad takes notifications of apps on its home screen. In Safari choose Share, then Add to Home Screen, and open Factotum from there.',
  blocked:
    'This browser blocks notifications of this page. Allow them in its settings of the page, beside the address, and load it again.',
}

/** Which browsers are told what waits, and what a message may say. */
export function Notifications() {
  const devices = useReading('pushDevices', {})
  const here = useQuery({ queryKey: ['push/standing'], queryFn: standing })
  const [busy, setBusy] = useState(false)
  const act = async (said: string, what: () => Promise<unknown>) => {
    setBusy(true)
    await what().then(
      () => toast(said),
      (error: unknown) => toast(messageOf(error), { bad: true }),
    )
    await queries.invalidateQueries({ queryKey: ['push/standing'] })
    await queries.invalidateQueries({ queryKey: ['pushDevices'] })
    setBusy(false)
  }
  const own = devices.data?.find((device) => device.current) ?? null
  const on = here.data === 'on' && own !== null
  const whyNot = here.data === undefined ? undefined : WHY_NOT[here.data]
  return (
    <Section
      title="Notifications"
      aside={
        on ? (
          <button
            className="button"
            disabled={busy}
            onClick={() => void act('This device is told nothing any more.', () => turnOff(own.id))}
          >
            Turn off here
          </button>
        ) : (
          <button
            className="button"
            disabled={busy || here.data === undefined || whyNot !== undefined}
            onClick={() => void act('This device is told what waits for you.', () => turnOn('title'))}
          >
            Turn on here
          </button>
        )
      }
    >
      <div className="flex max-w-3xl flex-col items-start gap-3 text-sm">
        <p className="max-w-prose text-soft">
          {whyNot ??
            'A device is told when something waits for you, also while no page is open. What is urgent is told at once, the rest gathered, and nothing in your quiet hours or while you are away. A click opens the item.'}
        </p>
        {on && (
          <div className="flex flex-wrap items-center gap-2">
            <label className="flex items-center gap-2">
              <span className="shrink-0">A message here says</span>
              <select
                className="field w-auto min-w-0"
                value={own.says}
                disabled={busy}
                onChange={(e) => void act('Kept for this device.', () => turnOn(e.target.value as Says))}
              >
                <option value="title">what it is about</option>
                <option value="count">only that something waits</option>
              </select>
            </label>
            <button
              className="button"
              disabled={busy}
              onClick={() => void act('Sent. It shows in a moment.', () => api.post('pushTest', { id: own.id }))}
            >
              Send a test
            </button>
          </div>
        )}
        <Shown of={devices} rows={1}>
          {(data) =>
            data.length === 0 ? (
              <p className="text-soft">No device is told yet.</p>
            ) : (
              <table className="table">
                <thead>
                  <tr>
                    <th>Device</th>
                    <th className="max-sm:hidden">Says</th>
                    <th>Last told</th>
                    <th className="max-sm:hidden">Since</th>
                    <th className="number">
                      <span className="sr-only">Remove</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((one) => (
                    <tr key={one.id}>
                      <td>
                        <span className="flex flex-wrap gap-x-1.5">
                          <Line text={one.name} />
                          {one.current && <span className="text-soft">(this one)</span>}
                        </span>
                        {one.error !== null && (
                          <span className="block text-warn">
                            <Line text={one.error} />
                          </span>
                        )}
                      </td>
                      <td className="max-sm:hidden">
                        {one.says === 'title' ? 'what it is about' : 'only that something waits'}
                      </td>
                      <td>
                        {one.sentAt === null ? <span className="text-soft">never</span> : <Time at={one.sentAt} />}
                      </td>
                      <td className="max-sm:hidden">
                        <Time at={one.since} />
                      </td>
                      <td className="number">
                        {!one.current && (
                          <button
                            className="text-bad underline underline-offset-2"
                            aria-label={`Remove ${one.name}`}
                            onClick={() =>
                              void act('That device is told nothing any more.', () =>
                                api.post('pushUnsubscribe', { id: one.id }),
                              )
                            }
                          >
                            Remove
                          </button>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )
          }
        </Shown>
      </div>
    </Section>
  )
}
