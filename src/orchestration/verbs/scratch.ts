import {
  checkTtl,
  checkValue,
  MAX_VALUES,
  putValue,
  tooMany,
  valueIn,
  valueMark,
  type Setting,
} from '../../context/ephemeral.ts'
import { partiesIn, type Trust } from '../../context/signals.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Duration } from '../../lib/durations.ts'
import type { Bound } from '../../store/index.ts'
import { hear, wordOf, type Services } from './services.ts'

/** How a run's record refers to a value that the run holds: it says which one it was, and nothing of what it was. */
export type Reference = {
  readonly row: string
  readonly mark: string
  readonly trust: Trust
  readonly parties?: readonly string[]
  readonly expiresAt: number | null
}

/** A value that a run sets, or reads elsewhere, becomes a row of its own, and its record refers to that row. */
export function keep(
  { driver, store }: Services,
  op: string,
  setting: Omit<Setting, 'owner' | 'slot'>,
): { readonly refs: Reference; readonly write: Bound } {
  // A step that is retried leaves its old row behind: the record says which one counts.
  const row = `${driver.run.generation}:${op}`
  const { trust, parties = [], expiresAt } = setting
  return {
    refs: { row, mark: valueMark(store, JSON.stringify(setting.value)), trust, ...partiesIn({ parties }), expiresAt },
    write: putValue({ ...setting, owner: driver.run.id, slot: row }),
  }
}

/** The JSON that a record refers to; undefined when it has expired or was cleared. */
export async function kept({ driver, store }: Services, refs: Reference): Promise<string | undefined> {
  const row = await valueIn(store, driver.run.id, refs.row)
  return row && valueMark(store, row.value) === refs.mark ? row.value : undefined
}

/**
 * What to answer where a value was and is no more. What is done for the first time sees that there is none. What was done
 * before saw the value, and nobody can say any more what followed from it: the run is parked.
 */
export function gone({ driver }: Services, op: string): undefined {
  if (driver.live) return undefined
  const message = `"${op}" read a value that has expired since, or was cleared, and is gone: what followed from it cannot be told any more.`
  driver.park(op, 'scratch.gone', message)
  throw new FactotumError('scratch.gone', message)
}

/** Working state of one run. A value that was set is read back from its row, by whichever process drives the run. */
export function scratch(services: Services) {
  const { driver, store } = services
  const values = new Map<string, Reference & { readonly text: string | undefined }>()
  const sets = new Map<string, number>()
  let count = 0
  return {
    set(key: string, value: unknown, options?: { readonly ttl?: Duration }): Promise<void> {
      const copy = checkValue(key, value)
      const ttl = options?.ttl === undefined ? null : checkTtl(options.ttl)
      if (++count > MAX_VALUES) throw tooMany('This run')
      const n = sets.get(key) ?? 0
      sets.set(key, n + 1)
      return driver.call<void>({
        kind: 'scratch.set',
        name: 'scratch',
        key: n === 0 ? key : `${key}#${n}`,
        input: ttl,
        begin: ({ op }) => {
          const expiresAt = ttl === null ? null : driver.from() + ttl
          const { refs, write } = keep(services, op, { name: key, value: copy, ...wordOf(services), expiresAt })
          return { done: { refs }, also: [write] }
        },
        read: async (completion) => {
          const refs = completion.refs as unknown as Reference
          values.set(key, { ...refs, text: await kept(services, refs) })
        },
      })
    },
    get(key: string): unknown {
      const held = values.get(key)
      if (!held || (held.expiresAt !== null && held.expiresAt <= driver.now)) return undefined
      const late = held.expiresAt !== null && held.expiresAt <= store.clock.now()
      if (held.text === undefined || late) return gone(services, `scratch:${key}`)
      hear(services, held)
      return JSON.parse(held.text) as unknown
    },
  }
}
