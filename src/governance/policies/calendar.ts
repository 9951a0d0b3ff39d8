import { checkZone, dayOf, momentOf, monthOf, weekdayOf } from '../../lib/calendar.ts'
import type { Period } from './model.ts'

export interface LocalTime {
  /** `2026-12-31` */
  readonly date: string
  /** 0 to 23. */
  readonly hour: number
  /** ISO 8601: 1 is Monday, 7 is Sunday. */
  readonly weekday: number
}

/** What the clock on the wall says in a zone, and when its days and months begin. */
export interface Calendar {
  local(at: number): LocalTime
  startOf(per: Period, at: number): number
}

/** `zone`: a name of the IANA time zone database. Throws `company.zone`. */
export function calendar(zone: string): Calendar {
  checkZone(zone)
  const hours = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', hour: 'numeric' })
  // Formatting a date costs more than all the rest of a verdict; whoever asks again asks within the minute.
  let last: { readonly minute: number; readonly time: LocalTime } | undefined
  return {
    local(at) {
      const minute = Math.floor(at / 60_000)
      if (last?.minute !== minute) {
        const date = dayOf(at, zone)
        last = { minute, time: { date, hour: Number(hours.format(at)), weekday: weekdayOf(date) || 7 } }
      }
      return last.time
    },
    startOf(per, at) {
      const date = dayOf(at, zone)
      return momentOf(per === 'day' ? date : `${monthOf(date)}-01`, 0, zone)
    },
  }
}
