import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Result } from '../../../src/client.ts'
import { useReading } from '../api.ts'
import { count, money, share } from '../lib/amounts.ts'
import { lasting } from '../lib/time.ts'
import { undo } from '../queue/deciding.ts'
import { askUndo } from '../queue/undoing.tsx'
import { kindText } from '../queue/words.ts'
import { Verb } from '../shell/verb.tsx'
import { Shown, Time } from '../ui/bits.tsx'
import { Line } from '../ui/text.tsx'
import { wordsOf } from '../ui/value.tsx'
import { Hints } from './hints.tsx'

type Today = Result<'today'>

/** The day on one screen: what needs the operator, what was done, what is stuck, what it cost, what comes. */
export function TodayPage() {
  const today = useReading('today', {})
  const figures = useReading('figures', {})
  return (
    <div className="h-full overflow-y-auto" tabIndex={-1}>
      <div className="mx-auto flex max-w-6xl flex-col gap-4 p-5 max-sm:p-3">
        <h1 className="text-lg font-semibold">Today</h1>
        <Hints />
        <Shown of={today}>
          {(data) => (
            <div className="grid grid-cols-[4fr_5fr_4fr] gap-4 max-lg:grid-cols-2 max-sm:grid-cols-1">
              <NeedsYou of={data} />
              <Done of={data} />
              <Stuck of={data} />
              <Money of={data} />
              <Panel title="Your decisions, last 28 days">
                <Shown of={figures} rows={2}>
                  {(f) => <Figures of={f} />}
                </Shown>
              </Panel>
              <Next of={data} />
            </div>
          )}
        </Shown>
      </div>
    </div>
  )
}

function Panel({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex min-w-0 flex-col gap-2.5 rounded-lg border border-line bg-surface p-4" aria-label={title}>
      <h2 className="heading">{title}</h2>
      {children}
    </section>
  )
}

/** One number, large, and what it is of. */
function Big({ n, of, to, tone = '' }: { n: string; of: string; to: string; tone?: string }) {
  return (
    <Link to={to} className="group flex items-baseline gap-2">
      <span className={`text-3xl leading-9 font-semibold tracking-tight ${tone}`}>{n}</span>
      <span className="text-sm text-soft group-hover:underline">{of}</span>
    </Link>
  )
}

const LINE = 'flex items-baseline justify-between gap-3 border-b border-line py-1 text-sm last:border-b-0'

function Row({ to, label, children }: { to: string; label: string; children: ReactNode }) {
  return (
    <li className={LINE}>
      <Link to={to} className="min-w-0 flex-1 truncate hover:underline">
        <Line text={label} />
      </Link>
      <span data-number className="whitespace-nowrap text-soft">
        {children}
      </span>
    </li>
  )
}

function NeedsYou({ of: { needsYou, snoozed } }: { of: Today }) {
  return (
    <Panel title="Needs you">
      {needsYou.count === 0 ? (
        <p className="text-sm text-soft">Nothing waits for you.</p>
      ) : (
        <>
          <Big
            n={needsYou.count.toLocaleString('en-GB')}
            of={`about ${count(needsYou.minutes, 'minute')}`}
            to="/queue"
          />
          <ul>
            {Object.entries(needsYou.byKind)
              .filter(([, n]) => n > 0)
              .map(([kind, n]) => (
                <Row key={kind} to={`/queue?kind=${kind}`} label={kindText(kind, true)}>
                  {n}
                </Row>
              ))}
          </ul>
        </>
      )}
      {snoozed.length > 0 && (
        <Link to="/queue?kind=snoozed" className="text-xs text-soft hover:underline">
          {count(snoozed.length, 'item')} snoozed
        </Link>
      )}
    </Panel>
  )
}

const SHOWN = 7

function Done({ of: { held, done, toAudit } }: { of: Today }) {
  const shown = [held.items, done.items].map((items) => Math.min(items.length, SHOWN)).reduce((a, b) => a + b)
  const more = held.count + done.count - shown
  return (
    <Panel title="Done for you, undo still open">
      <Big n={(held.count + done.count).toLocaleString('en-GB')} of="today" to="/history?lens=effects" />
      {held.items.length + done.items.length === 0 && <p className="text-sm text-soft">Nothing has left today.</p>}
      <ul>
        {held.items.slice(0, SHOWN).map((effect) => (
          <li key={effect.effect} className={LINE}>
            <Link to={`/history?lens=effects&id=${effect.effect}`} className="min-w-0 flex-1 hover:underline">
              <Line text={effect.title} />
            </Link>
            <span className="text-xs whitespace-nowrap text-soft">
              leaves {effect.until !== null && <Time at={effect.until} />}
            </span>
            <Verb
              of="undo"
              className="text-xs text-accent underline underline-offset-2"
              onClick={() => void undo(effect.effect)}
            >
              Stop
            </Verb>
          </li>
        ))}
        {done.items.slice(0, SHOWN).map((effect) => (
          <li key={effect.effect} className={LINE}>
            <Link to={`/history?lens=effects&id=${effect.effect}`} className="min-w-0 flex-1 hover:underline">
              <Line text={effect.title} />
            </Link>
            <span className="text-xs whitespace-nowrap text-soft">
              <Time at={effect.at} />
            </span>
            <Verb
              of="undo"
              className="text-xs text-accent underline underline-offset-2"
              onClick={() => askUndo(effect.effect)}
            >
              Undo
            </Verb>
          </li>
        ))}
      </ul>
      {toAudit > 0 && (
        <Link to="/history?lens=effects&state=audit" className="text-xs text-accent underline underline-offset-2">
          {count(toAudit, 'effect')} that passed to look over
        </Link>
      )}
      {more > 0 && (
        <Link to="/history?lens=effects" className="text-xs text-soft hover:underline">
          and {more.toLocaleString('en-GB')} more
        </Link>
      )}
    </Panel>
  )
}

