import { FactotumError } from '../lib/errors.ts'
import type { Invocation } from './command.ts'

/** The options of every command that lists the newest of something, and what they ask for. Throws `cli.usage`. */
export const NEWEST = { state: { type: 'string' }, limit: { type: 'string' } } as const

export function newestArgs({ flags: { state, limit } }: Invocation): { state?: string; limit?: number } {
  return {
    ...(typeof state === 'string' ? { state } : {}),
    ...(typeof limit === 'string' ? { limit: parseLimit(limit) } : {}),
  }
}

function parseLimit(text: string): number {
  const n = Number(text)
  if (Number.isInteger(n) && n >= 1 && n <= 1_000) return n
  throw new FactotumError('cli.usage', `--limit takes a number from 1 to 1000, not "${text}".`)
}
