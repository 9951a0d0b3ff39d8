import { FactotumError } from '../lib/errors.ts'
import { answerWait, eventKind, sql, type EventInput, type Guard, type Store } from '../store/index.ts'
import { both, partiesAt, partiesIn, type Trust, type Word } from './signals.ts'

export type TaskState = 'open' | 'done' | 'dropped'

/** Who is to do it: `operator`, `agent:NAME`, `workflow:NAME` or `run:ID`. */
export type Assignee = string

const insertTask = sql(
  `insert into task (id, state, assignee, due_at, text, why, trust, run, source, added_by, added_at, added_seq, moved_seq)
   values (?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const moveTask = sql('update task set assignee = ?, due_at = ?, note = ?, moved_seq = ? where id = ?')
const endTask = sql('update task set state = ?, note = ?, ended_by = ?, ended_at = ?, moved_seq = ? where id = ?')

/** Something to be done by a time. `run` and `source` (a signal): where it came from. */
export const taskAdded = eventKind<
  {
    readonly assignee: Assignee
    /** Epoch ms. */
    readonly dueAt: number
    readonly trust: Trust
    /** On whose words it rests; absent: nobody's, or in a record that does not say. */
    readonly parties?: readonly string[]
    readonly run: string | null
    readonly source: string | null
  },
  { readonly text: string; readonly why: string | null }
>('task.added@1', (e) => [
  insertTask(
    e.stream,
    e.body.assignee,
    e.body.dueAt,
    e.private?.text,
    e.private?.why,
    e.body.trust,
    e.body.run,
    e.body.source,
    e.actor,
    e.at,
    e.seq,
    e.seq,
  ),
])

/** It is due at another time, or somebody else's. */
export const taskMoved = eventKind<
  { readonly assignee: Assignee; readonly dueAt: number },
  { readonly note: string | null }
>('task.moved@1', (e) => [moveTask(e.body.assignee, e.body.dueAt, e.private?.note, e.seq, e.stream)])

/** `trust`, `parties`: of whoever says so. Ledgers of the first version lack them. */
const taskEnded = eventKind<
  { readonly state: Exclude<TaskState, 'open'>; readonly trust?: Trust; readonly parties?: readonly string[] },
  { readonly note: string | null }
>('task.ended@1', (e) => [endTask(e.body.state, e.private?.note, e.actor, e.at, e.seq, e.stream)])

export interface TaskRow {
  readonly id: string
  readonly state: TaskState
  readonly assignee: Assignee
  readonly due_at: number
  readonly text: string | null
  readonly why: string | null
  readonly note: string | null
  readonly trust: Trust
  readonly run: string | null
  readonly source: string | null
  readonly added_by: string
  readonly added_at: number
  readonly added_seq: number
  readonly ended_by: string | null
  readonly ended_at: number | null
  readonly moved_seq: number
}

export const taskById = sql('select * from task where id = ?')
const taskIsAt = sql(`select 1 as ok from task where id = ? and state = 'open' and moved_seq = ?`)

export async function getTask(store: Store, id: string): Promise<TaskRow> {
  const row = await store.first<TaskRow>(taskById(id))
  if (!row) throw new FactotumError('task.not_found', `There is no task ${id}. "factotum tasks" lists the open ones.`)
  return row
}

/** Refuses to move or end what somebody else moved or ended since it was read. */
export function taskStill(row: TaskRow): Guard {
  return { check: taskIsAt(row.id, row.moved_seq), code: 'task.moved', message: `Task ${row.id} was moved meanwhile.` }
}

/** An open task, to be moved or ended. Throws `task.not_found`, `task.ended`. */
export async function openTask(store: Store, id: string): Promise<TaskRow> {
  const row = await getTask(store, id)
  if (row.state !== 'open')
    throw new FactotumError('task.ended', `Task ${id} is ${row.state} already. Add another one if there is more to do.`)
  return row
}

const MAX_TEXT_CHARS = 4_000
const ASSIGNEE = /^(operator|(agent|workflow|run):[\w.@:/-]{1,200})$/

/** What a task must be to be one. Throws `task.bad`. */
export function checkTask(task: { readonly text: string; readonly dueAt: number; readonly assignee: Assignee }): void {
  const text = task.text.trim()
  if (text === '' || text.length > MAX_TEXT_CHARS)
    throw new FactotumError('task.bad', `A task says what is to be done, in 1 to ${MAX_TEXT_CHARS} characters.`)
  checkDue(task.dueAt)
  checkAssignee(task.assignee)
}

/** Throws `task.bad`. */
function checkDue(dueAt: number): void {
  if (!Number.isSafeInteger(dueAt) || dueAt < 0)
    throw new FactotumError('task.bad', 'A task is due at a time: epoch milliseconds, a date or a duration from now.')
}

/** Throws `task.bad`. */
export function checkAssignee(assignee: Assignee): void {
  if (!ASSIGNEE.test(assignee))
    throw new FactotumError(
      'task.bad',
      `"${assignee}" cannot do a task. Give operator, agent:NAME, workflow:NAME or run:ID.`,
    )
}

/** The open tasks that came of the messages of a conversation. */
export const tasksOfConversation = sql(
  `select t.* from task t join message m on m.id = t.source
   where m.conversation = ? and t.state = 'open' order by t.due_at, t.id limit ?`,
)

export interface TaskFilter {
  readonly state?: TaskState | 'all'
  /** Open, and due before now. */
  readonly overdue?: boolean
  readonly assignee?: Assignee
}

/** Where a task stands in its list, which is ordered by it: when an open one is due; when others were added, newest first. */
export type TaskPlace = readonly [number, string]

export function taskPlace({ state = 'open', overdue = false }: TaskFilter, row: TaskRow): TaskPlace {
  return [state === 'open' || overdue ? row.due_at : row.added_seq, row.id]
}

/** The tasks that are due first; ended ones by when they were added, newest first. `after`: those that come after it. */
export function listTasks(
  store: Store,
  filter: TaskFilter,
  now: number,
  limit: number,
  after: TaskPlace | null = null,
): Promise<TaskRow[]> {
  const { state = 'open', overdue = false, assignee } = filter
  const byDue = state === 'open' || overdue
  return store
    .select<{ task: TaskRow }>()
    .selectFrom('task')
    .selectAll()
    .$if(state !== 'all', (tasks) => tasks.where('state', '=', state as TaskState))
    .$if(overdue, (tasks) => tasks.where('state', '=', 'open').where('due_at', '<=', now))
    .$if(assignee !== undefined, (tasks) => tasks.where('assignee', '=', assignee!))
    .$if(after !== null && byDue, (tasks) =>
      tasks.where((t) => t(t.refTuple('due_at', 'id'), '>', t.tuple(after![0], after![1]))),
    )
    .$if(after !== null && !byDue, (tasks) => tasks.where('added_seq', '<', after![0]))
    .$if(byDue, (tasks) => tasks.orderBy('due_at').orderBy('id'))
    .$if(!byDue, (tasks) => tasks.orderBy('added_seq', 'desc'))
    .limit(limit)
    .execute()
}

const waitsFor = sql(`select id from wait where state = 'open' and kind = 'task' and subject = ? order by id`)
const waitsAre = sql(
  `select 1 as ok where (select count(*) from wait where state = 'open' and kind = 'task' and subject = ?) = ?`,
)
const isOpen = sql(`select 1 as ok from task where id = ? and state = 'open'`)

/** Refuses to wait for the end of what has ended. */
export function taskIsOpen(id: string): Guard {
  return { check: isOpen(id), code: 'task.ended', message: `Task ${id} ended meanwhile.` }
}

/** How a task ended, as a run that waits for it is told; what was said of it stands with the task. */
export interface TaskEnd {
  readonly state: Exclude<TaskState, 'open'>
  readonly trust: Trust
  readonly parties?: readonly string[]
}

/** On whose words a task stands as it was added. */
export async function wordOfTask(store: Store, row: TaskRow): Promise<Word> {
  return { trust: row.trust, parties: (await partiesAt(store, row.added_seq)) ?? [] }
}

const endingOf = sql(`select body from event where stream = ? and kind = 'task.ended@1' order by seq desc limit 1`)

/** How a task that has ended did, with the lower label of whoever added it and whoever ended it. */
export async function endOf(store: Store, row: TaskRow): Promise<TaskEnd> {
  const event = await store.first<{ body: string }>(endingOf(row.id))
  const { trust, parties } = JSON.parse(event?.body ?? '{}') as Partial<Word>
  const ended = trust ?? (row.ended_by?.startsWith('run:') ? 'outsider' : 'operator')
  return { state: row.state as TaskEnd['state'], ...both(await wordOfTask(store, row), { trust: ended, parties }) }
}

/** The events that end a task and answer whoever waits for it. `by.trust`, `by.parties`: of whoever says so. */
export async function endingTask(
  store: Store,
  row: TaskRow,
  state: TaskEnd['state'],
  note: string | null,
  by: {
    readonly actor: string
    readonly cause: EventInput['cause']
    readonly trust: Trust
    readonly parties?: Word['parties']
  },
): Promise<{ readonly events: EventInput[]; readonly guards: Guard[] }> {
  const { actor, cause, trust, parties = [] } = by
  const said = { trust, ...partiesIn({ parties }) }
  const events: EventInput[] = [taskEnded(row.id, { state, ...said }, { private: { note }, actor, cause })]
  const guards = [taskStill(row)]
  const waits = await store.read<{ id: string }>(waitsFor(row.id))
  guards.push({ check: waitsAre(row.id, waits.length), code: 'task.awaited', message: 'Somebody waits for it now.' })
  const end = { state, ...both(await wordOfTask(store, row), said) }
  for (const wait of waits) {
    const answer = await answerWait(store, wait.id, end, { actor, cause: { index: 0 } })
    events.push(...answer.events)
    guards.push(...answer.guards)
  }
  return { events, guards }
}

export const TASK_EVENTS = [taskAdded, taskMoved, taskEnded]
