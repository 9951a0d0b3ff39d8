import { eventKind, sql, type Store } from '../store/index.ts'
import { newestEvent } from './events.ts'

/** A company went on from a copy. What happened to the original after the copy was made is not known here. */
export const companyRestored = eventKind<{
  /** The events that the copy holds: those from here on are of this company only. */
  readonly events: number
  readonly root: string
  /** When the copy was made, epoch ms. */
  readonly made: number
  readonly store: string
}>('company.restored@1', () => [])

export const RESTORED_STREAM = 'company'
const newestRestore = sql(`select max(seq) as seq from event where stream = ? and kind = 'company.restored@1'`)

/**
 * Whether an effect waits since before the company was restored: the original may have done it since, so what was allowed
 * to leave there is asked for again here.
 */
export async function waitsSinceRestore(store: Store, effect: string): Promise<boolean> {
  const restored = (await store.first<{ seq: number | null }>(newestRestore(RESTORED_STREAM)))?.seq ?? null
  if (restored === null) return false
  const newest = (await store.first<{ seq: number }>(newestEvent(effect)))?.seq ?? 0
  return newest < restored
}

const pausedByRestore = sql(
  `select 1 as ok from pause where scope = 'all'
     and since = (select max(at) from event where stream = ? and kind = 'company.restored@1')`,
)

/** Whether nobody has said yet that the original no longer runs: until then what is kept elsewhere is the original's. */
export async function beforeFirstResume(store: Store): Promise<boolean> {
  return (await store.first(pausedByRestore(RESTORED_STREAM))) !== undefined
}
