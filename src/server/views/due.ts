import { waitingForUs, type ConversationRow } from '../../context/conversations.ts'
import { listTasks } from '../../context/tasks.ts'
import { humanDuration } from '../../lib/durations.ts'
import { sql, type Store } from '../../store/index.ts'
import { newestOf, SCHEDULE, SNAPSHOTS } from '../snapshots/events.ts'
import { taskView, type TaskView } from './tasks.ts'

/** How long it is our turn before that is too long. */
const ANSWER_WITHIN_MS = 2 * 86_400_000
/** A snapshot is tried again four times within it. */
const SNAPSHOT_WITHIN_MS = 3_600_000
/** More are counted and not named. */
const MAX_DUE = 100
const underWay = sql(
  `select 1 as ok from message m join run r on r.signal = m.id
   where m.conversation = ? and r.ended_at is null limit 1`,
)

/** What nobody asks about and is late all the same: tasks past their time, conversations that wait for us, the backup. */
export interface Due {
  readonly tasks: readonly TaskView[]
  readonly conversations: readonly {
    readonly id: string
    readonly subject: string | null
    /** Epoch ms: since when it is our turn. */
    readonly since: number
    /** A run works on it, or waits at a gate with it. */
    readonly underWay: boolean
  }[]
  /** What was due then and could not be done, or when it failed: epoch ms. */
  readonly snapshots: readonly { readonly what: 'snapshot' | 'drill'; readonly since: number }[]
}

export async function due(store: Store): Promise<Due> {
  const now = store.clock.now()
  const late = await listTasks(store, { overdue: true }, now, MAX_DUE)
  const waiting = await store.read<ConversationRow>(waitingForUs(now - ANSWER_WITHIN_MS, MAX_DUE))
  return {
    tasks: late.map((row) => taskView(row, now)),
    conversations: await Promise.all(
      waiting.map(async (c) => ({
        id: c.id,
        subject: c.subject,
        since: c.turn_since,
        underWay: (await store.first(underWay(c.id))) !== undefined,
      })),
    ),
    snapshots: await lateSnapshots(store, now),
  }
}

/** From the record, so that it is told where the company does not run too. */
async function lateSnapshots(store: Store, now: number): Promise<Due['snapshots']> {
  const newest = async (stream: string, kind: string) => {
    const row = await store.first<{ at: number; body: string }>(newestOf(stream, kind))
    return row && { at: row.at, body: JSON.parse(row.body) as Readonly<Record<string, unknown>> }
  }
  const plan = (await newest(SCHEDULE, 'snapshot.planned@1'))?.body ?? {}
  const drill = await newest(SNAPSHOTS, 'snapshot.drilled@1')
  const late = (at: unknown) => (typeof at === 'number' && at < now - SNAPSHOT_WITHIN_MS ? [at] : [])
  const drilled = drill?.body.passed === false ? [drill.at] : late(plan.drillAt)
  return [
    ...late(plan.nextAt).map((since) => ({ what: 'snapshot', since }) as const),
    ...drilled.map((since) => ({ what: 'drill', since }) as const),
  ]
}

/** In plain lines, for the queue and the digest. */
export function dueLines({ tasks, conversations, snapshots }: Due, now: number): string[] {
  return [
    ...snapshots.map(
      ({ what, since }) =>
        `${what === 'drill' ? 'restore drill, FAILED or overdue' : 'snapshot, overdue'} for ${humanDuration(now - since)}: "factotum status" and "factotum snapshot list" say why`,
    ),
    ...tasks.map(
      (t) => `task, overdue for ${humanDuration(now - t.dueAt)}: ${t.text ?? '(erased)'}, for ${t.for}, ${t.id}`,
    ),
    ...conversations.map(
      (c) =>
        `conversation, our turn for ${humanDuration(now - c.since)}: ${c.subject ?? '(erased)'}${c.underWay ? ', a run works on it' : ''}, ${c.id}`,
    ),
  ]
}
