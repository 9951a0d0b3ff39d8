import { waitingForUs, type ConversationRow } from '../../context/conversations.ts'
import { listTasks } from '../../context/tasks.ts'
import { humanDuration } from '../../lib/durations.ts'
import { sql, type Store } from '../../store/index.ts'
import { taskView, type TaskView } from './tasks.ts'

/** How long it is our turn before that is too long. */
const ANSWER_WITHIN_MS = 2 * 86_400_000
/** More are counted and not named. */
const MAX_DUE = 100
const underWay = sql(
  `select 1 as ok from message m join run r on r.signal = m.id
   where m.conversation = ? and r.ended_at is null limit 1`,
)

/** What nobody asks about and is late all the same: tasks past their time, conversations that wait for us. */
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
  }
}

/** In plain lines, for the queue and the digest. */
export function dueLines({ tasks, conversations }: Due, now: number): string[] {
  return [
    ...tasks.map(
      (t) => `task, overdue for ${humanDuration(now - t.dueAt)}: ${t.text ?? '(erased)'}, for ${t.for}, ${t.id}`,
    ),
    ...conversations.map(
      (c) =>
        `conversation, our turn for ${humanDuration(now - c.since)}: ${c.subject ?? '(erased)'}${c.underWay ? ', a run works on it' : ''}, ${c.id}`,
    ),
  ]
}
