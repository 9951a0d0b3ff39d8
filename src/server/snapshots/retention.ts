import { FactotumError } from '../../lib/errors.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'

export interface Keep {
  readonly daily?: number
  readonly weekly?: number
  readonly monthly?: number
}

export interface SnapshotOptions {
  /** A folder, relative to the company's, or `s3://bucket/prefix`. Default: `data/snapshots`. */
  readonly to?: string
  /** How often one is made. Without it, when "factotum snapshot create" is called. */
  readonly every?: Duration
  /** The newest of so many days, weeks and months (UTC) are kept, and always the newest of all. Default: all of them. */
  readonly keep?: Keep
  /** How often the newest is restored into scratch and checked. */
  readonly drill?: Duration
}

/** Throws `company.invalid`. */
export function checkSnapshots(options: SnapshotOptions): SnapshotOptions {
  for (const [name, every] of [
    ['every', options.every],
    ['drill', options.drill],
  ] as const)
    if (every !== undefined && milliseconds(every) < 60_000)
      throw new FactotumError('company.invalid', `snapshots.${name} is at least a minute, such as "1d".`)
  for (const [name, count] of Object.entries(options.keep ?? {}))
    if (!['daily', 'weekly', 'monthly'].includes(name) || !Number.isInteger(count) || count < 0)
      throw new FactotumError(
        'company.invalid',
        `snapshots.keep.${name} is not a number of snapshots to keep: { daily: 7, weekly: 4, monthly: 12 }.`,
      )
  return options
}

const DAY = 24 * 60 * 60_000
const PERIODS: Readonly<Record<keyof Keep, (at: number) => string | number>> = {
  daily: (at) => Math.floor(at / DAY),
  // The epoch was a Thursday: weeks begin on Monday.
  weekly: (at) => Math.floor((at / DAY + 3) / 7),
  monthly: (at) => new Date(at).toISOString().slice(0, 7),
}

/** Which of them are no longer kept. */
export function expired<T extends { readonly made: number }>(snapshots: readonly T[], keep: Keep | undefined): T[] {
  if (!keep) return []
  const newestFirst = snapshots.toSorted((a, b) => b.made - a.made)
  const kept = new Set<T>(newestFirst.slice(0, 1))
  for (const name of Object.keys(PERIODS) as (keyof Keep)[]) {
    const seen = new Set<string | number>()
    for (const one of newestFirst) {
      const period = PERIODS[name](one.made)
      if (seen.has(period) || seen.size >= (keep[name] ?? 0)) continue
      seen.add(period)
      kept.add(one)
    }
  }
  return snapshots.filter((one) => !kept.has(one))
}
