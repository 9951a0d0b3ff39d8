import { FactotumError } from '../lib/errors.ts'
import { shortHash } from '../lib/json.ts'
import { ConflictError, newestSeq, sql, type EventInput, type Guard } from '../store/index.ts'
import { consequencesOf, retraction, type Consequences } from '../context/retractions.ts'
import type { AnyAction } from './action.ts'
import { canBeStopped, cancellation } from './effects.ts'
import { effectProposed, effectStill, effectUndo, type EffectRow } from './events.ts'
import { targetOf, type Execution } from './execution.ts'
import { binding, inputOf, titleOf } from './proposal.ts'

export interface UndoProposal {
  readonly effect: EffectRow
  readonly action: AnyAction
  readonly op: string
  readonly wait: string | null
  readonly actor: string
  readonly reason: string
  /** The undo that must have ended before this one leaves. */
  readonly follows?: string | null
  readonly approvedBy?: string
  readonly cause: number | null
}

/**
 * The effect that takes another one back, under a key of its own. It leaves without waiting: whoever asks has decided.
 * `at`: where among the events of their commit these stand.
 */
export function proposeUndo(
  execution: Execution,
  p: UndoProposal,
  at = 0,
): { readonly id: string; readonly events: readonly EventInput[]; readonly guards: readonly Guard[] } {
  const { store } = execution
  const { effect, action } = p
  const input = inputOf(effect)
  // Where it was done, there it is taken back: what acts elsewhere by now is refused before it leaves.
  const target = effect.target ?? targetOf(execution, action)
  const id = store.newId('eff')
  const proposed = effectProposed(
    id,
    {
      run: effect.run,
      op: p.op,
      wait: p.wait,
      undoes: effect.id,
      action: action.action,
      version: action.version,
      risk: action.risk,
      state: 'held',
      reason: p.reason,
      // Of each attempt to take it back: one that failed for good must not be answered from the service's memory.
      key: `${effect.key}:undo:${id}`,
      binding: binding(store, action, target, input, null),
      holdMs: 0,
      dueAt: store.clock.now(),
      workflow: effect.workflow,
      target,
      ...(effect.trust === null ? {} : { trust: effect.trust }),
      ...(p.approvedBy === undefined ? {} : { approvedBy: p.approvedBy }),
      follows: p.follows ?? null,
      lane: effect.lane,
    },
    { private: { input }, actor: p.actor, cause: p.cause },
  )
  const undoing = effectUndo(effect.id, { state: 'undoing', by: id }, { actor: p.actor, cause: { index: at } })
  return { id, events: [proposed, undoing], guards: [effectStill(effect.id, effect.state, effect.token)] }
}

export interface UndoStep {
  readonly effect: string
  readonly title: string
  readonly state: string
  /** `cancel`: it has not left and never will. `undo`: by an effect of its own. `leave`: it cannot be taken back, and why. */
  readonly how: 'cancel' | 'undo' | 'leave'
  readonly why: string
}

/** What taking something back would do, newest first. It is confirmed with its `binding`: exactly this is done. */
export interface UndoPlan extends Consequences {
  readonly id: string
  readonly steps: readonly UndoStep[]
  readonly binding: string
}

/** What would be taken back of effects, with the facts and decisions that they caused. */
export async function planUndo(
  execution: Execution,
  id: string,
  effects: readonly EffectRow[],
  runs: readonly string[],
): Promise<UndoPlan> {
  const newest = effects
    .filter((e) => e.undoes === null && e.risk !== 'read')
    .sort((a, b) => b.proposed_seq - a.proposed_seq)
  const steps: UndoStep[] = []
  for (const effect of newest) steps.push(await undoStep(execution, effect))
  const taken = newest.filter((_, i) => steps[i]!.how === 'undo').map((e) => e.id)
  const roots = id.startsWith('dec_') ? [id, ...taken] : taken
  const found = await consequencesOf(execution.store, roots, runs)
  // What is taken back in the same go is no mere consequence.
  const consequences = { ...found, followed: found.followed.filter((f) => !newest.some((e) => e.id === f)) }
  const decisions = consequences.decisions.map((d) => d.id)
  const facts = consequences.facts.map((f) => [f.id, f.again === undefined ? [] : [f.again]])
  return {
    id,
    steps,
    ...consequences,
    binding: shortHash([id, steps.map((s) => [s.effect, s.state, s.how]), facts, decisions]),
  }
}

const openUndo = sql('select id from effect where run = ? and undoes = ? and settled_at is null limit 1')

