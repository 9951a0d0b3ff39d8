import { consequencesOf } from '../context/retractions.ts'
import { getEffect } from '../execution/effects.ts'
import { effectsOfRun, type EffectRow } from '../execution/events.ts'
import { planUndo, undo, type UndoPlan } from '../execution/undo.ts'
import { pause, pauses, resume, type PauseScope } from '../governance/pause.ts'
import { FactotumError } from '../lib/errors.ts'
import { cancelRun, getRun } from '../orchestration/operator.ts'
import type { RunRow } from '../orchestration/events.ts'
import { sql } from '../store/index.ts'
import type { OpenCompany } from './open.ts'
import { resolveId } from './views/ids.ts'

const runsOfParent = sql('select * from run where parent = ? order by started_seq')
const runOfDecision = sql('select run from decision where id = ?')

/** What `factotum undo` shows, and how it is confirmed: with the plan's `binding`. */
export interface UndoView extends UndoPlan {
  /** Runs that are under way: they are ended first, so that nothing comes after. */
  readonly ends: readonly string[]
}

/** What would be taken back of an effect, of a run with its children, or of what a decision led to. */
export async function undoView(c: OpenCompany, given: string): Promise<UndoView> {
  const id = await resolveId(c.store, 'run, effect or decision', given)
  const { runs, effects, open } = await undoable(c, id)
  return { ...(await planUndo(c.execution, id, effects, runs)), ends: open }
}

/** Does what `undoView` showed. Throws `undo.changed`, `undo.nothing`. */
export async function confirmUndo(c: OpenCompany, given: string, binding: string) {
  const id = await resolveId(c.store, 'run, effect or decision', given)
  const { runs, effects, open } = await undoable(c, id)
  const plan = await planUndo(c.execution, id, effects, runs)
  if (open.length === 0 || plan.binding !== binding) return { id, ...(await undo(c.execution, plan, effects, binding)) }
  for (const run of open) await cancelRun(c.store, run, 'the operator takes it back')
  return { id, ...(await undoEnded(c, id, plan)) }
}

/** Of a run that was under way when it was confirmed: what had not left ended with it, and what it did is as it is now. */
async function undoEnded(c: OpenCompany, id: string, shown: UndoPlan) {
  const { runs, effects } = await undoable(c, id)
  const plan = await planUndo(c.execution, id, effects, runs)
  const ended = shown.steps
    .filter((s) => s.how === 'cancel' && plan.steps.some((now) => now.effect === s.effect && now.state === 'cancelled'))
    .map((s) => s.effect)
  const nothing = plan.steps.every((s) => s.how === 'leave') && plan.facts.length + plan.decisions.length === 0
  if (nothing) return { cancelled: ended, undoing: [] }
  const { cancelled, undoing } = await undo(c.execution, plan, effects, plan.binding)
  return { cancelled: [...ended, ...cancelled], undoing }
}

async function undoable(c: OpenCompany, id: string) {
  if (id.startsWith('eff_')) {
    const effect = await getEffect(c.store, id)
    return { runs: [effect.run], effects: [effect], open: [] }
  }
  if (id.startsWith('run_')) {
    const rows = await withChildren(c, await getRun(c.store, id))
    const effects = (await Promise.all(rows.map((r) => c.store.read<EffectRow>(effectsOfRun(r.id))))).flat()
    // A child ends with the run that waits for it.
    return { runs: rows.map((r) => r.id), effects, open: rows[0]!.ended_at === null ? [id] : [] }
  }
  const { run } = (await c.store.first<{ run: string }>(runOfDecision(id)))!
  const { followed } = await consequencesOf(c.store, [id], [run])
  const effects = await Promise.all(followed.map((e) => getEffect(c.store, e)))
  return { runs: [run], effects, open: [] }
}

async function withChildren(c: OpenCompany, run: RunRow): Promise<RunRow[]> {
  const children = await c.store.read<RunRow>(runsOfParent(run.id))
  return [run, ...(await Promise.all(children.map((child) => withChildren(c, child)))).flat()]
}

/** `all`, a workflow or a connector of this company. Throws `pause.unknown`. */
function scopeOf(c: OpenCompany, name: string): PauseScope {
  if (name === 'all') return 'all'
  const [kind, plain] = name.includes(':') ? (name.split(':', 2) as [string, string]) : [null, name]
  if (kind !== 'connector' && c.coordinator.workflows.has(plain)) return `workflow:${plain}`
  if (kind !== 'workflow' && c.execution.connectors.has(plain)) return `connector:${plain}`
  const known = ['all', ...c.coordinator.workflows.keys(), ...c.execution.connectors.keys()].join(', ')
  throw new FactotumError('pause.unknown', `There is no workflow and no connector "${name}". There is: ${known}.`)
}

export async function setPause(c: OpenCompany, name: string, reason: string | null) {
  await pause(c.store, scopeOf(c, name), reason)
  return pauses(c.store)
}

export async function liftPause(c: OpenCompany, name: string) {
  // What was paused may be gone from the company by now.
  const set = (await pauses(c.store)).find((p) => p.scope === name || p.scope.endsWith(`:${name}`))
  await resume(c.store, set?.scope ?? scopeOf(c, name))
  return pauses(c.store)
}
