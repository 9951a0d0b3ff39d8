import { FactotumError } from './errors.ts'

/** Milliseconds, or a number with a unit: `'500ms'`, `'30s'`, `'10m'`, `'2h'`, `'3d'`, `'1w'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** A duration in whole milliseconds. Throws `duration.invalid`. */
export function milliseconds(duration: Duration): number {
  const match = typeof duration === 'number' ? null : /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(duration)
  const given = typeof duration === 'number' ? duration : Number.NaN
  const ms = match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : given
  if (!Number.isFinite(ms) || ms < 0) {
    throw new FactotumError(
      'duration.invalid',
      `"${String(duration)}" is not a duration. Write milliseconds or a number with a unit, such as "10m", "2h" or "3d".`,
    )
  }
  return Math.round(ms)
}

/** A length of time for people: `3 d 4 h`, `12 min`, `8 s`. */
export function humanDuration(ms: number): string {
  const s = Math.round(ms / 1_000)
  if (s < 60) return `${s} s`
  const m = Math.floor(s / 60)
  if (m < 60) return `${m} min`
  const h = Math.floor(m / 60)
  if (h < 24) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`
  const d = Math.floor(h / 24)
  return h % 24 ? `${d} d ${h % 24} h` : `${d} d`
}