/** What taking one effect back would do. */
export async function undoStep(execution: Execution, effect: EffectRow): Promise<UndoStep> {
  const action = execution.actions.get(effect.action)
  const title = action && effect.input !== null ? titleOf(action, inputOf(effect)) : effect.action
  const step = (how: UndoStep['how'], why: string): UndoStep => ({
    effect: effect.id,
    title,
    state: effect.state,
    how,
    why,
  })
  switch (effect.state) {
    case 'gated':
    case 'held':
      return step('cancel', 'It has not left, and then never will.')
    case 'retrying':
      return (await canBeStopped(execution.store, effect))
        ? step('cancel', 'It has not happened yet: it is not tried again.')
        : step('leave', 'It is under way, and an earlier try may have happened. Wait until it has ended.')
    case 'succeeded':
    case 'undo_failed': {
      const why = await whyLeft(execution, effect, action)
      return why === null ? step('undo', `${effect.action} is taken back outside.`) : step('leave', why)
    }
    case 'dispatched':
      return step('leave', 'It is under way. Wait until it has ended.')
    case 'uncertain':
    case 'undo_uncertain':
      return step('leave', 'Nobody knows yet whether it happened: decide that first, in the queue.')
    case 'undoing':
      return step('leave', 'It is being taken back already.')
    case 'undone':
      return step('leave', 'It was taken back already.')
    case 'failed':
      return effect.settled_at === null
        ? step('leave', 'It never happened. It is a dead letter: close it in the queue, so that nobody tries it again.')
        : step('leave', 'It never happened.')
    default:
      return step('leave', 'It never happened.')
  }
}

/** Why what was done cannot be taken back; null where it can be. */
async function whyLeft(execution: Execution, effect: EffectRow, action: AnyAction | undefined): Promise<string | null> {
  if (!action) return `This company no longer has the action ${effect.action}.`
  if (!action.undo) return `${effect.action} cannot be taken back.`
  if (effect.input === null) return 'What it was is erased: there is nothing left to take it back by.'
  if (await execution.store.first(openUndo(effect.run, effect.id)))
    return 'An undo of it is a dead letter: try that again or close it first, in the queue.'
  if (effect.target !== null && effect.target !== targetOf(execution, action))
    return `It was done at ${effect.target}, and ${effect.action} acts at ${targetOf(execution, action)} now.`
  if (!action.input.safeParse(inputOf(effect)).success)
    return `${effect.action} no longer takes what it was given. Take it back by hand.`
  if (!action.output.safeParse(JSON.parse(effect.output ?? 'null')).success)
    return 'There is no answer of its service to take it back by. Take it back by hand.'
  return null
}

/**
 * Does what a plan shows, in one commit: what has not left is cancelled, what can be taken back will be, one after the
 * other and newest first, and what was believed because of it is retracted. Throws `undo.changed` where something moved
 * since the plan was shown, and `undo.nothing` where there is nothing to do.
 */
export async function undo(
  execution: Execution,
  plan: UndoPlan,
  effects: readonly EffectRow[],
  confirmed: string,
  actor = 'operator',
): Promise<{ readonly cancelled: readonly string[]; readonly undoing: readonly string[] }> {
  const { store } = execution
  if (confirmed !== plan.binding)
    throw new FactotumError(
      'undo.changed',
      'What can be taken back changed after it was shown. Look again, then confirm.',
    )
  if (plan.steps.every((s) => s.how === 'leave') && plan.facts.length === 0 && plan.decisions.length === 0)
    throw new FactotumError('undo.nothing', `Nothing of this can be taken back. ${whyNothing(plan, effects)}`)
  const events: EventInput[] = []
  const guards: Guard[] = []
  const undoing: string[] = []
  const cancelled: string[] = []
  for (const step of plan.steps) {
    const effect = effects.find((e) => e.id === step.effect)!
    // The events of each stand together: what follows from the first of them is caused by it.
    const at = events.length
    if (step.how === 'undo') {
      const proposed = proposeUndo(
        execution,
        {
          effect,
          action: execution.actions.get(effect.action)!,
          op: 'undo',
          wait: null,
          actor,
          reason: 'the operator takes it back',
          follows: undoing.at(-1) ?? null,
          approvedBy: actor,
          cause: await newestSeq(store, effect.id),
        },
        at,
      )
      events.push(...proposed.events)
      guards.push(...proposed.guards)
      undoing.push(proposed.id)
    } else if (step.how === 'cancel') {
      const stopped = await cancellation(store, effect, { reason: 'the operator took it back', actor }, at)
      events.push(...stopped.events)
      guards.push(...stopped.guards)
      cancelled.push(step.effect)
    }
  }
  const retracted = await retraction(store, plan, undoing[0] ?? plan.id, actor, events.length > 0 ? { index: 0 } : null)
  events.push(...retracted.events)
  guards.push(...retracted.guards)
  await store.commit({ key: `undo:${undoing[0] ?? store.newId('undo')}`, events, guards }).catch((error: unknown) => {
    if (error instanceof ConflictError)
      throw new FactotumError('undo.changed', 'Something changed while it was taken back. Look again, then confirm.', {
        cause: error,
      })
    throw error
  })
  return { cancelled, undoing }
}

function whyNothing(plan: UndoPlan, effects: readonly EffectRow[]): string {
  if (plan.steps.length > 0) return plan.steps[0]!.why
  if (effects.some((e) => e.undoes !== null)) return 'An undo is not taken back: do anew what it took back.'
  return 'It did nothing outside.'
}