function Stuck({ of: { stuck } }: { of: Today }) {
  return (
    <Panel title="Stuck">
      {stuck.count === 0 && stuck.services.length === 0 && stuck.quarantined === 0 ? (
        <p className="text-sm text-soft">Nothing is stuck.</p>
      ) : (
        <>
          <Big n={stuck.count.toLocaleString('en-GB')} of="stopped by themselves" to="/queue" tone="text-bad" />
          <ul>
            {Object.entries(stuck.byKind)
              .filter(([kind, n]) => n > 0 && kind !== 'dead_letter')
              .map(([kind, n]) => (
                <Row key={kind} to={`/queue?kind=${kind}`} label={kindText(kind, n !== 1)}>
                  {n}
                </Row>
              ))}
            {stuck.deadLetters.map(({ group, action, code, count: n }) => (
              <Row
                key={group}
                to={`/history?lens=stopped&id=${encodeURIComponent(group)}`}
                label={`${kindText('dead_letter', n !== 1)}: ${action}, ${code.replace(/^[^.]+\./, '')}`}
              >
                {n}
              </Row>
            ))}
            {stuck.quarantined > 0 && (
              <Row to="/history?lens=signals&state=quarantined" label="Came in and was set aside">
                {stuck.quarantined}
              </Row>
            )}
            {stuck.services.map(({ connector, code }) => (
              <Row key={connector} to="/settings" label={`${connector} does not answer`}>
                {code}
              </Row>
            ))}
          </ul>
        </>
      )}
    </Panel>
  )
}

/** How a use is paid for, as a heading of what it came to. */
const METERS: Readonly<Record<string, string>> = {
  billed: 'Paid for calls',
  imputed: 'Worth of calls that are not billed',
  quota: 'Taken from quotas',
}

function Money({ of: { moneyToday } }: { of: Today }) {
  const { costs, forecast, budgets } = moneyToday
  return (
    <Panel title="Money today">
      {costs.length === 0 && <p className="text-sm text-soft">Nothing was spent today.</p>}
      <ul>
        {costs.map(({ meter, currency, micros, uses }) => (
          <Row key={`${meter}${currency}`} to="/money" label={METERS[meter] ?? wordsOf(meter)}>
            {money(micros, currency)}, {count(uses, 'use')}
          </Row>
        ))}
        {forecast.map((f) => (
          <Row key={`f${f.meter}${f.currency}`} to="/money" label="This month, as it goes on">
            {money(f.micros, f.currency)}
          </Row>
        ))}
        {budgets.map(({ name, per, left, currency }) => (
          <Row key={name + per} to="/money" label={`Budget ${name}, left this ${per}`}>
            {currency === null ? left.toLocaleString('en-GB') : money(left, currency)}
          </Row>
        ))}
      </ul>
    </Panel>
  )
}

/** The console measures itself: whether decisions are read or only pressed. */
function Figures({ of }: { of: Result<'figures'> }) {
  if (of.decided + of.audited === 0)
    return (
      <p className="text-sm text-soft">
        Nothing was decided yet. How long you look, what you edit and what you take back is told here.
      </p>
    )
  const rows: readonly (readonly [string, string, string])[] = [
    ['decided', 'Decided', of.decided.toLocaleString('en-GB')],
    [
      'median',
      'Half of them took at most',
      of.medianSeconds === null ? 'not measured' : lasting(Math.round(of.medianSeconds * 1000)),
    ],
    ['edited', 'Edited before approval', of.edited.toLocaleString('en-GB')],
    ['rejected', 'Rejected', of.rejected.toLocaleString('en-GB')],
    ['withdrawn', 'Stopped before they left', of.withdrawn.toLocaleString('en-GB')],
    ['reversed', 'Taken back after they left', of.reversed.toLocaleString('en-GB')],
    [
      'passed',
      'Passed without asking you',
      of.passedShare === null ? 'none yet' : `${share(of.passedShare)} of ${of.passed + of.asked}`,
    ],
    [
      'errors',
      'Found wrong of what passed',
      of.errorRate === null ? 'none looked over' : `${of.wrong} of ${of.audited} looked over`,
    ],
  ]
  return (
    <dl>
      {rows.map(([id, label, value]) => (
        <div key={id} className={LINE} data-figure={id}>
          <dt>{label}</dt>
          <dd className="font-medium">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

const WHERE: Readonly<Record<string, (id: string) => string>> = {
  effect: (id) => `/history?lens=effects&id=${id}`,
  task: (id) => `/company?lens=tasks&id=${id}`,
  expiry: (id) => `/queue?item=${id}`,
  returns: (id) => `/queue?item=${id}`,
}

const WHAT: Readonly<Record<string, string>> = {
  schedule: 'starts',
  effect: 'leaves',
  task: 'due',
  expiry: 'expires',
  returns: 'comes back',
  digest: 'is sent',
}

function Next({ of: { next24h } }: { of: Today }) {
  return (
    <Panel title="Next 24 hours">
      {next24h.length === 0 ? (
        <p className="text-sm text-soft">Nothing is due.</p>
      ) : (
        <ul>
          {next24h.slice(0, 8).map(({ at, what, id, title }) => (
            <Row
              key={`${what}${id}${at}`}
              to={WHERE[what]?.(id) ?? '/history'}
              label={what === 'schedule' ? wordsOf(title) : title}
            >
              {WHAT[what]} <Time at={at} />
            </Row>
          ))}
        </ul>
      )}
    </Panel>
  )
}
