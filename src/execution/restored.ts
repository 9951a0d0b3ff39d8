import { eventKind, newestSeq, sql, type Store } from '../store/index.ts'
import type { EffectRow } from './events.ts'

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

const firstOf = sql('select seq, cause from event where stream = ? order by seq limit 1')
const causeOf = sql('select seq, cause from event where seq = ?')

/**
 * Whether the original may have done this effect since the copy was made, so that it is asked for again here: it waited
 * then already, or nobody approved it here and what led to it, however far back, came before.
 */
export async function waitsSinceRestore(store: Store, effect: EffectRow): Promise<boolean> {
  const restored = (await store.first<{ seq: number | null }>(newestRestore(RESTORED_STREAM)))?.seq ?? null
  if (restored === null) return false
  const newest = (await newestSeq(store, effect.id)) ?? 0
  if (newest < restored) return true
  if (effect.approved_by !== null) return false
  type Link = { readonly seq: number; readonly cause: number | null }
  let at = await store.first<Link>(firstOf(effect.id))
  while (at && at.seq > restored && at.cause !== null) at = await store.first<Link>(causeOf(at.cause))
  return at !== undefined && at.seq < restored
}

const pausedByRestore = sql(
  `select 1 as ok from pause where scope = 'all'
     and since = (select max(at) from event where stream = ? and kind = 'company.restored@1')`,
)

/** Whether nobody has said yet that the original no longer runs: until then what is kept elsewhere is the original's. */
export async function beforeFirstResume(store: Store): Promise<boolean> {
  return (await store.first(pausedByRestore(RESTORED_STREAM))) !== undefined
}
