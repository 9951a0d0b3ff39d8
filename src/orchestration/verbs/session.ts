import {
  checkName,
  checkTtl,
  checkValue,
  hasRoom,
  putValue,
  removeValue,
  sessionOwner,
  tooMany,
  unchanged,
  valueIn,
  valuesOf,
  wordOfValue,
  type EphemeralRow,
  type Setting,
} from '../../context/ephemeral.ts'
import { both, partiesIn, type Word } from '../../context/signals.ts'
import type { Duration } from '../../lib/durations.ts'
import type { Json } from '../../lib/json.ts'
import type { Begun } from '../call.ts'
import type { Session, SessionValue } from '../workflow.ts'
import { gone, keep, kept, type Reference } from './scratch.ts'
import { hear, wordOf, type Services } from './services.ts'

/**
 * Working state that outlives a run but not its time. What a run reads of it, the run keeps until the same moment, and its
 * record refers to that: it reads the same whenever it is driven again, whoever has written to the session since.
 */
export function sessions(services: Services): (key: string) => Session {
  const { driver, store } = services
  const calls = new Map<string, number>()
  const nth = (verb: string, name: string): string => {
    const n = calls.get(`${verb} ${name}`) ?? 0
    calls.set(`${verb} ${name}`, n + 1)
    return n === 0 ? name : `${name}#${n}`
  }

  /** Reads something of a session: `find` answers what to keep of it, or nothing. */
  function reading<T>(
    call: { readonly kind: string; readonly key: string; readonly input: Json },
    find: () => Promise<(Omit<Setting, 'owner' | 'slot'> & Pick<Begun, 'guards'>) | undefined>,
    none: T,
  ): Promise<T> {
    return driver.call<T>({
      ...call,
      name: call.kind,
      begin: async ({ op }) => {
        const found = await find()
        if (!found) return { done: { refs: null } }
        const { guards, ...setting } = found
        const { refs, write } = keep(services, op, setting)
        return { done: { refs }, also: [write], ...(guards ? { guards } : {}) }
      },
      read: async (completion) => {
        if (completion.refs === null) return none
        const refs = completion.refs as unknown as Reference
        hear(services, refs)
        const text = await kept(services, refs)
        return text === undefined ? (gone(services, completion.op) ?? none) : (JSON.parse(text) as T)
      },
    })
  }

  return (key) => {
    const owner = sessionOwner(store, key)
    return {
      get: (name, options) =>
        reading<unknown>(
          { kind: 'session.get', key: nth('get', named(name)), input: [owner, name, options?.keep ?? false] },
          async () => {
            const row = await valueIn(store, owner, name)
            return (
              row && {
                name,
                value: JSON.parse(row.value) as Json,
                ...wordOfValue(row),
                expiresAt: options?.keep ? null : row.expires_at,
                origin: owner,
                guards: [unchanged(row)],
              }
            )
          },
          undefined,
        ),
      list: () =>
        reading<readonly SessionValue[]>(
          { kind: 'session.list', key: nth('list', owner.slice('session:'.length)), input: owner },
          async () => {
            const rows = await valuesOf(store, owner)
            return rows.length === 0 ? undefined : { ...listing(rows), origin: owner }
          },
          [],
        ),
      set(name: string, value: unknown, options?: { readonly ttl?: Duration }): Promise<void> {
        const copy = checkValue(name, value)
        const ttl = checkTtl(options?.ttl)
        return driver.call<void>({
          kind: 'session.set',
          name: 'session.set',
          key: nth('set', name),
          input: [owner, name, ttl],
          begin: async () => {
            const guard = hasRoom(owner, name, store.clock.now())
            if (!(await store.first(guard.check))) throw tooMany('This session')
            const word = wordOf(services)
            const expiresAt = driver.from() + ttl
            const setting = { owner, slot: name, name, label: key, value: copy, ...word, expiresAt }
            return {
              done: { refs: { trust: word.trust, ...partiesIn(word), expiresAt } },
              guards: [guard],
              also: [putValue(setting)],
            }
          },
          read: () => undefined,
        })
      },
      delete: (name) =>
        driver.call<void>({
          kind: 'session.delete',
          name: 'session.delete',
          key: nth('delete', named(name)),
          input: [owner, name],
          begin: () => ({ done: {}, also: [removeValue(owner, name)] }),
          read: () => undefined,
        }),
    }
  }
}

function named(name: string): string {
  checkName(name, 'A value')
  return name
}

/** Names are as much their authors' words as values are: the list lives as short and is believed as little. */
function listing(rows: readonly EphemeralRow[]) {
  const value = rows.map((r) => ({ name: r.name, trust: r.trust, expiresAt: r.expires_at! }))
  return {
    name: 'list',
    value,
    ...rows.reduce<Word>((word, r) => both(word, wordOfValue(r)), { trust: 'operator', parties: [] }),
    expiresAt: Math.min(...value.map((v) => v.expiresAt)),
  }
}
