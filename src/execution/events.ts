import type { Json } from '../lib/json.ts'
import type { Risk } from '../governance/policy.ts'
import { eventKind, sql, work, type Guard, type Store } from '../store/index.ts'

export type EffectState =
  | 'refused'
  | 'gated'
  | 'rejected'
  | 'held'
  | 'cancelled'
  | 'dispatched'
  | 'succeeded'
  | 'retrying'
  | 'failed'
  | 'uncertain'
  | 'undoing'
  | 'undone'
  | 'undo_failed'

const insertEffect = sql(
  `insert into effect (id, run, op, wait, undoes, action, action_version, risk, state, key, token, binding, input, hold_ms, due_at, proposed_at, proposed_seq)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)`,
)
const moveEffect = sql('update effect set state = ?, due_at = ?, token = ?, error_code = ?, error = ? where id = ?')
const reviseEffect = sql('update effect set input = ?, binding = ? where id = ?')
const settleEffect = sql(
  'update effect set state = ?, output = ?, error_code = ?, error = ?, settled_at = ?, due_at = null where id = ?',
)
const setEffectState = sql('update effect set state = ? where id = ?')

interface Proposed {
  readonly run: string
  readonly op: string
  readonly wait: string | null
  readonly undoes: string | null
  readonly action: string
  readonly version: number
  readonly risk: Risk
  readonly state: 'refused' | 'gated' | 'held'
  readonly reason: string
  readonly key: string
  readonly binding: string
  readonly holdMs: number
  readonly dueAt: number | null
}

/** The intent: with its verdict, idempotency key and what exactly would run, before anything leaves the process. */
export const effectProposed = eventKind<Proposed, { readonly input: Json }>('effect.proposed@1', (e) => [
  insertEffect(
    e.stream,
    e.body.run,
    e.body.op,
    e.body.wait,
    e.body.undoes,
    e.body.action,
    e.body.version,
    e.body.risk,
    e.body.state,
    e.body.key,
    e.body.binding,
    e.private && JSON.stringify(e.private.input),
    e.body.holdMs,
    e.body.dueAt,
    e.at,
    e.seq,
  ),
  ...(e.body.dueAt === null ? [] : [work.addWork(e.stream, 'effect', e.body.dueAt)]),
])

/** The operator changed the input; what is approved is the new one. */
export const effectRevised = eventKind<{ readonly binding: string }, { readonly input: Json }>(
  'effect.revised@1',
  (e) => [reviseEffect(e.private && JSON.stringify(e.private.input), e.body.binding, e.stream)],
)

/** Approved: it leaves at `dueAt` unless it is cancelled before. */
export const effectHeld = eventKind<{ readonly dueAt: number; readonly token: number }>('effect.held@1', (e) => [
  moveEffect('held', e.body.dueAt, e.body.token, null, null, e.stream),
  work.reviveWork(e.stream, 'effect', e.body.dueAt),
])

/** Durable before the call is made. After a crash, whoever finds this does not know whether the call was made. */
export const effectDispatched = eventKind<{ readonly token: number }>('effect.dispatched@1', (e) => [
  moveEffect('dispatched', null, e.body.token, null, null, e.stream),
])

/** `maybe`: the answer to an earlier try was lost, so that it may have happened although it is tried again. */
export const effectRetrying = eventKind<
  { readonly token: number; readonly dueAt: number; readonly code: string; readonly maybe?: boolean },
  { readonly error: string }
>('effect.retrying@1', (e) => [
  moveEffect('retrying', e.body.dueAt, e.body.token, e.body.code, e.private?.error, e.stream),
  work.sleepWork(e.body.dueAt, e.stream),
])

/** It ended: succeeded, refused by the service for good, rejected or cancelled. */
export const effectSettled = eventKind<
  { readonly state: EffectState; readonly code: string | null; readonly token: number },
  { readonly output: Json; readonly error: string | null }
>('effect.settled@1', (e) => [
  settleEffect(
    e.body.state,
    e.private && JSON.stringify(e.private.output),
    e.body.code,
    e.private?.error,
    e.at,
    e.stream,
  ),
  work.endWork(e.stream),
])

/** Nobody knows whether it happened, or it failed for good: it waits for a person. */
export const effectStopped = eventKind<
  { readonly state: 'uncertain' | 'failed'; readonly code: string; readonly token: number },
  { readonly error: string }
>('effect.stopped@1', (e) => [
  moveEffect(e.body.state, null, e.body.token, e.body.code, e.private?.error, e.stream),
  work.endWork(e.stream),
])

/** What happens to an effect while another one takes it back. */
export const effectUndo = eventKind<{ readonly state: 'undoing' | 'undone' | 'undo_failed'; readonly by: string }>(
  'effect.undo@1',
  (e) => [setEffectState(e.body.state, e.stream)],
)

export interface EffectRow {
  readonly id: string
  readonly run: string
  readonly op: string
  readonly wait: string | null
  readonly undoes: string | null
  readonly action: string
  readonly action_version: number
  readonly risk: Risk
  readonly state: EffectState
  readonly key: string
  readonly token: number
  readonly binding: string
  readonly input: string | null
  readonly output: string | null
  readonly error_code: string | null
  readonly error: string | null
  readonly hold_ms: number
  readonly due_at: number | null
  readonly settled_at: number | null
  readonly proposed_at: number
  readonly proposed_seq: number
}

export const effectById = sql('select * from effect where id = ?')
export const effectsOfRun = sql('select * from effect where run = ? order by proposed_seq')
const effectIs = sql('select 1 as ok from effect where id = ? and state = ? and token = ?')
/** The newest event of an effect is the cause of the next one. */
export const newestEvent = sql('select seq from event where stream = ? order by seq desc limit 1')

const newestRetry = sql(
  `select kind, body from event where stream = ? and kind in ('effect.held@1', 'effect.retrying@1') order by seq desc limit 1`,
)

/**
 * Whether a try before this one may have happened: only a service that honours the key is tried again then, and neither
 * a failure nor a cancellation may say that nothing happened. The operator's "try again" says that it did not.
 */
export async function mayHaveHappened(store: Store, id: string): Promise<boolean> {
  const newest = await store.first<{ kind: string; body: string }>(newestRetry(id))
  return newest?.kind === 'effect.retrying@1' && (JSON.parse(newest.body) as { maybe?: boolean }).maybe === true
}

/** A transition starts from exactly this state and token: a stale worker's late result is refused. */
export function effectStill(id: string, state: EffectState, token: number): Guard {
  return {
    check: effectIs(id, state, token),
    code: 'effect.moved',
    message: `Effect ${id} is no longer ${state} under token ${token}.`,
  }
}

export const EFFECT_EVENTS = [
  effectProposed,
  effectRevised,
  effectHeld,
  effectDispatched,
  effectRetrying,
  effectSettled,
  effectStopped,
  effectUndo,
]
