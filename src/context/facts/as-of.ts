import { FactotumError } from '../../lib/errors.ts'
import { seqAt, sql, type Store } from '../../store/index.ts'

/** A point in time: epoch milliseconds, a Date, or ISO 8601 (`2026-03-01`, `2026-03-01T09:00:00Z`; without a zone, UTC). */
export type Instant = number | Date | string

/**
 * Which state of knowledge is asked for: what held at `valid`, as the company believed it at `recorded` (an instant, or
 * the number of an event). Without `recorded`: as it believes now. Without `valid`: at the time of `recorded`, else now.
 */
export interface AsOf {
  readonly valid?: Instant
  readonly recorded?: Instant | { readonly seq: number }
}

/** The two as numbers; `recorded` null: as believed now. */
export interface Moment {
  readonly valid: number
  readonly recorded: number | null
}

/** Epoch milliseconds. Throws `fact.bad_time`. */
export function instant(given: Instant): number {
  const ms =
    typeof given === 'number'
      ? given
      : given instanceof Date
        ? given.getTime()
        : Date.parse(/T\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(given) ? `${given}Z` : given)
  if (!Number.isSafeInteger(ms) || (typeof given === 'string' && !/^\d{4}-\d\d-\d\d/.test(given)))
    throw new FactotumError(
      'fact.bad_time',
      `"${String(given)}" is not a time. Give a date such as 2026-03-01 or 2026-03-01T09:00:00Z, or milliseconds.`,
    )
  return ms
}

const timeOf = sql('select at from event where seq = ?')

export async function momentOf(store: Store, asOf: AsOf = {}): Promise<Moment> {
  const { valid, recorded } = asOf
  if (recorded === undefined) return { valid: valid === undefined ? store.clock.now() : instant(valid), recorded: null }
  if (typeof recorded === 'object' && 'seq' in recorded) {
    const at = valid === undefined ? (await store.first<{ at: number }>(timeOf(recorded.seq)))?.at : instant(valid)
    return { valid: at ?? store.clock.now(), recorded: recorded.seq }
  }
  const at = instant(recorded)
  return { valid: valid === undefined ? at : instant(valid), recorded: await seqAt(store, at) }
}
