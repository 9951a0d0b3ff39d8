import { putScratch, scratchOf, type ScratchRow } from '../../context/scratch.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import type { Services } from './services.ts'

/** Working state of one run. A value that was set is read back from its row, by whichever process drives the run. */
export function scratch({ driver, store }: Services) {
  const values = new Map<string, { value: Json; expiresAt: number }>()
  const sets = new Map<string, number>()
  return {
    set(key: string, value: unknown, options?: { readonly ttl?: Duration }): Promise<void> {
      const ttl = milliseconds(options?.ttl ?? '1d')
      const n = sets.get(key) ?? 0
      sets.set(key, n + 1)
      const copy = jsonCopy(value, `The scratch value "${key}"`)
      return driver.call<void>({
        kind: 'scratch.set',
        name: 'scratch',
        key: n === 0 ? key : `${key}#${n}`,
        input: ttl,
        begin: ({ op }) => {
          const expiresAt = driver.now + ttl
          // A step that is retried leaves its old row behind: the record says which one counts.
          const row = `${driver.run.generation}:${op}`
          return {
            done: { refs: { row, expiresAt } },
            also: [putScratch(driver.run.id, row, key, JSON.stringify(copy), expiresAt)],
          }
        },
        read: async (completion) => {
          const refs = completion.refs as { row: string; expiresAt: number }
          const kept = (await store.read<ScratchRow>(scratchOf(driver.run.id))).find((r) => r.op === refs.row)
          if (kept) values.set(key, { value: JSON.parse(kept.value) as Json, expiresAt: refs.expiresAt })
          else values.delete(key)
        },
      })
    },
    get(key: string): unknown {
      const held = values.get(key)
      return held && held.expiresAt > driver.now ? held.value : undefined
    },
  }
}
