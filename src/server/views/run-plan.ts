import { effectsOfRun, type EffectRow } from '../../execution/events.ts'
import { verdictNow } from '../../execution/execution.ts'
import { gateById, type GateRow } from '../../governance/gates.ts'
import { FactotumError } from '../../lib/errors.ts'
import { shortHash, type Json } from '../../lib/json.ts'
import { signalById, type SignalRow } from '../../context/signals.ts'
import type { RunRow } from '../../orchestration/events.ts'
import { foresee, getRun, type RunChoice, type RunMode } from '../../orchestration/operator.ts'
import { sql } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { effectTitle } from './effect.ts'

/** What becomes of one effect. */
export interface ForeseenEffect {
  readonly effect: string
  /** The run or, of what a run waited for, the child whose it is. */
  readonly run: string
  /** The call of the run that it belongs to. */
  readonly step: string
  readonly title: string
  readonly action: string
  readonly risk: string
  readonly state: EffectRow['state']
  /**
   * `dropped`: it has not left and never will. `recurs`: it happened or may have, and its step asks for it once more, under a new key.
   * `anew`: it did not happen, and its step asks for it again. `stays`: nothing is done about it.
   */
  readonly becomes: 'dropped' | 'recurs' | 'anew' | 'stays'
  readonly why: string
}

/** What retrying, restarting or cancelling a run would do. It is confirmed with its `binding`: exactly this is done. */
export interface RunPlan {
  readonly id: string
  readonly workflow: string
  readonly mode: RunMode
  readonly step: string | null
  /** What the workflow is given: as it was, or as the operator wrote it (`edited`). */
  readonly input: Json
  readonly edited: boolean
  /** Calls whose record counts as it is, and those that begin anew. */
  readonly kept: readonly string[]
  readonly again: readonly string[]
  /** The newest first. */
  readonly effects: readonly ForeseenEffect[]
  /** Gates that nobody needs to decide any more. */
  readonly gates: readonly { readonly id: string; readonly title: string | null }[]
  /** Runs that end: itself and the children that it waits for. */
  readonly ends: readonly string[]
  /** How many signals that it had taken are there for it again. */
  readonly signals: number
  readonly binding: string
}

const runsOfParent = sql('select * from run where parent = ? order by started_seq')

/** Throws what doing it throws. */
export async function runPlan(c: OpenCompany, id: string, mode: RunMode, choice: RunChoice): Promise<RunPlan> {
  const run = await getRun(c.store, id)
  const { events, again, kept } = await foresee(c.store, c.coordinator.workflows, run, mode, choice)
  const of = (kind: string) => events.filter((e) => e.kind === kind).map((e) => e.stream)
  const dropped = new Set(of('effect.settled@1'))
  const found = await foreseen(c, run, { mode, again: new Set(again), dropped })
  const effects = found.toSorted((a, b) => b.at - a.at).map(({ effect }) => effect)
  const gates = await Promise.all(
    [...new Set(of('gate.closed@1'))].map(async (gate) => (await c.store.first<GateRow>(gateById(gate)))!),
  )
  const plan = {
    id,
    workflow: run.workflow,
    mode,
    step: choice.step ?? null,
    input: choice.input ?? (await inputOf(c, run)),
    edited: choice.input !== undefined,
    kept,
    again,
    effects,
    gates: gates.map((gate) => ({ id: gate.id, title: gate.title })),
    ends: of('run.cancelled@1'),
    signals: of('signal.routed@1').length,
  }
  const moves = plan.effects.map((e) => [e.effect, e.state, e.becomes])
  const given = plan.edited ? [plan.input] : []
  const closes = plan.gates.map((gate) => gate.id)
  return {
    ...plan,
    binding: shortHash([id, run.state, run.generation, mode, plan.step, given, again, moves, closes, plan.ends]),
  }
}

/** Throws `run.changed` where what was shown is no longer what would happen. */
export async function assertPlanned(
  c: OpenCompany,
  id: string,
  mode: RunMode,
  choice: RunChoice,
  binding: string | undefined,
): Promise<void> {
  if (binding === undefined || (await runPlan(c, id, mode, choice)).binding === binding) return
  throw new FactotumError('run.changed', 'What this would do changed after it was shown. Look again, then confirm.')
}

