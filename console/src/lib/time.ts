/** Times as they are read: relative in the text, exact where somebody asks. All take epoch ms. */

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `just now`, `4 min ago`, `in 3 h`, `2 d ago`; from a month on the date. */
export function relative(at: number, now: number): string {
  const away = Math.abs(at - now)
  const told = (n: number, unit: string) => (at <= now ? `${n} ${unit} ago` : `in ${n} ${unit}`)
  if (away < MINUTE) return at <= now ? 'just now' : `in ${Math.max(1, Math.round(away / 1000))} s`
  if (away < HOUR) return told(Math.round(away / MINUTE), 'min')
  if (away < DAY) return told(Math.round(away / HOUR), 'h')
  if (away < 30 * DAY) return told(Math.round(away / DAY), 'd')
  return new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
}

/** `Sun 22 Nov 2026, 14:03:07`, in the zone of whoever looks. */
export function exact(at: number, zone?: string): string {
  return new Date(at).toLocaleString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    ...(zone === undefined ? {} : { timeZone: zone }),
  })
}

/** `14:03` on the same day, else `22 Nov 14:03`. */
export function clock(at: number, now: number, zone?: string): string {
  const of = zone === undefined ? {} : { timeZone: zone }
  const day = (t: number) => new Date(t).toLocaleDateString('en-GB', of)
  const time = new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...of })
  if (day(at) === day(now)) return time
  return `${new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...of })} ${time}`
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function lasting(ms: number): string {
  if (ms < 1_000) return `${ms} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < MINUTE) return `${Math.round(ms / 1000)} s`
  const two = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`
  if (ms < HOUR) return two(Math.floor(ms / MINUTE), 'min', Math.round((ms % MINUTE) / 1000) % 60, 's')
  if (ms < DAY) return two(Math.floor(ms / HOUR), 'h', Math.floor((ms % HOUR) / MINUTE), 'min')
  return two(Math.floor(ms / DAY), 'd', Math.floor((ms % DAY) / HOUR), 'h')
}

/** When something snoozed comes back: the choices, and what each comes to. */
export function snoozeTimes(now: number): readonly { readonly label: string; readonly until: number }[] {
  const morning = (days: number) => {
    const day = new Date(now + days * DAY)
    day.setHours(9, 0, 0, 0)
    return day.getTime()
  }
  const toMonday = (8 - new Date(now).getDay()) % 7 || 7
  return [
    { label: 'One hour', until: now + HOUR },
    { label: 'Three hours', until: now + 3 * HOUR },
    { label: 'Tomorrow, 9:00', until: morning(1) },
    { label: 'Monday, 9:00', until: morning(toMonday) },
  ]
}
