interface Row {
  readonly key: string | null
  readonly currency: string
  readonly micros: number
}

/** Each day of a month (`2026-11`) and what it cost in millionths, in the currency that most was spent in. */
export function daily(rows: readonly Row[], month: string) {
  const sums = new Map<string, number>()
  for (const { currency, micros } of rows) sums.set(currency, (sums.get(currency) ?? 0) + micros)
  const currency = [...sums].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'EUR'
  const [year, number] = month.split('-').map(Number)
  const last = new Date(Date.UTC(year!, number!, 0)).getUTCDate()
  const days = Array.from({ length: last }, (_, at) => at + 1)
  const micros = days.map((day) => {
    const key = `${month}-${String(day).padStart(2, '0')}`
    const own = rows.filter((row) => row.key === key && row.currency === currency)
    return own.reduce((sum, one) => sum + one.micros, 0)
  })
  return { days, currency, micros }
}

/** Which day of that month it is there; null in another month. */
export function dayIn(month: string, zone: string, now: number): number | null {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).formatToParts(now)
  const of = (type: string) => parts.find((part) => part.type === type)!.value
  return month === `${of('year')}-${of('month')}` ? Number(of('day')) : null
}

/** Round numbers from nothing to at least the most: 1, 2, 2.5 or 5 times a power of ten apart, four steps at most. */
export function ticks(most: number): number[] {
  if (most <= 0) return [0, 1]
  const least = most / 4
  const power = 10 ** Math.floor(Math.log10(least))
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= least * (1 - 1e-9))!
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, n) => n * step)
}
