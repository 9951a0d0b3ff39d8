import { partiesIn } from '../../context/signals.ts'
import {
  checkTask,
  endingTask,
  endOf,
  getTask,
  listTasks,
  taskAdded,
  taskById,
  taskIsOpen,
  wordOfTask,
  type Assignee,
  type TaskEnd,
  type TaskFilter,
  type TaskRow,
  type TaskState,
} from '../../context/tasks.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import type { CallOptions, EndedTask, NewTask, Task } from '../workflow.ts'
import { hear, wordOf, type Services } from './services.ts'

export function addTask(services: Services, task: NewTask, options?: CallOptions): Promise<{ readonly id: string }> {
  const { store, driver } = services
  const { trust, ...said } = wordOf(services)
  const { text, by, why = null } = task
  const assignee = task.for ?? 'operator'
  return driver.call<{ readonly id: string }>({
    kind: 'tasks.add',
    name: options?.name ?? 'add task',
    key: options?.key,
    input: [text, by, assignee],
    begin: ({ cause }) => {
      const dueAt = typeof by === 'number' ? by : driver.from() + milliseconds(by)
      checkTask({ text, dueAt, assignee })
      const id = store.newId('task')
      const { id: run, signal } = driver.run
      const body = { assignee, dueAt, trust, ...partiesIn(said), run, source: signal }
      const added = taskAdded(id, body, { private: { text: text.trim(), why }, actor: `run:${run}`, cause })
      return { done: { value: { id } }, events: [added] }
    },
  })
}

/** Ends it, where it is still open; answers how it ended either way. */
export function endTask(
  services: Services,
  task: string,
  state: TaskEnd['state'],
  options?: CallOptions & { readonly note?: string },
): Promise<Exclude<TaskState, 'open'>> {
  const { store, driver } = services
  const word = wordOf(services)
  const note = options?.note ?? null
  return driver.call<TaskEnd['state']>({
    kind: 'tasks.end',
    name: options?.name ?? `task ${state}`,
    key: options?.key,
    input: [task, state, note],
    begin: async ({ cause }) => {
      const row = await getTask(store, task)
      if (row.state !== 'open') return { done: { value: row.state } }
      const by = { actor: `run:${driver.run.id}`, cause, ...word }
      return { done: { value: state }, ...(await endingTask(store, row, state, note, by)) }
    },
  })
}

const MAX_TASKS = 100

interface Refs {
  readonly tasks: readonly {
    readonly id: string
    readonly state: TaskState
    readonly dueAt: number
    readonly for: Assignee
  }[]
}

export function tasks(
  services: Services,
  options: CallOptions & {
    readonly state?: TaskState | 'all'
    readonly overdue?: boolean
    readonly for?: Assignee
  } = {},
): Promise<readonly Task[]> {
  const { store, driver } = services
  const { state, overdue, for: assignee } = options
  const filter: TaskFilter = {
    ...(state === undefined ? {} : { state }),
    ...(overdue === undefined ? {} : { overdue }),
    ...(assignee === undefined ? {} : { assignee }),
  }
  return driver.call<readonly Task[]>({
    kind: 'tasks.list',
    name: options.name ?? 'tasks',
    key: options.key,
    input: { ...filter },
    begin: async () => {
      const rows = await listTasks(store, filter, store.clock.now(), MAX_TASKS)
      const found = rows.map((r) => ({ id: r.id, state: r.state, dueAt: r.due_at, for: r.assignee }))
      return { done: { refs: { tasks: found } } }
    },
    read: async (completion) => {
      const refs = completion.refs as unknown as Refs
      const rows = await Promise.all(refs.tasks.map((t) => store.first<TaskRow>(taskById(t.id))))
      for (const row of rows) if (row) hear(services, await wordOfTask(store, row))
      return refs.tasks.map((t, i) => ({ ...t, text: rows[i]?.text ?? '', why: rows[i]?.why ?? null }))
    },
  })
}

/** Until a task has ended; null when the time-out was first. */
export function taskEnd(
  services: Services,
  task: string,
  options?: CallOptions & { readonly timeout?: Duration },
): Promise<EndedTask | null> {
  const { store, driver } = services
  const timeout = options?.timeout === undefined ? null : milliseconds(options.timeout)
  return driver.call<EndedTask | null>({
    kind: 'tasks.end-of',
    name: options?.name ?? 'task ended',
    key: options?.key,
    input: [task, timeout],
    begin: async () => {
      const row = await getTask(store, task)
      if (row.state !== 'open') return { done: { value: { ...(await endOf(store, row)) } } }
      const deadline = timeout === null ? null : driver.from() + timeout
      return { wait: { kind: 'task', subject: task, deadline }, guards: [taskIsOpen(task)] }
    },
    read: async (completion) => {
      if (completion.by === 'timeout') return null
      const { state, ...word } = completion.value as unknown as TaskEnd
      hear(services, word)
      return { state, note: (await getTask(store, task)).note }
    },
  })
}
