import { z } from 'zod'
import { getTask, listTasks, taskPlace, type TaskFilter, type TaskRow } from '../../context/tasks.ts'
import { why, type Link } from '../../governance/why.ts'
import type { Store } from '../../store/index.ts'
import { page, type Paging } from './page.ts'

export interface TaskView {
  readonly id: string
  readonly state: TaskRow['state']
  readonly for: string
  /** Epoch ms. */
  readonly dueAt: number
  readonly overdue: boolean
  readonly text: string | null
  readonly why: string | null
  readonly note: string | null
  readonly run: string | null
  readonly source: string | null
  readonly addedBy: string
  readonly addedAt: number
  readonly endedBy: string | null
  readonly endedAt: number | null
}

/** The tasks that are due first; ended ones by when they were added, newest first. */
export function taskList(store: Store, filter: TaskFilter, paging: Paging) {
  const now = store.clock.now()
  return page(paging, {
    order: z.tuple([z.int(), z.string()]),
    read: (after, limit) => listTasks(store, filter, now, limit, after),
    place: (row) => taskPlace(filter, row),
    show: (row) => taskView(row, now),
  })
}

export function taskView(row: TaskRow, now: number): TaskView {
  return {
    id: row.id,
    state: row.state,
    for: row.assignee,
    dueAt: row.due_at,
    overdue: row.state === 'open' && row.due_at <= now,
    text: row.text,
    why: row.why,
    note: row.note,
    run: row.run,
    source: row.source,
    addedBy: row.added_by,
    addedAt: row.added_at,
    endedBy: row.ended_by,
    endedAt: row.ended_at,
  }
}

/** Why a task is there, and what became of it: the chain that led to it and the chain that led to its newest event. */
export async function whyTask(store: Store, id: string): Promise<Link[]> {
  const { added_seq: added } = await getTask(store, id)
  const links = [...(await why(store, String(added))), ...(await why(store, id))]
  return [...new Map(links.map((l) => [l.seq, l])).values()].sort((a, b) => a.seq - b.seq)
}
