import {
  AlertTriangle,
  Ban,
  Check,
  CircleDashed,
  CircleHelp,
  Clock,
  Hourglass,
  type LucideIcon,
  Pause,
  Undo2,
  X,
} from 'lucide-react'
import type { ReactNode } from 'react'
import { messageOf } from '../api.ts'
import { exact, relative } from '../lib/time.ts'
import { useNow } from './now.ts'

/** Relative, and exact where somebody rests on it. */
export function Time({ at, className = '' }: { at: number; className?: string }) {
  const now = useNow()
  return (
    <time dateTime={new Date(at).toISOString()} title={exact(at)} className={`whitespace-nowrap ${className}`}>
      {relative(at, now)}
    </time>
  )
}

type Tone = 'good' | 'warn' | 'bad' | 'plain'
const TONES: Readonly<Record<Tone, string>> = {
  good: 'text-good',
  warn: 'text-warn',
  bad: 'text-bad',
  plain: 'text-soft',
}

/** Every state has a sign and a word beside its colour. */
const STATES: Readonly<Record<string, readonly [LucideIcon, Tone, string?]>> = {
  succeeded: [Check, 'good'],
  done: [Check, 'good'],
  decided: [Check, 'good'],
  approved: [Check, 'good'],
  working: [Check, 'good'],
  running: [CircleDashed, 'plain'],
  waiting: [Hourglass, 'plain'],
  open: [CircleDashed, 'plain'],
  held: [Clock, 'plain', 'leaves soon'],
  gated: [Hourglass, 'warn', 'waits for you'],
  dispatched: [CircleDashed, 'plain', 'under way'],
  uncertain: [CircleHelp, 'warn'],
  parked: [Pause, 'warn'],
  edited: [Check, 'good'],
  failed: [X, 'bad'],
  dead: [X, 'bad', 'gave up'],
  stopped: [X, 'bad'],
  refused: [Ban, 'bad'],
  rejected: [Ban, 'bad'],
  cancelled: [Ban, 'plain'],
  closed: [Check, 'plain'],
  undone: [Undo2, 'plain', 'taken back'],
  reversed: [Undo2, 'warn'],
  complained: [AlertTriangle, 'bad'],
  routed: [Check, 'plain'],
  delivered: [Check, 'plain'],
  kept: [Hourglass, 'plain'],
  quarantined: [AlertTriangle, 'warn'],
}

export function State({ of, label }: { of: string; label?: string }) {
  const [Icon, tone, word] = STATES[of] ?? [CircleDashed, 'plain' as const]
  return (
    <span className={`inline-flex items-center gap-1 whitespace-nowrap ${TONES[tone]}`}>
      <Icon size={13} strokeWidth={2.25} aria-hidden />
      <span>{label ?? word ?? of.replaceAll('_', ' ')}</span>
    </span>
  )
}

export function Key({ children }: { children: ReactNode }) {
  return <kbd className="key">{children}</kbd>
}

/** What is told where there is nothing, where it is not there yet, and where it could not be had. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col gap-1 px-5 py-10 text-sm">
      <p className="font-medium">{title}</p>
      {children !== undefined && <div className="max-w-md text-soft">{children}</div>}
    </div>
  )
}

const WIDTHS = ['w-3/4', 'w-2/3', 'w-5/6', 'w-1/2', 'w-3/5', 'w-4/5']

export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <div className="flex flex-col gap-5 p-5" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, at) => (
        <div key={at} className="flex flex-col gap-2">
          <div className={`skeleton h-3.5 ${WIDTHS[at % WIDTHS.length]}`} />
          <div className="skeleton h-3 w-1/3" />
        </div>
      ))}
    </div>
  )
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="m-5 flex flex-col items-start gap-2 border-l-2 border-bad pl-4 text-sm" role="alert">
      <p className="font-medium">This could not be shown</p>
      <p className="plain text-soft">{messageOf(error)}</p>
      {retry && (
        <button className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

interface Asked<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly refetch: () => unknown
}

/** A reading in each of its states. */
export function Shown<T>({ of, rows, children }: { of: Asked<T>; rows?: number; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return children(of.data)
  if (of.error) return <Failed error={of.error} retry={() => void of.refetch()} />
  return <Loading {...(rows === undefined ? {} : { rows })} />
}

export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="border-t border-line px-5 py-4 first:border-t-0 [header+&]:border-t-0">
      <div className="mb-2 flex items-baseline justify-between gap-3">
        <h2 className="heading">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}

/** Names and what they are, aligned. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[8.5rem_minmax(0,1fr)] gap-x-4 gap-y-1.5 text-sm max-sm:grid-cols-[6.5rem_minmax(0,1fr)]">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-faint">{name}</dt>
          <dd className="min-w-0">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
