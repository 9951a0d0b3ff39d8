import { errorCode, FactotumError } from '../lib/errors.ts'
import { shortHash, type Json } from '../lib/json.ts'
import type { Evidence } from '../context/decisions.ts'
import { partiesIn, type Trust, type Word } from '../context/signals.ts'
import { gateOpened, type Choice } from '../governance/gates.ts'
import type { Verdict } from '../governance/policy.ts'
import type { EventInput, Store } from '../store/index.ts'
import type { AnyAction } from './action.ts'
import { effectProposed, type EffectRow } from './events.ts'
import { observe, targetOf, type Execution, type Tried } from './execution.ts'

const EFFECT_CHOICES: readonly Choice[] = [
  { outcome: 'approve', label: 'Approve' },
  { outcome: 'edit', label: 'Edit, then approve', needs: 'value' },
  { outcome: 'reject', label: 'Reject', needs: 'reason' },
]

/** An action's input as its schema reads it. Throws `action.bad_input`, naming the first thing that is wrong. */
export function checkInput(action: AnyAction, input: unknown): Json {
  const parsed = action.input.safeParse(input)
  if (parsed.success) return parsed.data as Json
  const issue = parsed.error.issues[0]
  throw new FactotumError(
    'action.bad_input',
    `${action.action} was given input that it does not take, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}. Correct what the workflow or the operator gave it.`,
  )
}

export function titleOf(action: AnyAction, input: Json): string {
  return action.title(input as never)
}

/** What its gate shows of an effect: in the terms of where it will happen. */
export function previewOf(action: AnyAction, input: Json): Json {
  return action.preview ? action.preview(input as never) : input
}

/**
 * What an approval is for: this action, this version, through this connection, exactly this input, what was seen of it
 * and what was seen outside. Under the company's secret, so that nobody can tell from it what a short input was once
 * that is erased.
 */
export function binding(store: Store, action: AnyAction, target: string, input: Json, observed: Json): string {
  const shown = [titleOf(action, input), previewOf(action, input)]
  return store.pseudonym(shortHash([action.action, action.version, target, input, observed, shown]))
}

/** What was seen outside when it was asked for; null where it was not looked at, or could not be. */
export function observedOf(effect: EffectRow): Json {
  return effect.observed === null ? null : (JSON.parse(effect.observed) as Json)
}

export function inputOf(effect: EffectRow): Json {
  return JSON.parse(effect.input ?? 'null') as Json
}

/** How what would run now differs from what was approved, or from what ran where it takes one back; null: in nothing. */
export function differenceFromApproved(execution: Execution, effect: EffectRow, action: AnyAction): string | null {
  const input = inputOf(effect)
  const difference = `What would run now is not what was approved: ${effect.action}`
  if (effect.action_version !== action.version)
    return `${difference} is version ${action.version}, the approval was for version ${effect.action_version}.`
  const same =
    action.input.safeParse(input).success &&
    effect.binding === binding(execution.store, action, targetOf(execution, action), input, observedOf(effect))
  return same ? null : `${difference} acts elsewhere, or reads its input in another way.`
}

/** Effects of one lane leave one at a time. Lanes are a connector's own, and their names may be personal. */
export function laneOf(store: Store, action: AnyAction, input: Json): string | null {
  const lane = action.lane?.(input as never)
  return lane === undefined ? null : store.pseudonym(`${action.connector}\n${lane}`)
}

export interface Proposal {
  readonly action: AnyAction
  readonly input: unknown
  readonly run: string
  readonly workflow: string
  readonly op: string
  readonly wait: string
  readonly trust: Trust
  readonly parties: Word['parties']
  readonly holdMs: number | null
  /** How long it may wait before it leaves; null: as long as it takes. */
  readonly expiresMs: number | null
  readonly evidence: Evidence
  readonly cause: number
}

export interface Proposed {
  readonly id: string
  readonly events: readonly EventInput[]
  readonly verdict: Verdict
  readonly input: Json
}

const NEVER: AbortSignal = new AbortController().signal

