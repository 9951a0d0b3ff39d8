import { humanDuration } from '../lib/durations.ts'
import { now } from './as-of.ts'

/** Makes text from outside safe to print: no control characters, no bidi overrides, nothing that moves the cursor. */
export function plain(text: string, max = Number.POSITIVE_INFINITY): string {
  // Control and format characters, half surrogates and foreign line ends: all that a terminal acts on or that cannot be
  // seen. Newline and tab stay.
  const safe = text.replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '·')
  return safe.length > max ? `${safe.slice(0, max - 1)}…` : safe
}

export function oneLine(text: string, max = 100): string {
  return plain(text.replace(/\s+/g, ' ').trim(), max)
}

export function indent(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : by + line))
    .join('\n')
}

export function ago(at: number, from = now()): string {
  const ms = from - at
  return ms < 0 ? `in ${humanDuration(-ms)}` : ms < 1_000 ? 'now' : `${humanDuration(ms)} ago`
}

export function time(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').slice(0, 19)
}

/** `3 done, 1 waiting`, or `none`. */
export function tally(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, n]) => `${n} ${name.replaceAll('_', ' ')}`)
  return parts.length === 0 ? 'none' : parts.join(', ')
}

/** Columns padded to their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}
