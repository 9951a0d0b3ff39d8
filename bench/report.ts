/** What a benchmark hands back, and how it is shown to people and to programs. */
export interface Row {
  readonly case: string
  readonly value: number
  readonly unit: string
  /** The same unit: what the machine can do at best, measured in the same process and at the same time. */
  readonly limit?: number
  /** value / limit. */
  readonly ratio?: number
  readonly p50_ms?: number
  readonly p99_ms?: number
  readonly [more: string]: number | string | undefined
}

export interface Bench {
  readonly name: string
  /** One line for people: what is measured, and what the limit is. */
  readonly says: string
  readonly run: (options: BenchOptions) => Promise<readonly Row[]>
}

export interface BenchOptions {
  /** A smaller size, to see that it works: its figures mean little. */
  readonly quick: boolean
  /** What takes many minutes too. */
  readonly full: boolean
  /** Progress for people, on standard error. */
  readonly note: (line: string) => void
}

export function withLimit(name: string, unit: string, value: number, limit: number): Row {
  return { case: name, value: round(value), unit, limit: round(limit), ratio: round(value / limit) }
}

/** Three significant digits, whole numbers in full. */
export function round(n: number): number {
  return Math.abs(n) >= 1_000 ? Math.round(n) : Number(n.toPrecision(3))
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export function percentile(sorted: Float64Array, p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN
}

export function table(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const text = (value: number | string | undefined) =>
    typeof value === 'number' ? value.toLocaleString('en') : (value ?? '')
  const cells = [columns, ...rows.map((row) => columns.map((c) => text(row[c])))]
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)))
  return cells
    .map((line) =>
      line
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
