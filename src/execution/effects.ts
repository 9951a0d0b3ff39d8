import { FactotumError } from '../lib/errors.ts'
import { shortHash, type Json } from '../lib/json.ts'
import type { Evidence } from '../context/decisions.ts'
import { gateClosed, gateOpened, gateStillOpen, type Choice, type GateRow, type Gates } from '../governance/gates.ts'
import { verdict } from '../governance/policy.ts'
import { answerWait, ConflictError, sql, type EventInput, type Guard, type Store } from '../store/index.ts'
import type { AnyAction } from './action.ts'
import {
  effectById,
  effectHeld,
  effectProposed,
  effectRevised,
  effectSettled,
  effectStill,
  effectUndo,
  mayHaveHappened,
  newestEvent,
  type EffectRow,
  type EffectState,
} from './events.ts'

const EFFECT_CHOICES: readonly Choice[] = [
  { outcome: 'approve', label: 'Approve' },
  { outcome: 'edit', label: 'Edit, then approve', needs: 'value' },
  { outcome: 'reject', label: 'Reject', needs: 'reason' },
]

/** What `ctx.act` answers with. A rejection is a value, and an operator's edit comes back in `input`. */
export interface EffectResult<I = unknown, O = unknown> {
  readonly id: string
  readonly state: EffectState
  readonly input: I
  readonly output: O | null
  /** Why it was rejected, or how it failed. */
  readonly reason: string | null
}

/**
 * What an approval is for: this action, this version, exactly this input. Under the company's secret, so that nobody can
 * tell from it what a short input was once that is erased.
 */
export function binding(store: Store, action: string, version: number, input: Json): string {
  return store.pseudonym(shortHash([action, version, input]))
}

/** An action's input as its schema reads it. Throws `action.bad_input`, naming the first thing that is wrong. */
function checkInput(action: AnyAction, input: unknown): Json {
  const parsed = action.input.safeParse(input)
  if (parsed.success) return parsed.data as Json
  const issue = parsed.error.issues[0]
  throw new FactotumError(
    'action.bad_input',
    `${action.action} was given input that it does not take, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}. Correct what the workflow or the operator gave it.`,
  )
}

export interface Proposal {
  readonly action: AnyAction
  readonly input: unknown
  readonly run: string
  readonly op: string
  readonly wait: string
  readonly holdMs: number | null
  readonly evidence: Evidence
  readonly undoes?: EffectRow
  readonly cause: number
}

/** The events that propose an effect: the intent with its verdict and, where the verdict is to ask, the gate. */
export function propose(store: Store, p: Proposal): { readonly id: string; readonly events: EventInput[] } {
  const input = p.undoes ? (JSON.parse(p.undoes.input ?? 'null') as Json) : checkInput(p.action, p.input)
  const id = store.newId('eff')
  const name = p.action.action
  const decided = p.undoes
    ? { outcome: 'run' as const, reason: 'default: a run may take back what it did itself' }
    : verdict(p.action.risk)
  const holdMs = p.undoes ? 0 : (p.holdMs ?? p.action.holdMs)
  const bound = binding(store, name, p.action.version, input)
  const body = {
    run: p.run,
    op: p.op,
    wait: p.wait,
    undoes: p.undoes?.id ?? null,
    action: name,
    version: p.action.version,
    risk: p.action.risk,
    reason: decided.reason,
    key: p.undoes ? `${p.undoes.key}:undo` : id,
    binding: bound,
    holdMs,
  }
  const options = { private: { input }, actor: `run:${p.run}`, cause: p.cause }
  if (decided.outcome === 'run') {
    const dueAt = store.clock.now()
    return { id, events: [effectProposed(id, { ...body, state: 'held', dueAt }, options)] }
  }
  const gate = gateOpened(
    store.newId('gate'),
    {
      kind: 'effect',
      subject: id,
      run: p.run,
      template: EFFECT_CHOICES,
      evidence: p.evidence,
      binding: bound,
      risk: p.action.risk,
      reason: decided.reason,
    },
    {
      private: { title: titleOf(p.action, input), proposal: previewOf(p.action, input) },
      cause: { index: 0 },
      actor: `run:${p.run}`,
    },
  )
  return { id, events: [effectProposed(id, { ...body, state: 'gated', dueAt: null }, options), gate] }
}

export function titleOf(action: AnyAction, input: Json): string {
  return action.title(input as never)
}

function previewOf(action: AnyAction, input: Json): Json {
  return action.preview ? action.preview(input as never) : input
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

/**
 * Stops an effect that has not left, and tells its run, in one commit: it goes on with an effect that is `cancelled`.
 * Throws `effect.not_found`, and `effect.left` where it has left, may have, or has ended.
 */
export async function cancelEffect(store: Store, id: string, reason: string | null, actor = 'operator'): Promise<void> {
  for (;;) {
    const effect = await getEffect(store, id)
    const waits = ['gated', 'held', 'retrying'].includes(effect.state)
    if (!waits || (await mayHaveHappened(store, id)))
      throw new FactotumError(
        'effect.left',
        `Effect ${id} is ${effect.state}${waits ? ' after a try that may have happened' : ''}: it cannot be stopped any more.`,
      )
    const gate = await store.first<GateRow>(openGateOf(id))
    const answer = await answerEffect(store, effect, { state: 'cancelled', reason }, actor)
    const settled = effectSettled(
      id,
      { state: 'cancelled', code: null, token: effect.token },
      {
        private: { output: null, error: reason },
        actor,
        cause: (await store.first<{ seq: number }>(newestEvent(id)))!.seq,
      },
    )
    const undo =
      effect.undoes === null
        ? []
        : [effectUndo(effect.undoes, { state: 'undo_failed', by: id }, { actor, cause: { index: 0 } })]
    const closed = gate ? [gateClosed(gate.id, { because: 'cancelled' }, { actor, cause: { index: 0 } })] : []
    try {
      await store.commit({
        key: `eff:${id}:cancel`,
        events: [settled, ...closed, ...undo, ...answer.events],
        guards: [
          effectStill(id, effect.state, effect.token),
          ...(gate ? [gateStillOpen(gate.id)] : []),
          ...answer.guards,
        ],
      })
      return
    } catch (error) {
      // It moved between reading and committing: look again whether it can still be stopped.
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

/** What deciding an effect's gate leads to. Edit and approve is one commit: revise, then hold what was revised. */
export function registerEffectGate(store: Store, gates: Gates, actions: ReadonlyMap<string, AnyAction>): void {
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
    const held = effectHeld(effect.id, { dueAt: store.clock.now() + effect.hold_ms, token: effect.token }, { actor })
    if (decision.outcome === 'approve') return { events: [held], guards }
    const action = actions.get(effect.action)
    if (!action)
      throw new FactotumError(
        'action.unknown',
        `This company no longer has the action ${effect.action}. Reject it, or bring its connector back.`,
      )
    const input = checkInput(action, decision.value)
    const revised = effectRevised(
      effect.id,
      { binding: binding(store, effect.action, effect.action_version, input) },
      { private: { input }, actor },
    )
    return { events: [revised, { ...held, cause: { index: 1 } }], guards }
  })
}
