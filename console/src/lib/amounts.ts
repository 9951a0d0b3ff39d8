/** Money and numbers as they are read. `micros`: millionths of a currency's unit. */
export function money(micros: number, currency: string): string {
  if (currency === 'XXX') return micros === 0 ? 'no price' : String(micros / 1_000_000)
  const amount = micros / 1_000_000
  const digits = amount !== 0 && Math.abs(amount) < 0.1 ? 4 : 2
  return `${amount.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${currency}`
}

export function bytes(n: number): string {
  if (n < 1_000) return count(n, 'byte')
  const [of, unit] = n < 1_000_000 ? [n / 1_000, 'kB'] : [n / 1_000_000, 'MB']
  return `${of < 10 ? of.toFixed(1) : Math.round(of)} ${unit}`
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`
}

/** A share from 0 to 1 as whole percent; never 0 or 100 unless it is. */
export function share(of: number): string {
  if (of > 0 && of < 0.005) return 'under 1 %'
  if (of < 1 && of > 0.995) return 'over 99 %'
  return `${Math.round(of * 100)} %`
}
