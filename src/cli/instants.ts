import { FactotumError } from '../lib/errors.ts'
import { milliseconds } from '../lib/durations.ts'

/**
 * An instant as people give it: `2026-03-01` (the end of that day, UTC: what was known that day is in),
 * `2026-03-01T10:00`, or how long ago, as `7d`. Epoch ms. Throws `cli.usage`.
 */
export function parseInstant(given: string, now = Date.now()): number {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(given)
  const at = Date.parse(day ? `${given}T23:59:59.999Z` : /Z|[+-]\d{2}:\d{2}$/.test(given) ? given : `${given}Z`)
  if (/^\d{4}-\d{2}-\d{2}/.test(given) && Number.isFinite(at)) return at
  if (/^\d+[a-z]+$/i.test(given)) return now - milliseconds(given as never)
  throw new FactotumError(
    'cli.usage',
    `"${given}" is not an instant. Write 2026-03-01, 2026-03-01T10:00, or 7d for a week ago.`,
  )
}

/** The day of an instant, UTC. */
export function humanDate(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
