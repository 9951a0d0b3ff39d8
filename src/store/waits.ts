import type { Json } from '../lib/json.ts'
import type { Guard } from './engine.ts'
import { eventKind, type EventInput } from './events.ts'
import { sql, type Bound } from './sql.ts'
import { AT_ONCE, ringWork } from './work.ts'

/**
 * One primitive for everything that a run can wait for: a timer, a signal, a gate, an effect, a child, a task. A wait is a
 * row; the first commit that resolves it wins, and says who it was. Its events stand in the run's own stream, so that
 * a run's history is one range of the ledger.
 */
export type WaitKind = 'timer' | 'signal' | 'gate' | 'effect' | 'child' | 'task'

/** Who won: the thing itself, its deadline, or nobody because the run went on without it. */
export type WaitWinner = 'answer' | 'timeout'

interface WaitOpened {
  readonly wait: string
  readonly op: string
  readonly hash: string
  readonly kind: WaitKind
  readonly subject: string | null
  readonly deadline: number | null
}

const insertWait = sql(
  `insert into wait (id, run, op, kind, subject, state, deadline, opened_seq) values (?, ?, ?, ?, ?, 'open', ?, ?)`,
)
const settleWait = sql('update wait set state = ?, winner = ? where id = ?')

/** `otherwise`: what is answered at the deadline, as it was when the wait began. */
export const waitOpened = eventKind<WaitOpened, { readonly otherwise: Json }>('wait.opened@1', (e) => [
  insertWait(e.body.wait, e.stream, e.body.op, e.body.kind, e.body.subject, e.body.deadline, e.seq),
])

export const waitResolved = eventKind<
  { readonly wait: string; readonly op: string; readonly by: WaitWinner; readonly subject: string | null },
  { readonly value: Json }
>('wait.resolved@1', (e) => [settleWait('resolved', e.body.by, e.body.wait), ringWork(AT_ONCE, e.stream)])

export const waitClosed = eventKind<{ readonly wait: string; readonly op: string }>('wait.closed@1', (e) => [
  settleWait('closed', null, e.body.wait),
])

const waitIsOpen = sql(`select 1 as ok from wait where id = ? and state = 'open'`)
const findWait = sql('select id, run, op, kind, subject, state from wait where id = ?')

export interface WaitRow {
  readonly id: string
  readonly run: string
  readonly op: string
  readonly kind: WaitKind
  readonly subject: string | null
  readonly state: 'open' | 'resolved' | 'closed'
}

export function stillOpen(wait: string): Guard {
  return {
    check: waitIsOpen(wait),
    code: 'wait.resolved',
    message: 'Something else was first: this wait is resolved already.',
  }
}

/** The events and guards that answer a wait, or none when the run no longer waits for it. */
export async function answerWait(
  store: { first<R>(query: Bound): Promise<R | undefined> },
  wait: string | null,
  value: Json,
  options: { readonly actor?: string; readonly cause?: EventInput['cause'] } = {},
): Promise<{ events: EventInput[]; guards: Guard[] }> {
  const row = wait === null ? undefined : await store.first<WaitRow>(findWait(wait))
  if (!row || row.state !== 'open') return { events: [], guards: [] }
  const body = { wait: row.id, op: row.op, by: 'answer', subject: row.subject } as const
  return { events: [waitResolved(row.run, body, { private: { value }, ...options })], guards: [stillOpen(row.id)] }
}

export const WAIT_EVENTS = [waitOpened, waitResolved, waitClosed]
