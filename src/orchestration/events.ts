import type { Trust } from '../context/signals.ts'
import type { Json } from '../lib/json.ts'
import { eventKind, sql, work, type Guard } from '../store/index.ts'

/**
 * queued: waits for its lane or its workflow's limit. active: to be driven. waiting: asleep until something comes.
 * parked: its history and its code disagree. failed: it threw. The last two wait for the operator; none of these ended.
 */
export type RunState = 'queued' | 'active' | 'waiting' | 'parked' | 'failed' | 'done' | 'cancelled'

const insertRun = sql(
  `insert into run (id, workflow, version, state, generation, lane, signal, trust, parent, parent_wait, input, started_at, started_seq)
   values (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const setState = sql('update run set state = ? where id = ?')
const stopRun = sql('update run set state = ?, error_code = ?, error = ? where id = ?')
const endRun = sql('update run set state = ?, result = ?, ended_at = ? where id = ?')
const resumeRun = sql(
  `update run set state = 'active', generation = ?, version = ?, input = coalesce(?, input), error_code = null, error = null where id = ?`,
)

interface Started {
  readonly workflow: string
  readonly version: number
  readonly state: 'queued' | 'active'
  readonly lane: string | null
  readonly signal: string | null
  /** Of whoever's word it starts from. */
  readonly trust: Trust
  /** For whom its parent spoke. Absent: it has none, or is from before that was recorded. */
  readonly parties?: readonly string[]
  readonly parent: string | null
  readonly parentWait: string | null
}

/** `input` is null for a run that a signal started: it reads the signal, so that there is one copy to erase. */
export const runStarted = eventKind<Started, { readonly input: Json }>('run.started@1', (e) => [
  insertRun(
    e.stream,
    e.body.workflow,
    e.body.version,
    e.body.state,
    e.body.lane,
    e.body.signal,
    e.body.trust,
    e.body.parent,
    e.body.parentWait,
    e.private && JSON.stringify(e.private.input),
    e.at,
    e.seq,
  ),
  ...(e.body.state === 'active' ? [work.addWork(e.stream, 'run', work.AT_ONCE)] : []),
])

export const runAdmitted = eventKind<Record<never, never>>('run.admitted@1', (e) => [
  setState('active', e.stream),
  work.addWork(e.stream, 'run', work.AT_ONCE),
])

export const runSuspended = eventKind<{ readonly on: readonly string[]; readonly wakeAt: number | null }>(
  'run.suspended@1',
  (e) => [setState('waiting', e.stream), work.sleepWork(e.body.wakeAt, e.stream)],
)

export const runCompleted = eventKind<Record<never, never>, { readonly result: Json }>('run.completed@1', (e) => [
  endRun('done', e.private && JSON.stringify(e.private.result), e.at, e.stream),
  work.endWork(e.stream),
])

/** It threw. It waits at a gate: retry from the step that failed, restart with other input, compensate, or cancel. */
export const runFailed = eventKind<{ readonly code: string; readonly op: string | null }, { readonly message: string }>(
  'run.failed@1',
  (e) => [stopRun('failed', e.body.code, e.private?.message, e.stream), work.endWork(e.stream)],
)

/** What it asks for is not what its record says. It never guesses. */
export const runParked = eventKind<{ readonly code: string; readonly op: string | null }, { readonly message: string }>(
  'run.parked@1',
  (e) => [stopRun('parked', e.body.code, e.private?.message, e.stream), work.endWork(e.stream)],
)

export const runCancelled = eventKind<Record<never, never>, { readonly reason: string | null }>(
  'run.cancelled@1',
  (e) => [endRun('cancelled', null, e.at, e.stream), work.endWork(e.stream)],
)

/**
 * The operator sets it going again. `from`: records of this run from this `seq` on no longer count (null: all count).
 * A new generation makes new keys, so that what is done again is recorded again.
 */
export const runResumed = eventKind<
  {
    readonly mode: 'continue' | 'retry' | 'restart' | 'compensate'
    readonly generation: number
    readonly version: number
    readonly from: number | null
    /** It goes on with an input that the operator wrote. Whose word it started from stays what it was. */
    readonly edited?: true
  },
  { readonly input: Json }
>('run.resumed@1', (e) => [
  resumeRun(
    e.body.generation,
    e.body.version,
    e.private?.input == null ? null : JSON.stringify(e.private.input),
    e.stream,
  ),
  work.reviveWork(e.stream, 'run', work.AT_ONCE),
])

interface StepDone {
  readonly op: string
  readonly kind: string
  readonly hash: string
  /** References to what was read (ids), never copies. */
  readonly refs?: Json
}

/** The record of one call. It changes no table: a run's history is its own range of the ledger. */
export const stepCompleted = eventKind<StepDone, { readonly value: Json }>('step.completed@1', () => [])
export const stepFailed = eventKind<StepDone & { readonly code: string }, { readonly message: string }>(
  'step.failed@1',
  () => [],
)

export interface RunRow {
  readonly id: string
  readonly workflow: string
  readonly version: number
  readonly state: RunState
  readonly generation: number
  readonly lane: string | null
  readonly signal: string | null
  readonly trust: Trust
  readonly parent: string | null
  readonly parent_wait: string | null
  readonly input: string | null
  readonly result: string | null
  readonly error_code: string | null
  readonly error: string | null
  readonly started_at: number
  readonly started_seq: number
  readonly ended_at: number | null
}

export const runById = sql('select * from run where id = ?')
/** With how much had arrived for it: to be read before its history, so that no arrival is missed. */
export const runWithInbox = sql(
  'select r.*, coalesce(w.inbox, -1) as inbox from run r left join work w on w.id = r.id where r.id = ?',
)
const runIs = sql('select 1 as ok from run where id = ? and state = ? and generation = ?')

export function runStill(run: RunRow): Guard {
  return {
    check: runIs(run.id, run.state, run.generation),
    code: 'run.moved',
    message: `Run ${run.id} is no longer ${run.state}.`,
  }
}

const setSchedule = sql(
  `insert into schedule (id, workflow, cron, zone, catch_up, next_at, fired) values (?, ?, ?, ?, ?, ?, 0)
   on conflict (id) do update set cron = excluded.cron, zone = excluded.zone, catch_up = excluded.catch_up, next_at = excluded.next_at`,
)
const dropSchedule = sql('delete from schedule where id = ?')
const fireSchedule = sql('update schedule set next_at = ?, fired = fired + ? where id = ?')

export const scheduleSet = eventKind<{
  readonly workflow: string
  readonly cron: string
  readonly zone: string
  readonly catchUp: string
  readonly nextAt: number
}>('schedule.set@1', (e) => [
  setSchedule(e.stream, e.body.workflow, e.body.cron, e.body.zone, e.body.catchUp, e.body.nextAt),
  work.reviveWork(e.stream, 'schedule', e.body.nextAt),
])
export const scheduleRemoved = eventKind<Record<never, never>>('schedule.removed@1', (e) => [
  dropSchedule(e.stream),
  work.endWork(e.stream),
])
/** `since`: the oldest tick that was due. Those from it on that became no run were missed. */
export const scheduleFired = eventKind<{
  readonly ticks: number
  readonly since: number
  readonly nextAt: number | null
}>('schedule.fired@1', (e) => [
  fireSchedule(e.body.nextAt, e.body.ticks, e.stream),
  work.sleepWork(e.body.nextAt, e.stream),
])

export interface ScheduleRow {
  readonly id: string
  readonly workflow: string
  readonly cron: string
  readonly zone: string
  readonly catch_up: 'none' | 'latest' | 'all'
  readonly next_at: number | null
  readonly fired: number
}

export const ORCHESTRATION_EVENTS = [
  runStarted,
  runAdmitted,
  runSuspended,
  runCompleted,
  runFailed,
  runParked,
  runCancelled,
  runResumed,
  stepCompleted,
  stepFailed,
  scheduleSet,
  scheduleRemoved,
  scheduleFired,
]
