import { consequencesOf } from '../context/retractions.ts'
import { getEffect } from '../execution/effects.ts'
import { effectById, effectsOfRun, type EffectRow } from '../execution/events.ts'
import { verdictNow } from '../execution/execution.ts'
import { differenceFromApproved, inputOf } from '../execution/proposal.ts'
import { planUndo, undo, type UndoPlan } from '../execution/undo.ts'
import type { GateRow } from '../governance/gates.ts'
import { pause, pauseOn, pauses, resume, type PauseScope } from '../governance/pause.ts'
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

export interface DeadLetter {
  readonly effect: string
  readonly gate: string
  readonly title: string
  readonly run: string
  readonly tries: number
  readonly error: string
  readonly since: number
  /** What trying again will do. */
  readonly redrive: string
}

export interface DeadGroup {
  readonly group: string
  readonly action: string
  readonly code: string
  readonly letters: readonly DeadLetter[]
}

const deadGates = sql(`select * from gate where kind = 'dead_letter' and state = 'open' order by opened_seq`)

/** Effects that stopped for good, by cause, with what trying each again would do. */
export async function deadLetters(c: OpenCompany): Promise<DeadGroup[]> {
  const groups = new Map<string, { action: string; code: string; letters: DeadLetter[] }>()
  for (const gate of await c.store.read<GateRow>(deadGates())) {
    const effect = await c.store.first<EffectRow>(effectById(gate.subject))
    if (!effect) continue
    const code = effect.error_code ?? gate.reason
    const name = `${effect.action}:${code}`
    const group = groups.get(name) ?? { action: effect.action, code, letters: [] }
    groups.set(name, group)
    group.letters.push({
      effect: effect.id,
      gate: gate.id,
      title: gate.title ?? '(erased)',
      run: effect.run,
      tries: effect.token,
      error: effect.error ?? '(erased)',
      since: gate.opened_at,
      redrive: await redriveText(c, effect),
    })
  }
  return [...groups].map(([group, g]) => ({ group, ...g }))
}

const openWait = sql(`select 1 as ok from wait where id = ? and state = 'open'`)

/** What trying again will do, as things stand. */
async function redriveText(c: OpenCompany, effect: EffectRow): Promise<string> {
  const action = c.execution.actions.get(effect.action)
  if (!action) return `It stops at once: this company no longer has the action ${effect.action}.`
  const difference = differenceFromApproved(c.execution, effect, action)
  if (difference !== null)
    return effect.undoes === null && action.input.safeParse(inputOf(effect)).success
      ? `It is asked for again. ${difference}`
      : `It stops again at once. ${difference}`
  if (effect.undoes === null) {
    const verdict = await verdictNow(c.execution, effect, action)
    if (verdict.outcome === 'refuse') return `It is refused: ${verdict.reason}.`
    if (verdict.outcome === 'ask' && effect.approved_by === null) return `It is asked for: ${verdict.reason}.`
  }
  const what = effect.undoes === null ? effect.action : `the undo of ${effect.action}`
  const alone =
    effect.undoes === null && (effect.wait === null || !(await c.store.first(openWait(effect.wait))))
      ? '; its run no longer waits for it'
      : ''
  const paused = (await pauseOn(c.store, effect.workflow ?? '', action.connector))
    ? 'It waits until what is paused goes on. Then '
    : ''
  return `${paused}${what} is called once more under the key ${effect.key}, as try ${effect.token + 1}; no earlier try did anything${alone}.`
}

/** The dead letters that an effect, a group (`action:code`) or `all` stands for. Throws `dead.none`. */
async function lettersOf(c: OpenCompany, given: string): Promise<DeadLetter[]> {
  const groups = await deadLetters(c)
  const all = groups.flatMap((g) => g.letters)
  if (given === 'all') return all
  const group = groups.find((g) => g.group === given)
  if (group) return [...group.letters]
  const found = all.filter((l) => l.effect === given || l.gate === given || l.effect.endsWith(given))
  if (found.length === 1) return found
  throw new FactotumError(
    'dead.none',
    `No dead letter is "${given}". "factotum dead" lists them: give an effect, a group such as mail.send:mail.refused, or all.`,
  )
}

/** Tries dead letters again, or closes them: a decision on the record for each. `shown`: of these gates alone. */
export async function decideDead(
  c: OpenCompany,
  given: string,
  outcome: 'retry' | 'close',
  reason: string | null,
  shown?: readonly string[],
) {
  const letters = (await lettersOf(c, given)).filter((l) => shown === undefined || shown.includes(l.gate))
  const done: string[] = []
  const failed: { id: string; code: string; message: string }[] = []
  for (const { gate, effect } of letters) {
    await c.gates.decide(gate, { outcome, ...(reason === null ? {} : { reason }) }).then(
      () => done.push(effect),
      (error: unknown) => {
        if (!(error instanceof FactotumError) || letters.length === 1) throw error
        failed.push({ id: effect, code: error.code, message: error.message })
      },
    )
  }
  return { outcome, done, failed }
}

export async function previewDead(c: OpenCompany, given: string): Promise<DeadLetter[]> {
  return lettersOf(c, given)
}
