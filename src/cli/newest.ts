import { FactotumError } from '../lib/errors.ts'
import type { Invocation } from './command.ts'
import { columns } from './text.ts'

/** The options of every command that lists something. */
export const PAGED = { limit: { type: 'string' }, cursor: { type: 'string' } } as const
/** The same of what is in states. */
export const NEWEST = { state: { type: 'string' }, ...PAGED } as const

/** What they ask for. Throws `cli.usage`. */
export function newestArgs({ flags: { state, limit, cursor } }: Invocation): {
  state?: string
  limit?: number
  cursor?: string
} {
  return {
    ...(typeof state === 'string' ? { state } : {}),
    ...(typeof limit === 'string' ? { limit: parseLimit(limit) } : {}),
    ...(typeof cursor === 'string' ? { cursor } : {}),
  }
}

/** Prints a page: as JSON, or its rows in columns and how to see more. `none`: what is said where there is nothing. */
export function printPage<T>(
  call: Invocation,
  list: { readonly items: readonly T[]; readonly next: string | null },
  none: string,
  row: (item: T) => readonly string[],
): number {
  if (call.json) call.print(list)
  else {
    // A filter may have looked through many and found none yet.
    if (list.items.length === 0 && list.next === null) call.out(none)
    for (const line of columns(list.items.map(row))) call.out(line)
    printMore(call, list.next)
  }
  return 0
}

export function printMore(call: Invocation, next: string | null): void {
  if (next !== null) call.out(`More: the same with --cursor ${next}`)
}

function parseLimit(text: string): number {
  const n = Number(text)
  if (Number.isInteger(n) && n >= 1 && n <= 1_000) return n
  throw new FactotumError('cli.usage', `--limit takes a number from 1 to 1000, not "${text}".`)
}
