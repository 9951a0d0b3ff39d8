import { FactotumError } from './errors.ts'

/**
 * Days, months and times of day as clocks on the wall show them. A `day` is `2026-11-30`, a `month` `2026-11`, a `time`
 * `07:30`; a zone is a name of the IANA time zone database.
 */

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** Throws `company.zone`. */
export function checkZone(zone: string): string {
  format(zone)
  return zone
}

function format(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  try {
    const made = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, made)
    return made
  } catch (cause) {
    throw new FactotumError(
      'company.zone',
      `"${zone}" is not a time zone. Write a name of the IANA database, such as "Europe/Vienna", or "UTC".`,
      { cause },
    )
  }
}

/** What the clocks show, as the epoch ms at which clocks in UTC show the same. Whole seconds. */
function wallClock(at: number, zone: string): number {
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
  for (const { type, value } of format(zone).formatToParts(at)) part[type] = Number(value)
  return Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second)
}

export function dayOf(at: number, zone: string): string {
  return new Date(wallClock(at, zone)).toISOString().slice(0, 10)
}

export function monthOf(day: string): string {
  return day.slice(0, 7)
}

export function addDays(day: string, n: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + n * DAY_MS).toISOString().slice(0, 10)
}

/** 0 is Sunday. */
export function weekdayOf(day: string): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay()
}

/** `2026-11` of `2026-11-30` and so on: every day of a month, in order. */
export function daysOf(month: string): string[] {
  const days: string[] = []
  for (let day = `${month}-01`; monthOf(day) === month; day = addDays(day, 1)) days.push(day)
  return days
}

/** Minutes since midnight of `07:30`; 1440 of `24:00`. Throws `company.time`. */
export function minutesOf(time: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(time)
  if (match) return Number(match[1]) * 60 + Number(match[2])
  if (time === '24:00') return 24 * 60
  throw new FactotumError('company.time', `"${time}" is not a time of day. Write hours and minutes, such as "07:30".`)
}

/**
 * The first moment, epoch ms, at which clocks show this time of this day. A time that the clocks skip comes as much
 * later as they were put forward, as in RFC 5545 3.3.5.
 */
export function momentOf(day: string, minutes: number, zone: string): number {
  const wall = Date.parse(`${day}T00:00:00Z`) + minutes * MINUTE_MS
  const before = wall - (wallClock(wall - DAY_MS, zone) - (wall - DAY_MS))
  const after = wall - (wallClock(wall + DAY_MS, zone) - (wall + DAY_MS))
  const shown = [before, after].filter((at) => wallClock(at, zone) === wall)
  return shown.length > 0 ? Math.min(...shown) : before
}
