import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { judgedBy, type Evidence } from '../context/decisions.ts'
import { gateClosed, gateStillOpen, type GateRow, type Gates } from '../governance/gates.ts'
import {
  answerWait,
  ConflictError,
  newestSeq,
  sql,
  type EventInput,
  type Fence,
  type Guard,
  type Store,
} from '../store/index.ts'
import { actionOf, targetOf, verdictNow, type Execution } from './execution.ts'
import { binding, checkInput, inputOf, laneOf, observedOf } from './proposal.ts'
import {
  effectById,
  effectHeld,
  effectRevised,
  effectSettled,
  effectStill,
  effectUndo,
  mayHaveHappened,
  type EffectRow,
  type EffectState,
} from './events.ts'

/** What `ctx.act` answers with. A rejection is a value, and an operator's edit comes back in `input`. */
export interface EffectResult<I = unknown, O = unknown> {
  readonly id: string
  readonly state: EffectState
  readonly input: I
  readonly output: O | null
  /** Why it was rejected, or how it failed. */
  readonly reason: string | null
}

export async function getEffect(store: Store, id: string): Promise<EffectRow> {
  const row = await store.first<EffectRow>(effectById(id))
  if (!row) throw new FactotumError('effect.not_found', `There is no effect ${id}.`)
  return row
}

/** Tells the run that waits for an effect how it ended. */
export function answerEffect(
  store: Store,
  effect: EffectRow,
  result: { state: EffectState; input?: Json; output?: Json; reason?: string | null },
  actor: string,
): Promise<{ events: EventInput[]; guards: Guard[] }> {
  const value = {
    id: effect.id,
    state: result.state,
    input: result.input ?? (JSON.parse(effect.input ?? 'null') as Json),
    output: result.output ?? null,
    reason: result.reason ?? null,
  }
  return answerWait(store, effect.wait, value, { actor, cause: { index: 0 } })
}

const openGateOf = sql(`select * from gate where subject = ? and kind = 'effect' and state = 'open'`)

/** Whether it is certain that nothing was done yet, so that it can still be stopped. */
export async function canBeStopped(store: Store, effect: EffectRow): Promise<boolean> {
  const waits = effect.state === 'gated' || effect.state === 'held' || effect.state === 'retrying'
  return waits && !(await mayHaveHappened(store, effect.id))
}

/**
 * The events that stop an effect which has not left, close its gate and tell its run. `at`: where among the events of
 * their commit they stand.
 */
export async function cancellation(
  store: Store,
  effect: EffectRow,
  by: { readonly reason: string | null; readonly actor: string },
  at = 0,
): Promise<{ readonly events: EventInput[]; readonly guards: Guard[] }> {
  const { id } = effect
  const { actor, reason } = by
  const cause = { index: at }
  const gate = await store.first<GateRow>(openGateOf(id))
  const answer = await answerEffect(store, effect, { state: 'cancelled', reason }, actor)
  const settled = effectSettled(
    id,
    { state: 'cancelled', code: null, token: effect.token },
    {
      private: { output: null, error: reason },
      actor,
      cause: await newestSeq(store, id),
    },
  )
  const closed = gate ? [gateClosed(gate.id, { because: 'cancelled' }, { actor, cause })] : []
  const undo =
    effect.undoes === null ? [] : [effectUndo(effect.undoes, { state: 'undo_failed', by: id }, { actor, cause })]
  return {
    events: [settled, ...closed, ...undo, ...answer.events.map((e) => ({ ...e, cause }))],
    guards: [effectStill(id, effect.state, effect.token), ...(gate ? [gateStillOpen(gate.id)] : []), ...answer.guards],
  }
}

/**
 * Stops an effect that has not left, and tells its run, in one commit: it goes on with an effect that is `cancelled`.
 * Throws `effect.not_found`, and `effect.left` where it has left, may have, or has ended.
 */
