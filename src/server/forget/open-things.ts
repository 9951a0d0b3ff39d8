import { signalById } from '../../context/signals.ts'
import { endingTask, taskById, type TaskRow } from '../../context/tasks.ts'
import { cancelEffect } from '../../execution/effects.ts'
import { effectById, type EffectRow } from '../../execution/events.ts'
import { gateById, type GateRow } from '../../governance/gates.ts'
import { FactotumError } from '../../lib/errors.ts'
import { runById, type RunRow } from '../../orchestration/events.ts'
import { cancelRun } from '../../orchestration/operator.ts'
import type { OpenCompany } from '../open.ts'
import type { Going } from './events.ts'
import type { Scope } from './scope.ts'

/** Something of hers that is still going on. */
export interface OpenThing {
  readonly id: string
  readonly what: 'signal' | 'run' | 'effect' | 'task' | 'gate'
  readonly state: string
  readonly title: string
}

const NOT_OVER = new Set(['gated', 'held', 'dispatched', 'retrying', 'uncertain', 'undoing'])
const REASON = 'the person is forgotten'

/** Runs that something goes of, effects and gates of hers that are not over. A run that reads erased answers would go wrong. */
export async function openThings(c: OpenCompany, scope: Scope, going: Going): Promise<OpenThing[]> {
  const { store } = c
  const open: OpenThing[] = []
  const runs = new Set([...scope.all('run'), ...[...going.streams].filter((s) => s.startsWith('run_'))])
  for (const id of scope.all('signal')) {
    const row = await store.first<{ state: string; kind: string }>(signalById(id))
    if (row?.state === 'new') open.push({ id, what: 'signal', state: row.state, title: row.kind })
  }
  for (const id of runs) {
    const run = await store.first<RunRow>(runById(id))
    if (run && run.ended_at === null) open.push({ id, what: 'run', state: run.state, title: run.workflow })
  }
  for (const id of scope.all('effect')) {
    const effect = await store.first<EffectRow>(effectById(id))
    if (effect && NOT_OVER.has(effect.state))
      open.push({ id, what: 'effect', state: effect.state, title: effect.action })
  }
  for (const id of scope.all('task')) {
    const task = await store.first<TaskRow>(taskById(id))
    if (task?.state === 'open') open.push({ id, what: 'task', state: task.state, title: task.text ?? '(erased)' })
  }
  for (const id of scope.all('gate')) {
    const gate = await store.first<GateRow>(gateById(id))
    if (gate?.state === 'open') open.push({ id, what: 'gate', state: gate.kind, title: gate.title ?? '(erased)' })
  }
  return open
}

/** Ends what can be ended: runs with all that they wait for, effects that have not left, letters that nobody reads any more. */
export async function endThings(c: OpenCompany, open: readonly OpenThing[]): Promise<void> {
  const { store } = c
  const late = open.find((one) => one.what === 'signal')
  if (late) throw stillGoing(`The signal ${late.id} was only just received and is not routed yet`)
  for (const { id } of open.filter((one) => one.what === 'run')) {
    const run = await store.first<RunRow>(runById(id))
    if (run?.ended_at === null) await cancelRun(store, id, REASON)
  }
  for (const { id } of open.filter((one) => one.what === 'effect')) {
    const { state } = (await store.first<EffectRow>(effectById(id)))!
    if (state === 'gated' || state === 'held' || state === 'retrying') await cancelEffect(store, id, REASON)
    else if (state === 'dispatched' || state === 'undoing') throw stillGoing(`The effect ${id} is under way`)
  }
  for (const { id } of open.filter((one) => one.what === 'task')) {
    const task = await store.first<TaskRow>(taskById(id))
    if (task?.state !== 'open') continue
    const by = { actor: 'operator', cause: null, trust: 'operator' } as const
    await store.commit({ key: `${id}:forgotten`, ...(await endingTask(store, task, 'dropped', REASON, by)) })
  }
  for (const { id } of open.filter((one) => one.what === 'gate')) {
    const gate = (await store.first<GateRow>(gateById(id)))!
    if (gate.state !== 'open') continue
    if (gate.kind === 'uncertain' || gate.kind === 'dead_letter')
      await c.gates.decide(id, { outcome: 'close', reason: REASON })
    else if (gate.kind === 'conflict') await c.gates.decide(id, { outcome: 'keep', reason: REASON })
    else throw stillGoing(`The gate ${id} is open`)
  }
}

function stillGoing(what: string): FactotumError {
  return new FactotumError(
    'forget.under_way',
    `${what}: wait until that is over, then forget again. Nothing was erased.`,
  )
}
