import { AsyncLocalStorage } from 'node:async_hooks'
import { FactotumError } from '../lib/errors.ts'
import type { Moment } from '../server/as-of.ts'

interface AsOf {
  readonly when: string
  stood: Moment | null
}

/** `--as-of` holds for a whole command: for everything that it asks, and for how it tells of times. */
const asked = new AsyncLocalStorage<AsOf>()

/** Runs a command on the company as it was. Throws `asof.not_a_read` where it asked nothing that has a past. */
export async function asOf<T>(when: string, command: () => Promise<T>): Promise<T> {
  const own: AsOf = { when, stood: null }
  const done = await asked.run(own, command)
  if (own.stood === null)
    throw new FactotumError('asof.not_a_read', 'This has no past: --as-of changes nothing about it. Ask without it.')
  return done
}

/** What `--as-of` said, where it was given. */
export function whenAsked(): string | undefined {
  return asked.getStore()?.when
}

/** Where the company stood when it answered. */
export function stoodAt(moment: Moment): void {
  const own = asked.getStore()
  if (own) own.stood = moment
}

/** The time that "ago" and "in" are counted from: now, or the moment that was asked for. */
export function now(): number {
  return asked.getStore()?.stood?.at ?? Date.now()
}

/** Where the company stood when it answered, if it was asked as it was. */
export function stood(): Moment | null {
  return asked.getStore()?.stood ?? null
}
