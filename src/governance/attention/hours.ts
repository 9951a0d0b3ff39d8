import { FactotumError } from '../../lib/errors.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { addDays, checkZone, dayOf, minutesOf, momentOf, weekdayOf } from '../../lib/calendar.ts'

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
export type Weekday = (typeof WEEKDAYS)[number]

export interface Quiet {
  /** `20:00`. */
  readonly from: string
  /** `07:00`; on the next day where it is not later than `from`. `24:00` is the end of the day. */
  readonly to: string
  /** The days on which it begins. Default: every day. */
  readonly days?: readonly Weekday[]
}

export interface DigestOptions {
  /** `08:00`. */
  readonly at: string
  /** Default: the company's. */
  readonly zone?: string
  /** Where it is mailed to, through the company's mail connector. Without it, `factotum digest` shows it. */
  readonly to?: string
}

export interface AttentionOptions {
  readonly digest?: DigestOptions
  /** In the company's zone: no digest is mailed in them. */
  readonly quiet?: Quiet | readonly Quiet[]
  /** A gate that waits so long stands on top of the next digest again. Default: 2 days. */
  readonly askAgain?: Duration
}

/** What the options mean. `digest.minutes`: since midnight. */
export interface Hours {
  readonly zone: string
  readonly digest:
    | (Required<Omit<DigestOptions, 'to'>> & { readonly to: string | null; readonly minutes: number })
    | null
  readonly quiet: readonly { readonly from: number; readonly to: number; readonly days: readonly number[] }[]
  readonly askAgainMs: number
}

const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS
const MINUTES_A_DAY = 24 * 60

/** Throws `company.zone`, `company.time`, `company.attention`. */
export function readHours(options: AttentionOptions, zone: string): Hours {
  const { digest } = options
  const quiet = [options.quiet ?? []].flat().map((q) => {
    const from = minutesOf(q.from)
    const to = minutesOf(q.to)
    return { from, to: to > from ? to : to + MINUTES_A_DAY, days: (q.days ?? WEEKDAYS).map(weekday) }
  })
  const hours = {
    zone: checkZone(zone),
    digest: digest
      ? {
          at: digest.at,
          minutes: minutesOf(digest.at),
          zone: checkZone(digest.zone ?? zone),
          to: digest.to ?? null,
        }
      : null,
    quiet,
    askAgainMs: milliseconds(options.askAgain ?? '2d'),
  }
  if (hours.askAgainMs === 0) invalid('askAgain is longer than nothing: write a duration such as "2d".')
  if ((quietUntil(hours, 0) ?? 0) >= WEEK_MS)
    invalid('The quiet hours never end, so that nothing would ever be told. Leave some time between them.')
  return hours
}

function weekday(day: string): number {
  const index = WEEKDAYS.indexOf(day as Weekday)
  return index >= 0 ? index : invalid(`"${day}" is not a day. Write one of ${WEEKDAYS.join(', ')}.`)
}

function invalid(message: string): never {
  throw new FactotumError('company.attention', message)
}

/** When the quiet hours end that `now` is in, with those that follow on them; null where it is in none. */
export function quietUntil({ quiet, zone }: Pick<Hours, 'quiet' | 'zone'>, now: number): number | null {
  let until = now
  while (until - now < WEEK_MS) {
    const today = dayOf(until, zone)
    const ends = [addDays(today, -1), today].flatMap((day) =>
      quiet
        .filter((q) => q.days.includes(weekdayOf(day)))
        .map((q) => ({ from: momentOf(day, q.from, zone), to: momentOf(day, q.to, zone) }))
        .filter((q) => q.from <= until && until < q.to)
        .map((q) => q.to),
    )
    if (ends.length === 0) break
    until = Math.max(...ends)
  }
  return until === now ? null : until
}

/** The first time for a digest after `now` that is not in quiet hours, or the end of those. */
export function nextDigest(hours: Hours & { readonly digest: object }, now: number): number {
  const { minutes, zone } = hours.digest as NonNullable<Hours['digest']>
  let day = dayOf(now, zone)
  // A day whose clocks skip that time has it later, perhaps on the next one.
  while (momentOf(day, minutes, zone) <= now) day = addDays(day, 1)
  const at = momentOf(day, minutes, zone)
  return quietUntil(hours, at) ?? at
}
