import { eventKind, sql, work } from '../../store/index.ts'

/** There is one schedule: its work says when to look. */
export const SCHEDULE = 'snp_schedule'
export const SNAPSHOTS = 'snapshots'

/** `to` is the target's name. The first companies have the path of their machine there. */
export const snapshotMade = eventKind<{
  readonly name: string
  readonly to: string
  readonly events: number
  readonly root: string
  readonly bytes: number
}>('snapshot.made@1', () => [])

/** Taken away: by its retention, or because it held what was erased since. */
export const snapshotRemoved = eventKind<{
  readonly name: string
  readonly to: string
  readonly because: 'retention' | 'erasure'
}>('snapshot.removed@1', () => [])

/** A snapshot was restored into scratch, its ledger verified and its tables compared. */
export const snapshotDrilled = eventKind<
  { readonly name: string; readonly to: string; readonly events: number; readonly passed: boolean },
  { readonly problem: string }
>('snapshot.drilled@1', () => [])

/** How often, in ms, and when the next ones are due, epoch ms; null: never. */
export const snapshotPlanned = eventKind<{
  readonly every: number | null
  readonly drill: number | null
  readonly nextAt: number | null
  readonly drillAt: number | null
}>('snapshot.planned@1', (e) => {
  const due = [e.body.nextAt, e.body.drillAt].filter((at) => at !== null)
  return due.length === 0 ? [work.endWork(e.stream)] : [work.reviveWork(e.stream, 'snapshot', Math.min(...due))]
})

export const SNAPSHOT_EVENTS = [snapshotMade, snapshotRemoved, snapshotDrilled, snapshotPlanned]

export const newestOf = sql('select at, body from event where stream = ? and kind = ? order by seq desc limit 1')
/** The newest erasure on record: what was archived before may still hold what it erased. */
export const newestErasure = sql(`select seq from event where kind = 'personal.erased@1' order by seq desc limit 1`)
