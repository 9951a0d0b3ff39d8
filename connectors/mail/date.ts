const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
// Minutes east of UTC (RFC 5322 4.3); any other name means UTC, as that section says.
const ZONES: Readonly<Record<string, number>> = {
  edt: -240,
  est: -300,
  cdt: -300,
  cst: -360,
  mdt: -360,
  mst: -420,
  pdt: -420,
  pst: -480,
}
const DATE =
  /^(?:[a-z]{2,9}[.,]?\s{0,9})?(\d{1,2})[\s-]{1,9}([a-z]{3})[a-z]{0,6}[\s-]{1,9}(\d{2,4})\s{1,9}(\d{1,2}):(\d{2})(?::(\d{2}))?\s{0,9}([+-]\d{4}|[a-z]{1,5})?/i

/** A Date header (RFC 5322 3.3, with the obsolete forms of 4.3) in milliseconds since 1970, or null when it is none. */
export function mailDate(value: string): number | null {
  const match = DATE.exec(value.trim())
  if (match === null) return null
  const part = (i: number) => Number(match[i] ?? 0)
  const month = MONTHS.indexOf((match[2] ?? '').toLowerCase())
  const [day, hour, minute, second] = [part(1), part(4), part(5), part(6)]
  if (month === -1 || day < 1 || hour > 23 || minute > 59 || second > 60) return null
  const year = fullYear(match[3] ?? '')
  const time = Date.UTC(year, month, day, hour, minute, second)
  // 31 February would roll over into March.
  if (year < 1970 || new Date(Date.UTC(year, month, day)).getUTCMonth() !== month) return null
  return time - zoneMinutes(match[7] ?? '') * 60_000
}

function fullYear(digits: string): number {
  const year = Number(digits)
  if (digits.length === 4) return year
  return year + (digits.length === 2 && year < 50 ? 2000 : 1900)
}

function zoneMinutes(zone: string): number {
  const digits = /^([+-])(\d{2})(\d{2})$/.exec(zone)
  if (digits === null) return ZONES[zone.toLowerCase()] ?? 0
  const minutes = Number(digits[2]) * 60 + Number(digits[3])
  return digits[1] === '-' ? -minutes : minutes
}