/** The events that propose an effect: the intent with its verdict and, where the verdict is to ask, the gate. */
export async function propose(execution: Execution, p: Proposal): Promise<Proposed> {
  const { store } = execution
  const { action } = p
  const input = checkInput(action, p.input)
  const id = store.newId('eff')
  const now = store.clock.now()
  const cost = action.cost?.(input as never) ?? null
  const verdict = await execution.verdict({
    action: action.action,
    connector: action.connector,
    workflow: p.workflow,
    risk: action.risk,
    trust: p.trust,
    input,
    money: cost,
  })
  const refused = verdict.outcome === 'refuse'
  const { observed, unseen } = refused
    ? { observed: null, unseen: null }
    : await look(execution, action, input, { key: id, token: 0, laneToken: null, proposedAt: now })
  const target = targetOf(execution, action)
  const bound = binding(store, action, target, input, observed)
  const expiresAt = p.expiresMs === null ? null : now + p.expiresMs
  const holdMs = p.holdMs ?? action.holdMs
  const body = {
    run: p.run,
    op: p.op,
    wait: refused ? null : p.wait,
    undoes: null,
    action: action.action,
    version: action.version,
    risk: action.risk,
    reason: verdict.reason,
    key: id,
    binding: bound,
    holdMs,
    workflow: p.workflow,
    target,
    trust: p.trust,
    ...partiesIn(p),
    ...(verdict.policies.length === 0 ? {} : { policies: verdict.policies }),
    policyVersion: verdict.version,
    expiresAt,
    lane: laneOf(store, action, input),
    cost,
  }
  const options = {
    private: { input, ...(unseen === null ? { observed } : {}) },
    actor: `run:${p.run}`,
    cause: p.cause,
  }
  if (refused)
    return { id, verdict, input, events: [effectProposed(id, { ...body, state: 'refused', dueAt: null }, options)] }
  if (verdict.outcome === 'run') {
    // It waits also where nobody is asked: that is when it can still be stopped.
    const dueAt = now + (action.risk === 'read' ? 0 : holdMs)
    return { id, verdict, input, events: [effectProposed(id, { ...body, state: 'held', dueAt }, options)] }
  }
  const gate = effectGate(store, {
    effect: { id, run: p.run, workflow: p.workflow, risk: action.risk },
    action,
    input,
    target,
    observed,
    unseen,
    binding: bound,
    evidence: p.evidence,
    reason: verdict.reason,
    expiresAt,
    changed: null,
    actor: `run:${p.run}`,
  })
  return { id, verdict, input, events: [effectProposed(id, { ...body, state: 'gated', dueAt: null }, options), gate] }
}

/** Where it cannot be looked outside the operator is told so, and decides without. */
export async function look(
  execution: Execution,
  action: AnyAction,
  input: Json,
  tried: Tried,
  stop: AbortSignal = NEVER,
): Promise<{ readonly observed: Json; readonly unseen: string | null }> {
  try {
    return { observed: await observe(execution, action, input, tried, stop), unseen: null }
  } catch (error) {
    stop.throwIfAborted()
    return { observed: null, unseen: errorCode(error) }
  }
}

export interface EffectGate {
  readonly effect: Pick<EffectRow, 'id' | 'run' | 'workflow' | 'risk'>
  readonly action: AnyAction
  readonly input: Json
  readonly target: string
  readonly observed: Json
  /** Why nothing was observed, where it should have been. */
  readonly unseen: string | null
  readonly binding: string
  readonly evidence: Evidence
  readonly reason: string
  readonly expiresAt: number | null
  /** Of one that is asked for again: what it rested on before. */
  readonly changed: Json
  readonly actor: string
}

/** The gate that asks for an effect: what it is in the target's own terms, what it rests on, and whether it can be undone. */
export function effectGate(store: Store, g: EffectGate): EventInput {
  const { action, effect } = g
  return gateOpened(
    store.newId('gate'),
    {
      kind: 'effect',
      subject: effect.id,
      run: effect.run,
      template: EFFECT_CHOICES,
      evidence: g.evidence,
      binding: g.binding,
      risk: effect.risk,
      reason: g.reason,
      expiresAt: g.expiresAt,
      shape: `${effect.workflow ?? ''}|${action.action}@${action.version}`,
    },
    {
      private: {
        title: titleOf(action, g.input),
        proposal: previewOf(action, g.input),
        context: {
          at: g.target,
          reversible: action.undo !== undefined,
          ...(g.observed === null ? {} : { now: g.observed }),
          ...(g.unseen === null ? {} : { unseen: g.unseen }),
          ...(g.changed === null ? {} : { before: g.changed }),
        },
      },
      cause: { index: 0 },
      actor: g.actor,
    },
  )
}
