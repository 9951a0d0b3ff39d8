import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { clearOf } from '../context/ephemeral.ts'
import { signalById, signalIs, signalRouted, type SignalRow } from '../context/signals.ts'
import {
  choicesOf,
  gateClosed,
  gatesOfRun,
  gateStillOpen,
  type GateDecision,
  type GateRow,
  type Gates,
} from '../governance/gates.ts'
import {
  answerWait,
  ConflictError,
  sql,
  work,
  type Bound,
  type EventInput,
  type Guard,
  type Store,
} from '../store/index.ts'
import { RunError } from './errors.ts'
import { runById, runCancelled, runResumed, runStill, type RunRow } from './events.ts'
import { leaveWaits } from './leaving.ts'
import { forgotten, readHistory } from './history.ts'
import { checkRunInput } from './starting.ts'
import type { AnyWorkflow } from './workflow.ts'

export async function getRun(store: Store, id: string): Promise<RunRow> {
  const run = await store.first<RunRow>(runById(id))
  if (!run) throw new RunError('run.not_found', `There is no run ${id}. "factotum runs" lists them.`)
  return run
}

interface Change {
  readonly events: EventInput[]
  readonly guards: Guard[]
  readonly also: Bound[]
}

/** Ends a run, its children, its open gates and every effect that has not left. What has left stays on the record. */
export async function cancelRun(store: Store, id: string, reason: string | null, actor = 'operator'): Promise<void> {
  for (;;) {
    const run = await getRun(store, id)
    if (run.ended_at !== null) throw new RunError('run.ended', `Run ${id} is ${run.state} already.`)
    const change = await cancellation(store, run, reason, actor)
    const gates = await closeStuckGates(store, id)
    try {
      await store.commit({
        key: `${id}:cancel`,
        events: [...change.events, ...gates.events],
        guards: [runStill(run), ...change.guards, ...gates.guards],
        also: change.also,
      })
      return
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

/** The end of a run and of every child that it waits for: one commit, so that none is forgotten. */
async function cancellation(store: Store, run: RunRow, reason: string | null, actor: string): Promise<Change> {
  const change = await ending(store, run, reason, actor)
  const answer = await answerWait(
    store,
    run.parent_wait,
    { state: 'cancelled', result: null },
    { actor, cause: { index: 0 } },
  )
  return { ...change, events: [...change.events, ...answer.events], guards: [...change.guards, ...answer.guards] }
}

async function ending(store: Store, run: RunRow, reason: string | null, actor: string): Promise<Change> {
  const left = await leaveWaits(store, run.id, 'the run was cancelled')
  const cancelled = runCancelled(run.id, {}, { private: { reason }, actor, cause: run.started_seq })
  const change = {
    events: [cancelled, ...left.events],
    guards: left.guards,
    also: [work.revokeLease(run.id), clearOf(run.id)],
  }
  for (const id of left.children) {
    const child = await getRun(store, id)
    const parts = [
      await ending(store, child, 'its parent was cancelled', actor),
      { ...(await closeStuckGates(store, id)), also: [] },
    ]
    change.guards.push(runStill(child))
    for (const part of parts) {
      change.events.push(...part.events)
      change.guards.push(...part.guards)
      change.also.push(...part.also)
    }
  }
  return change
}

/** A run that is stuck waits at a gate of its own, for which it has no wait. */
async function closeStuckGates(store: Store, run: string): Promise<{ events: EventInput[]; guards: Guard[] }> {
  const gates = (await gatesOfRun(store, run)).filter((g) => g.subject === run)
  return {
    events: gates.map((g) => gateClosed(g.id, { because: 'the run was cancelled' })),
    guards: gates.map((g) => gateStillOpen(g.id)),
  }
}

const stuckOp = sql(
  `select body from event where stream = ? and kind in ('run.failed@1', 'run.parked@1') order by seq desc limit 1`,
)

type Mode = 'continue' | 'retry' | 'restart' | 'compensate'

/** What setting a stuck run going again leads to. What followed from the retried step no longer counts; what it left open is closed. */
async function resumption(
  store: Store,
  run: RunRow,
  workflows: ReadonlyMap<string, AnyWorkflow>,
  mode: Mode,
  options: { step?: string; input?: Json; actor?: string },
): Promise<Change & { readonly forgets: ReadonlySet<number> }> {
  const workflow = workflows.get(run.workflow)
  if (!workflow && mode !== 'compensate')
    throw new RunError(
      'run.workflow_missing',
      `This company has no workflow "${run.workflow}". Bring it back, or cancel the run.`,
    )
  let from: number | null = null
  if (mode === 'restart' || mode === 'compensate') from = run.started_seq + 1
  else if (mode === 'retry') from = await retriedFrom(store, run.id, options.step)
  const edited = (mode === 'restart' || mode === 'retry') && options.input !== undefined && workflow !== undefined
  const input = edited ? await checkEdited(store, run, workflow, options.input) : null
  const gone =
    from === null
      ? { waits: new Set<string>(), signals: [], seqs: new Set<number>() }
      : await forgotten(store, run.id, mode, from)
  const left = await leaveWaits(store, run.id, 'the run was set going again from before it', gone.waits)
  if (left.children.length > 0)
    throw new RunError(
      'run.children_open',
      `Run ${run.id} has children under way (${left.children.join(', ')}). Cancel them first, then try again.`,
    )
  const resumed = runResumed(
    run.id,
    {
      mode,
      generation: run.generation + 1,
      version: workflow?.version ?? run.version,
      from,
      ...(edited ? { edited: true as const } : {}),
    },
    { private: { input }, actor: options.actor ?? 'operator' },
  )
  // What it had waited for and got is there for it again: it will wait for it once more.
  const kept = mode === 'compensate' ? [] : gone.signals
  return {
    events: [
      resumed,
      ...left.events,
      ...kept.map((id) => signalRouted(id, { state: 'kept', runs: [] }, { cause: { index: 0 } })),
    ],
    guards: [runStill(run), ...left.guards, ...kept.map((id) => signalIs(id, 'delivered'))],
    // What starts over has nothing that refers to what it held.
    also: [work.revokeLease(run.id), ...(from === run.started_seq + 1 ? [clearOf(run.id)] : [])],
    forgets: gone.seqs,
  }
}

/** What a signal started takes what such a signal may say, and nothing else. */
async function checkEdited(store: Store, run: RunRow, workflow: AnyWorkflow, input: unknown): Promise<Json> {
  const signal = run.signal === null ? undefined : await store.first<SignalRow>(signalById(run.signal))
  const kind = workflow.on.find((k) => k.signal === signal?.kind)
  return checkRunInput(kind && workflow.input === null ? { ...workflow, input: kind.payload } : workflow, input)
}

/**
 * Where the record of the step that is retried stands; null for a failure outside of any step, which is retried with
 * the whole record.
 */
async function retriedFrom(store: Store, run: string, step: string | undefined): Promise<number | null> {
  const failed = step ?? (await failedStep(store, run))
  const record = failed === null ? undefined : (await readHistory(store, run)).recorded.get(failed)
  if (step !== undefined && !record)
    throw new RunError('run.no_such_step', `Run ${run} has no step "${step}". "factotum run ${run}" shows them.`)
  // A step that succeeded is not what failed, whatever the error says: it is not executed again unasked.
  return record && (step !== undefined || record.as !== 'succeeded') ? record.seq : null
}

async function failedStep(store: Store, run: string): Promise<string | null> {
  const row = await store.first<{ body: string }>(stuckOp(run))
  return row ? (JSON.parse(row.body) as { op: string | null }).op : null
}

/** What may be done with a run, and what of it the operator chooses. `step` and `input`: of `retry`; `input`: of `restart`. */
export type RunMode = 'retry' | 'restart' | 'cancel'
export interface RunChoice {
  readonly step?: string
  readonly input?: Json
}

/** What doing it would record, and which calls of the run then begin anew, which keep their record. Nothing is done. */
export interface Foreseen {
  readonly events: readonly EventInput[]
  readonly again: readonly string[]
  readonly kept: readonly string[]
}

/**
 * What the same functions that do it say would happen. Throws what doing it throws: `run.ended`, `run.not_stuck`,
 * `gate.bad_outcome`, `run.no_such_step`, `run.bad_input`, `run.children_open`, `run.workflow_missing`.
 */
export async function foresee(
  store: Store,
  workflows: ReadonlyMap<string, AnyWorkflow>,
  run: RunRow,
  mode: RunMode,
  choice: RunChoice,
): Promise<Foreseen> {
  const calls = [...(await readHistory(store, run.id)).recorded]
  if (mode === 'cancel') {
    if (run.ended_at !== null) throw new RunError('run.ended', `Run ${run.id} is ${run.state} already.`)
    const [change, gates] = [await cancellation(store, run, null, 'operator'), await closeStuckGates(store, run.id)]
    return { events: [...change.events, ...gates.events], again: [], kept: calls.map(([op]) => op) }
  }
  const gate = await stuckGate(store, run.id)
  const outcomes = choicesOf(gate).map((c) => c.outcome)
  if (!outcomes.includes(mode))
    throw new FactotumError(
      'gate.bad_outcome',
      `A run that is ${run.state} does not take "${mode}". Choose one of: ${outcomes.join(', ')}.`,
    )
  const { events, forgets } = await resumption(store, run, workflows, mode, choice)
  const split = (gone: boolean) => calls.filter(([, { seq }]) => forgets.has(seq) === gone).map(([op]) => op)
  return { events, again: split(true), kept: split(false) }
}

/**
 * Retries a stuck run from a step of the operator's choice (default: the one that failed), on other input where given: what
 * came before keeps its record. Throws `run.not_stuck`.
 */
export async function retryRun(store: Store, gates: Gates, id: string, options: RunChoice = {}): Promise<void> {
  const { step, input } = options
  const value = { ...(step === undefined ? {} : { step }), ...(input === undefined ? {} : { input }) }
  await decideStuck(store, gates, id, { outcome: 'retry', ...(Object.keys(value).length === 0 ? {} : { value }) })
}

/** Starts a stuck run over, on other input where given. */
export async function restartRun(
  store: Store,
  gates: Gates,
  id: string,
  options: { readonly input?: Json } = {},
): Promise<void> {
  await decideStuck(store, gates, id, {
    outcome: 'restart',
    ...(options.input === undefined ? {} : { value: options.input }),
  })
}

async function decideStuck(store: Store, gates: Gates, id: string, decision: GateDecision): Promise<void> {
  await gates.decide((await stuckGate(store, id)).id, decision)
}

async function stuckGate(store: Store, id: string): Promise<GateRow> {
  const gate = (await gatesOfRun(store, id)).find((g) => g.subject === id)
  if (!gate)
    throw new RunError(
      'run.not_stuck',
      `Run ${id} has not failed and is not parked: there is nothing to set going again.`,
    )
  return gate
}

/** What the operator's word on a failed or parked run leads to. */
export function registerStuckGates(store: Store, gates: Gates, workflows: ReadonlyMap<string, AnyWorkflow>): void {
  for (const kind of ['failure', 'parked'] as const) {
    gates.on(kind, async (gate, decision) => {
      const run = await getRun(store, gate.subject)
      const actor = decision.by ?? 'operator'
      const change =
        decision.outcome === 'cancel'
          ? await cancellation(store, run, decision.reason ?? null, actor)
          : await resumption(store, run, workflows, decision.outcome as Mode, { actor, ...choices(decision) })
      return change
    })
  }
}

function choices(decision: GateDecision): { step?: string; input?: Json } {
  if (decision.value === undefined) return {}
  if (decision.outcome === 'restart') return { input: decision.value }
  const { step, input } = (decision.value ?? {}) as { readonly step?: unknown; readonly input?: Json }
  return { ...(typeof step === 'string' ? { step } : {}), ...(input === undefined ? {} : { input }) }
}