async function inputOf({ store }: OpenCompany, run: RunRow): Promise<Json> {
  const own = JSON.parse(run.input ?? 'null') as Json
  if (own !== null || run.signal === null) return own
  const signal = await store.first<SignalRow>(signalById(run.signal))
  return JSON.parse(signal?.payload ?? 'null') as Json
}

interface Moves {
  readonly mode: RunMode
  readonly again: ReadonlySet<string>
  readonly dropped: ReadonlySet<string>
}

/** Of a run and of all that it had others do. `whole`: its parent's call begins anew, and with it a child of its own. */
async function foreseen(c: OpenCompany, run: RunRow, moves: Moves, whole = false) {
  const rows = await c.store.read<EffectRow>(effectsOfRun(run.id))
  // Of a call that began more than once only the newest counts; those before it are done with.
  const newest = new Map(rows.map((effect) => [effect.op, effect.id]))
  const all: { readonly effect: ForeseenEffect; readonly at: number }[] = []
  for (const effect of rows) {
    const begins = (whole || moves.again.has(effect.op)) && newest.get(effect.op) === effect.id
    all.push({ effect: await becomes(c, effect, moves, begins), at: effect.proposed_seq })
  }
  for (const child of await c.store.read<RunRow>(runsOfParent(run.id))) {
    const anew = whole || (child.parent_wait !== null && moves.again.has(callOfWait(child.parent_wait)))
    all.push(...(await foreseen(c, child, moves, anew)))
  }
  return all
}

/** A wait is named after its run, the generation of it, and the call. */
function callOfWait(wait: string): string {
  return wait.split(':').slice(2).join(':')
}

const DID = new Set<EffectRow['state']>(['succeeded', 'undo_failed', 'undo_uncertain', 'undoing'])
const MAY_HAVE = new Set<EffectRow['state']>(['dispatched', 'uncertain', 'retrying'])

async function becomes(c: OpenCompany, effect: EffectRow, moves: Moves, begins: boolean): Promise<ForeseenEffect> {
  const { id, run, op, action, risk, state } = effect
  const as = (then: ForeseenEffect['becomes'], why: string): ForeseenEffect => ({
    effect: id,
    run,
    step: op,
    title: effect.undoes === null ? effectTitle(c, effect) : `Undo of ${effectTitle(c, effect)}`,
    action,
    risk,
    state,
    becomes: then,
    why,
  })
  const next = begins ? ` Its step proposes it anew${await asked(c, effect)}.` : ''
  if (moves.dropped.has(id)) return as('dropped', `It has not left and never will.${next}`)
  if (!begins) return as('stays', stays(state, moves.mode))
  if (DID.has(state)) return as('recurs', `It was done, and that stands.${next} Then it is done twice.`)
  if (MAY_HAVE.has(state))
    return as('recurs', `It may have happened, and goes its own way.${next} It may be done twice.`)
  if (state === 'failed' && effect.settled_at === null)
    return as('anew', `It is a dead letter: close it in the queue, so that nobody tries it again.${next}`)
  return as('anew', `It did not happen, or was taken back.${next}`)
}

function stays(state: EffectRow['state'], mode: RunMode): string {
  if (state === 'dispatched' || state === 'retrying') return 'It is under way, and goes on to its end.'
  if (state === 'uncertain') return 'Nobody knows yet whether it happened: that is still asked in the queue.'
  if (state === 'succeeded')
    return mode === 'cancel'
      ? 'It was done, and stands until it is taken back.'
      : 'Its step keeps its record: it is not done again.'
  return 'Nothing of it is done again.'
}

/** What the policies say now of what it was given then. */
async function asked(c: OpenCompany, effect: EffectRow): Promise<string> {
  const action = c.execution.actions.get(effect.action)
  if (!action || effect.input === null || effect.undoes !== null) return ''
  const { outcome, reason } = await verdictNow(c.execution, effect, action)
  if (outcome === 'run') return ', and on the same input nobody is asked before it leaves'
  return outcome === 'ask'
    ? `, and on the same input you are asked first: ${reason}`
    : `, and on the same input it is refused: ${reason}`
}