export async function cancelEffect(store: Store, id: string, reason: string | null, actor = 'operator'): Promise<void> {
  for (;;) {
    const effect = await getEffect(store, id)
    if (!(await canBeStopped(store, effect)))
      throw new FactotumError(
        'effect.left',
        `Effect ${id} is ${effect.state}${effect.state === 'retrying' ? ' after a try that may have happened' : ''}: it cannot be stopped any more.`,
      )
    try {
      await store.commit({ key: `eff:${id}:cancel`, ...(await cancellation(store, effect, { reason, actor })) })
      return
    } catch (error) {
      // It moved between reading and committing: look again whether it can still be stopped.
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

/** Ends an effect that nobody approved, or that could not leave, in time. Nothing was done. */
export async function expireEffect(store: Store, effect: EffectRow, fence: Fence): Promise<void> {
  const gate = await store.first<GateRow>(openGateOf(effect.id))
  const reason = gate ? 'Nobody decided in time: it was not done.' : 'It could not leave in time: it was not done.'
  const cause = await newestSeq(store, effect.id)
  const settled = effectSettled(
    effect.id,
    { state: 'expired', code: 'effect.expired', token: effect.token },
    { private: { output: null, error: reason }, cause },
  )
  const answer = await answerEffect(store, effect, { state: 'expired', reason }, 'system')
  await store.commit({
    key: `eff:${effect.id}:expire`,
    events: [
      settled,
      ...(gate ? [gateClosed(gate.id, { because: 'expired' }, { cause: { index: 0 } })] : []),
      ...answer.events,
    ],
    guards: [
      effectStill(effect.id, effect.state, effect.token),
      ...(gate ? [gateStillOpen(gate.id)] : []),
      ...answer.guards,
    ],
    fence,
  })
}

/** What deciding an effect's gate leads to. Edit and approve is one commit: revise, then hold what was revised. */
export function registerEffectGate(execution: Execution, gates: Gates): void {
  const { store } = execution
  gates.on('effect', async (gate, decision) => {
    const effect = await getEffect(store, gate.subject)
    const actor = decision.by ?? 'operator'
    const guards = [effectStill(effect.id, 'gated', effect.token)]
    if (decision.outcome === 'reject') {
      const answer = await answerEffect(store, effect, { state: 'rejected', reason: decision.reason ?? null }, actor)
      const settled = effectSettled(
        effect.id,
        { state: 'rejected', code: null, token: effect.token },
        { private: { output: null, error: decision.reason ?? null }, actor },
      )
      return {
        events: [settled, ...answer.events.map((e) => ({ ...e, cause: { index: 1 } }))],
        guards: [...guards, ...answer.guards],
      }
    }
    const held = effectHeld(
      effect.id,
      {
        dueAt: store.clock.now() + effect.hold_ms,
        token: effect.token,
        approved: true,
        expiresAt: effect.expires_at,
      },
      { actor },
    )
    const evidence = JSON.parse(gate.evidence) as Evidence
    if (decision.outcome === 'approve')
      return { events: [held, ...(await judgedBy(store, evidence, effect.run))], guards }
    const edited = await editedEffect(execution, effect, decision.value ?? null)
    const judged = await judgedBy(store, evidence, effect.run, { was: inputOf(effect), is: edited.input })
    const revised = effectRevised(effect.id, edited.event, { private: { input: edited.input }, actor })
    return { events: [revised, { ...held, cause: { index: 1 } }, ...judged], guards }
  })
}

/** The operator's own version of an effect. Policies are heard again: what they refuse is not done by editing it. */
async function editedEffect(execution: Execution, effect: EffectRow, value: Json) {
  const action = actionOf(execution, effect.action)
  const input = checkInput(action, value)
  const cost = action.cost?.(input as never) ?? null
  const verdict = await verdictNow(execution, effect, action, { input, cost })
  if (verdict.outcome === 'refuse')
    throw new FactotumError(
      'policy.refused',
      `What it would be after your edit is refused: ${verdict.reason}. Change the edit, or the policy.`,
    )
  const target = effect.target ?? targetOf(execution, action)
  const bound = binding(execution.store, action, target, input, observedOf(effect))
  const key = effect.token === 0 ? null : `${effect.id}:${effect.token}`
  return { input, event: { binding: bound, cost, lane: laneOf(execution.store, action, input), key } }
}
