import {
  conversationOfRun,
  getConversation,
  newestMessagesIn,
  wordOfMessage,
  type MessageRow,
} from '../../context/conversations.ts'
import { both, type Word } from '../../context/signals.ts'
import { tasksOfConversation, wordOfTask, type TaskRow } from '../../context/tasks.ts'
import type { Store } from '../../store/index.ts'
import type { Agent } from '../agent.ts'
import type { ModelTool } from './models.ts'
import type { Found } from './tools.ts'

const MAX_MESSAGES = 20
const MAX_MESSAGE_CHARS = 4_000
const MAX_TASKS = 20
const NOBODYS: Word = { trust: 'operator', parties: [] }
const NOTHING: Found = { data: null, ids: [], trust: 'operator' }

type WorkTool = Omit<ModelTool, 'run'> & { readonly run: () => Promise<Found> }

/** What may be read of the run's own conversation, and of no other: no text can name another. */
export function workTools(store: Store, { conversation, tasks }: Agent['tools'], run: string): WorkTool[] {
  const schema = { type: 'object', properties: {}, additionalProperties: false }
  const made: WorkTool[] = []
  if (conversation)
    made.push({
      name: 'conversation',
      description: 'The messages of the conversation that this is about, oldest first, and whose turn it is.',
      schema,
      run: () => readOwn(store, run),
    })
  if (tasks)
    made.push({
      name: 'tasks',
      description: 'What is still to be done because of this conversation, and by when.',
      schema,
      run: () => openTasks(store, run),
    })
  return made
}

async function readOwn(store: Store, run: string): Promise<Found> {
  const id = await conversationOfRun(store, run)
  if (id === undefined) return NOTHING
  const { state, turn, turn_since: since } = await getConversation(store, id)
  const messages = (await store.read<MessageRow>(newestMessagesIn(id, MAX_MESSAGES))).reverse()
  let word = NOBODYS
  for (const message of messages) word = both(word, await wordOfMessage(store, message))
  const said = messages.map((m) => ({
    at: new Date(m.at).toISOString(),
    from: m.direction === 'in' ? 'them' : 'us',
    subject: m.subject,
    text: (m.text ?? '').slice(0, MAX_MESSAGE_CHARS),
  }))
  return {
    data: { state, turn, since: new Date(since).toISOString(), messages: said },
    ids: messages.map((m) => m.id),
    ...word,
  }
}

async function openTasks(store: Store, run: string): Promise<Found> {
  const id = await conversationOfRun(store, run)
  const rows = id === undefined ? [] : await store.read<TaskRow>(tasksOfConversation(id, MAX_TASKS))
  let word = NOBODYS
  for (const row of rows) word = both(word, await wordOfTask(store, row))
  return {
    data: rows.map((t) => ({ due: new Date(t.due_at).toISOString(), for: t.assignee, text: t.text, why: t.why })),
    ids: rows.map((t) => t.id),
    ...word,
  }
}
