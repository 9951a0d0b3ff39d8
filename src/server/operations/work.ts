import { z } from 'zod'
import {
  conversationClosed,
  conversationStill,
  conversationTurned,
  getConversation,
  type ConversationRow,
} from '../../context/conversations.ts'
import {
  checkAssignee,
  checkTask,
  endingTask,
  getTask,
  openTask,
  taskAdded,
  taskMoved,
  taskStill,
} from '../../context/tasks.ts'
import { ownLabel } from '../../context/signals.ts'
import { parseUntil } from '../../governance/attention/away.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { ConflictError, newestSeq, type EventInput, type Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { byId, none, operation, paged, reading } from '../operation.ts'
import { conversationList, conversationView } from '../views/conversations.ts'
import { due } from '../views/due.ts'
import { resolveId } from '../views/ids.ts'
import { taskList, taskView } from '../views/tasks.ts'

const taskId = (c: OpenCompany, id: string) => resolveId(c.store, 'task', id)

export const WORK_OPERATIONS = {
  due: reading('read', none, (c) => due(c.store)),
  conversations: reading(
    'read',
    paged.extend({ state: z.enum(['open', 'closed']).optional(), turn: z.enum(['ours', 'theirs']).optional() }),
    (c, args) => conversationList(c.store, args, args),
  ),
  conversation: reading('read', byId, async (c, { id }) =>
    conversationView(c, await resolveId(c.store, 'conversation', id)),
  ),
  closeConversation: operation('decide', byId.extend({ reason: z.string().optional() }), (c, { id, reason = null }) =>
    changeConversation(c, id, (row, by) => conversationClosed(row.id, {}, { private: { reason }, ...by })),
  ),
  handOver: operation(
    'decide',
    byId.extend({ turn: z.enum(['ours', 'theirs']), reason: z.string().optional() }),
    (c, { id, turn, reason = null }) =>
      changeConversation(c, id, (row, by) => conversationTurned(row.id, { turn }, { private: { reason }, ...by })),
  ),
  tasks: reading(
    'read',
    paged.extend({
      state: z.enum(['open', 'done', 'dropped', 'all']).default('open'),
      overdue: z.boolean().default(false),
      for: z.string().optional(),
    }),
    (c, { state, overdue, for: assignee, ...paging }) =>
      taskList(c.store, { state, overdue, ...(assignee === undefined ? {} : { assignee }) }, paging),
  ),
  task: reading('read', byId, async (c, { id }) =>
    taskView(await getTask(c.store, await taskId(c, id)), c.store.clock.now()),
  ),
  addTask: operation(
    'propose',
    z.object({
      text: z.string(),
      by: z.string(),
      for: z.string().default('operator'),
      why: z.string().optional(),
    }),
    async (c, { text, by, for: assignee, why = null }) => {
      const dueAt = dueTime(c, by)
      checkTask({ text, dueAt, assignee })
      const id = c.store.newId('task')
      const body = { assignee, dueAt, trust: ownLabel(), run: null, source: null } as const
      const event = taskAdded(id, body, { private: { text: text.trim(), why }, actor: 'operator' })
      await c.store.commit({ key: `task:${id}`, events: [event] })
      return taskNow(c.store, id)
    },
  ),
  endTask: operation(
    'decide',
    byId.extend({ state: z.enum(['done', 'dropped']), note: z.string().optional() }),
    async (c, { id: given, state, note = null }) => {
      const id = await taskId(c, given)
      return again(async () => {
        const row = await openTask(c.store, id)
        const by = { actor: 'operator', cause: row.moved_seq, trust: 'operator' } as const
        const ending = await endingTask(c.store, row, state, note, by)
        await c.store.commit({ key: `task:${id}:${c.store.newId('key')}`, ...ending })
        return taskNow(c.store, id)
      })
    },
  ),
  moveTask: operation(
    'decide',
    byId.extend({ by: z.string().optional(), for: z.string().optional(), note: z.string().optional() }),
    async (c, { id: given, by, for: to, note = null }) => {
      const id = await taskId(c, given)
      return again(async () => {
        const row = await openTask(c.store, id)
        const assignee = to ?? row.assignee
        checkAssignee(assignee)
        const dueAt = by === undefined ? row.due_at : dueTime(c, by)
        const moved = taskMoved(id, { assignee, dueAt }, { private: { note }, actor: 'operator', cause: row.moved_seq })
        const key = `task:${id}:${c.store.newId('key')}`
        await c.store.commit({ key, events: [moved], guards: [taskStill(row)] })
        return taskNow(c.store, id)
      })
    },
  ),
} as const

const LAST_MINUTE = 'T23:59'

/** `3d` from now, `2026-12-01` (before that day is over), `2026-12-01T18:00`; epoch ms. Throws `away.bad_time`. */
function dueTime(c: OpenCompany, by: string): number {
  if (/^\d+(\.\d+)?(ms|s|m|h|d|w)$/.test(by)) return c.store.clock.now() + milliseconds(by as Duration)
  return parseUntil(/^\d{4}-\d\d-\d\d$/.test(by) ? `${by}${LAST_MINUTE}` : by, c.attention.hours.zone)
}

async function taskNow(store: Store, id: string) {
  return taskView(await getTask(store, id), store.clock.now())
}

/** What moved between reading and committing is looked at again. */
async function again<T>(change: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await change()
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

async function changeConversation(
  c: OpenCompany,
  given: string,
  event: (row: ConversationRow, by: { readonly actor: string; readonly cause: number | null }) => EventInput,
) {
  const id = await resolveId(c.store, 'conversation', given)
  return again(async () => {
    const row = await getConversation(c.store, id)
    const events = [event(row, { actor: 'operator', cause: await newestSeq(c.store, id) })]
    await c.store.commit({ key: `${id}:${c.store.newId('key')}`, events, guards: [conversationStill(row)] })
    const { state, turn, subject } = await getConversation(c.store, id)
    return { id, state, turn, subject }
  })
}
