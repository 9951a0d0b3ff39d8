import type { Json } from '../lib/json.ts'
import type { Trust } from '../context/signals.ts'
import type { Risk } from '../governance/policy.ts'
import { eventKind, sql, work, type Bound, type Guard, type Store } from '../store/index.ts'
import type { Money } from './action.ts'

export type EffectState =
  | 'refused'
  | 'gated'
  | 'rejected'
  | 'expired'
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
  | 'undo_uncertain'

const insertEffect = sql(
  `insert into effect (id, run, op, wait, undoes, action, action_version, risk, state, key, token, binding, input, hold_ms, due_at,
     workflow, target, observed, trust, policies, approved_by, expires_at, follows, lane, cost, proposed_at, proposed_seq)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const moveEffect = sql('update effect set state = ?, due_at = ?, token = ?, error_code = ?, error = ? where id = ?')
const approveEffect = sql('update effect set approved_by = ? where id = ?')
const reviseEffect = sql(
  'update effect set input = ?, binding = ?, cost = ?, lane = ?, key = coalesce(?, key) where id = ?',
)
const askAgain = sql(
  `update effect set state = 'gated', due_at = null, approved_by = null, binding = ?, observed = ?, action_version = ?, target = ?, expires_at = ?
   where id = ?`,
)
const takeLaneToken = sql(
  'insert into lane (id, token) values (?, ?) on conflict (id) do update set token = excluded.token',
)
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
  readonly workflow?: string | null
  readonly target?: string
  readonly trust?: Trust
  /** On whose words it rests; absent: nobody's, or in a record that does not say. */
  readonly parties?: readonly string[]
  /** The policies that decided, and the version of the whole set. */
  readonly policies?: readonly string[]
  readonly policyVersion?: string
  readonly approvedBy?: string | null
  readonly expiresAt?: number | null
  readonly follows?: string | null
  readonly lane?: string | null
  readonly cost?: Money | null
}

/** The intent: with its verdict, idempotency key and what exactly would run, before anything leaves the process. */
export const effectProposed = eventKind<Proposed, { readonly input: Json; readonly observed?: Json }>(
  'effect.proposed@1',
  (e) => [
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
      e.body.workflow,
      e.body.target,
      seen(e.private?.observed),
      e.body.trust,
      e.body.policies && JSON.stringify(e.body.policies),
      e.body.approvedBy,
      e.body.expiresAt,
      e.body.follows,
      e.body.lane,
      e.body.cost && JSON.stringify(e.body.cost),
      e.at,
      e.seq,
    ),
    ...lookedAt(e.stream, e.body),
  ],
)

/** That nothing is there can be seen too: it is not the same as not having looked. */
function seen(observed: Json | undefined): string | null {
  return observed === undefined ? null : JSON.stringify(observed)
}

/** An effect is looked at when it is to leave, and when it is too late for that. */
function lookedAt(id: string, { state, dueAt, expiresAt }: Proposed): Bound[] {
  if (state === 'refused') return []
  const at = dueAt === null ? (expiresAt ?? null) : sooner(dueAt, expiresAt)
  return at === null ? [] : [work.addWork(id, 'effect', at)]
}

function sooner(dueAt: number, expiresAt: number | null | undefined): number {
  return Math.min(dueAt, expiresAt ?? dueAt)
}

/** The operator changed the input; what is approved is the new one. */
export const effectRevised = eventKind<
  {
    readonly binding: string
    readonly cost?: Money | null
    readonly lane?: string | null
    /** A new one, where something else was tried under the old one: a key stands for one input. */
    readonly key?: string | null
  },
  { readonly input: Json }
>('effect.revised@1', (e) => [
  reviseEffect(
    e.private && JSON.stringify(e.private.input),
    e.body.binding,
    e.body.cost && JSON.stringify(e.body.cost),
    e.body.lane,
    e.body.key,
    e.stream,
  ),
])

/** Approved, or to be tried again: it leaves at `dueAt` unless it is cancelled before. `approved`: by whoever is the actor. */
export const effectHeld = eventKind<{
  readonly dueAt: number
  readonly token: number
  readonly approved?: boolean
  readonly expiresAt?: number | null
}>('effect.held@1', (e) => [
  moveEffect('held', e.body.dueAt, e.body.token, null, null, e.stream),
  ...(e.body.approved ? [approveEffect(e.actor, e.stream)] : []),
  work.reviveWork(e.stream, 'effect', sooner(e.body.dueAt, e.body.expiresAt)),
])

/** The world moved after it was asked for, or the answer is too old: it is asked for again, with the difference. */
export const effectStale = eventKind<
  {
    readonly code: string
    readonly binding: string
    readonly version: number
    readonly target: string
    readonly expiresAt: number | null
  },
  { readonly observed?: Json }
>('effect.stale@1', (e) => [
  askAgain(e.body.binding, seen(e.private?.observed), e.body.version, e.body.target, e.body.expiresAt, e.stream),
  work.sleepWork(e.body.expiresAt, e.stream),
])

/** Durable before the call is made. After a crash, whoever finds this does not know whether the call was made. */
export const effectDispatched = eventKind<{
  readonly token: number
  readonly lane?: string
  readonly laneToken?: number
}>('effect.dispatched@1', (e) => [
  moveEffect('dispatched', null, e.body.token, null, null, e.stream),
  ...(e.body.lane === undefined ? [] : [takeLaneToken(e.body.lane, e.body.laneToken)]),
])

/** `maybe`: the answer to an earlier try was lost, so that it may have happened although it is tried again. */
export const effectRetrying = eventKind<
  {
    readonly token: number
    readonly dueAt: number
    readonly code: string
    readonly maybe?: boolean
    /** Null where it may have happened: then it goes on to its end. */
    readonly expiresAt?: number | null
  },
  { readonly error: string }
>('effect.retrying@1', (e) => [
  moveEffect('retrying', e.body.dueAt, e.body.token, e.body.code, e.private?.error, e.stream),
  work.sleepWork(sooner(e.body.dueAt, e.body.expiresAt), e.stream),
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
export const effectUndo = eventKind<{
  readonly state: 'undoing' | 'undone' | 'undo_failed' | 'undo_uncertain'
  readonly by: string
}>('effect.undo@1', (e) => [setEffectState(e.body.state, e.stream)])

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
  readonly workflow: string | null
  readonly target: string | null
  readonly observed: string | null
  readonly trust: Trust | null
  readonly policies: string | null
  readonly approved_by: string | null
  readonly expires_at: number | null
  readonly follows: string | null
  readonly lane: string | null
  readonly cost: string | null
  readonly settled_at: number | null
  readonly proposed_at: number
  readonly proposed_seq: number
}

export const effectById = sql('select * from effect where id = ?')
export const effectsOfRun = sql('select * from effect where run = ? order by proposed_seq')
const effectIs = sql('select 1 as ok from effect where id = ? and state = ? and token = ?')

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

/** When the first call under an effect's key was made. */
export const firstDispatch = sql(
  `select at from event where stream = ? and kind = 'effect.dispatched@1' order by seq limit 1`,
)

export const newestDispatch = sql(
  `select at from event where stream = ? and kind = 'effect.dispatched@1' order by seq desc limit 1`,
)

const newestEnd = sql(
  `select body from event where stream = ? and kind in ('effect.stopped@1', 'effect.retrying@1') order by seq desc limit 1`,
)

/** Whether only a person's word says that its last try did nothing. */
export async function wasUncertain(store: Store, id: string): Promise<boolean> {
  const newest = await store.first<{ body: string }>(newestEnd(id))
  return newest !== undefined && (JSON.parse(newest.body) as { state?: string }).state === 'uncertain'
}

const laneIs = sql('select 1 as ok where coalesce((select token from lane where id = ?), 0) = ?')
export const laneToken = sql('select token from lane where id = ?')
const inLane = `from effect where lane = ? and id <> ? and (state = 'dispatched'
   or (state in ('held', 'retrying', 'uncertain') and proposed_seq < ?))`
const beforeInLane = sql(`select id ${inLane} limit 1`)
const firstInLane = sql(`select 1 as ok where not exists (select 1 ${inLane})`)
const notEnded = sql('select id from effect where id = ? and settled_at is null')

/**
 * Whether something must end before the effect may leave: the one that it follows, what was proposed before it in its
 * lane and is not at a gate or dead, and whatever of the lane is under way, for one may be approved late.
 */
export async function isBehind(store: Store, effect: EffectRow): Promise<boolean> {
  if (effect.follows !== null && (await store.first(notEnded(effect.follows)))) return true
  return effect.lane !== null && !!(await store.first(beforeInLane(effect.lane, effect.id, effect.proposed_seq)))
}

/** What leaves in a lane is next in it, and takes the token after `token`: of two that are next, one leaves. */
export function laneGuards(effect: EffectRow, token: number): Guard[] {
  if (effect.lane === null) return []
  const code = 'effect.lane_moved'
  const message = 'Another effect of this lane left first.'
  return [
    { check: laneIs(effect.lane, token), code, message },
    { check: firstInLane(effect.lane, effect.id, effect.proposed_seq), code, message },
  ]
}

/** Whoever was put off behind an effect that ended: what follows it, and what is in its lane. */
export const wakeBehind = sql(
  `update lease set until = 0 where holder = '' and until > 0 and id in
   (select id from effect where settled_at is null and (follows = ? or lane = (select lane from effect where id = ?)))`,
)

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
  effectStale,
  effectDispatched,
  effectRetrying,
  effectSettled,
  effectStopped,
  effectUndo,
]
