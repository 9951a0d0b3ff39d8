interface Row {
  readonly key: string | null
  readonly currency: string
  readonly micros: number
}

/** Each day of a month (`2026-11`) and what it cost, in the currency that most was spent in. */
export function daily(rows: readonly Row[], month: string) {
  const sums = new Map<string, number>()
  for (const { currency, micros } of rows) sums.set(currency, (sums.get(currency) ?? 0) + micros)
  const currency = [...sums].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'EUR'
  const [year, number] = month.split('-').map(Number)
  const last = new Date(Date.UTC(year!, number!, 0)).getUTCDate()
  const days = Array.from({ length: last }, (_, at) => at + 1)
  const values = days.map((day) => {
    const key = `${month}-${String(day).padStart(2, '0')}`
    const own = rows.filter((row) => row.key === key && row.currency === currency)
    return own.reduce((sum, { micros }) => sum + micros, 0) / 1_000_000
  })
  return { days, currency, values }
}
