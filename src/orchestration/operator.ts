import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { gateClosed, gatesOfRun, gateStillOpen, type Gates, type GateDecision } from '../governance/gates.ts'
import { answerWait, ConflictError, sql, work, type EventInput, type Guard, type Store } from '../store/index.ts'
import { RunError } from './errors.ts'
import { runById, runCancelled, runResumed, runStill, type RunRow } from './events.ts'
import { leaveWaits } from './leaving.ts'
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
  readonly children: readonly string[]
}

/** Ends a run, its children, its open gates and every effect that has not left. What has left stays on the record. */
export async function cancelRun(store: Store, id: string, reason: string | null, actor = 'operator'): Promise<void> {
  for (;;) {
    const run = await getRun(store, id)
    if (run.ended_at !== null) throw new RunError('run.ended', `Run ${id} is ${run.state} already.`)
    const change = await cancellation(store, run, reason, actor)
    const gates = (await gatesOfRun(store, id)).filter((g) => g.subject === id)
    try {
      await store.commit({
        key: `${id}:cancel`,
        events: [...change.events, ...gates.map((g) => gateClosed(g.id, { because: 'the run was cancelled' }))],
        guards: [runStill(run), ...change.guards, ...gates.map((g) => gateStillOpen(g.id))],
        also: [work.revokeLease(id)],
      })
      await cancelChildren(store, change.children, actor)
      return
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

async function cancellation(store: Store, run: RunRow, reason: string | null, actor: string): Promise<Change> {
  const left = await leaveWaits(store, run.id, 0, 'the run was cancelled')
  const answer = await answerWait(
    store,
    run.parent_wait,
    { state: 'cancelled', result: null },
    { actor, cause: { index: 0 } },
  )
  const cancelled = runCancelled(run.id, {}, { private: { reason }, actor, cause: run.started_seq })
  return {
    events: [cancelled, ...left.events, ...answer.events],
    guards: [...left.guards, ...answer.guards],
    children: left.children,
  }
}

async function cancelChildren(store: Store, children: readonly string[], actor: string): Promise<void> {
  for (const child of children) {
    await cancelRun(store, child, 'its parent was cancelled', actor).catch((error: unknown) => {
      if (!(error instanceof RunError && error.code === 'run.ended')) throw error
    })
  }
}

const eventOfOp = sql(
  `select seq, body from event where stream = ? and kind in ('step.completed@1', 'step.failed@1', 'wait.opened@1') order by seq desc`,
)
const stuckOp = sql(
  `select body from event where stream = ? and kind in ('run.failed@1', 'run.parked@1') order by seq desc limit 1`,
)

/** Where a step's record stands; null for a failure outside of any step, which is retried with its whole record. */
async function recordOf(store: Store, run: string, op: string): Promise<number | null> {
  const rows = await store.read<{ seq: number; body: string }>(eventOfOp(run))
  return rows.find((r) => (JSON.parse(r.body) as { op: string }).op === op)?.seq ?? null
}

type Mode = 'continue' | 'retry' | 'restart' | 'compensate'

/** What setting a stuck run going again leads to. Records from the retried step on no longer count; what they left open is closed. */
async function resumption(
  store: Store,
  run: RunRow,
  workflows: ReadonlyMap<string, AnyWorkflow>,
  mode: Mode,
  options: { step?: string; input?: Json; actor?: string },
): Promise<Change> {
  const workflow = workflows.get(run.workflow)
  if (!workflow && mode !== 'compensate')
    throw new RunError(
      'run.workflow_missing',
      `This company has no workflow "${run.workflow}". Bring it back, or cancel the run.`,
    )
  let from: number | null = null
  if (mode === 'restart' || mode === 'compensate') from = run.started_seq + 1
  else if (mode === 'retry') {
    const failed = options.step ?? (await failedStep(store, run.id))
    from = failed === null ? null : await recordOf(store, run.id, failed)
    if (options.step !== undefined && from === null)
      throw new RunError(
        'run.no_such_step',
        `Run ${run.id} has no step "${options.step}". "factotum run ${run.id}" shows them.`,
      )
  }
  const input =
    mode === 'restart' && options.input !== undefined && workflow ? checkRunInput(workflow, options.input) : null
  const left =
    from === null
      ? { events: [], guards: [], children: [] }
      : await leaveWaits(store, run.id, from, 'the run was set going again from before it')
  const resumed = runResumed(
    run.id,
    { mode, generation: run.generation + 1, version: workflow?.version ?? run.version, from },
    { private: { input }, actor: options.actor ?? 'operator' },
  )
  return { events: [resumed, ...left.events], guards: [runStill(run), ...left.guards], children: left.children }
}

async function failedStep(store: Store, run: string): Promise<string | null> {
  const row = await store.first<{ body: string }>(stuckOp(run))
  return row ? (JSON.parse(row.body) as { op: string | null }).op : null
}

/** Retries a stuck run from a step of the operator's choice (default: the one that failed). Throws `run.not_stuck`. */
export async function retryRun(
  store: Store,
  gates: Gates,
  id: string,
  options: { readonly step?: string } = {},
): Promise<void> {
  await decideStuck(store, gates, id, {
    outcome: 'retry',
    ...(options.step === undefined ? {} : { value: { step: options.step } }),
  })
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
  const gate = (await gatesOfRun(store, id)).find((g) => g.subject === id)
  if (!gate)
    throw new RunError(
      'run.not_stuck',
      `Run ${id} has not failed and is not parked: there is nothing to set going again.`,
    )
  await gates.decide(gate.id, decision)
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
      if (change.children.length > 0 && decision.outcome !== 'cancel') {
        throw new FactotumError(
          'run.children_open',
          `Run ${run.id} has children under way (${change.children.join(', ')}). Cancel them first, then try again.`,
        )
      }
      return { events: change.events, guards: change.guards, also: [work.revokeLease(run.id)] }
    })
  }
}

function choices(decision: GateDecision): { step?: string; input?: Json } {
  if (decision.value === undefined) return {}
  if (decision.outcome === 'restart') return { input: decision.value }
  const step = (decision.value as { step?: unknown } | null)?.step
  return typeof step === 'string' ? { step } : {}
}
