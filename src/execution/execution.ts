import { setTimeout as delay } from 'node:timers/promises'
import type { Recall } from '../context/recall/recall.ts'
import { FactotumError } from '../lib/errors.ts'
import { jsonCopy, type Json } from '../lib/json.ts'
import type { PolicyRequest, Verdict } from '../governance/policy.ts'
import type { EventInput, Guard, Store } from '../store/index.ts'
import { ActionError, type ActionContext, type AnyAction, type Connector, type Money } from './action.ts'
import type { EffectRow } from './events.ts'

/** What a paid effect is metered by: events and guards for the commits that it is part of. */
export interface EffectMeter {
  /** `over`: the budget that one use more would exceed. The operator's word goes over it. */
  reserve(
    effect: EffectRow,
    token: number,
    connector: string,
  ): Promise<{
    readonly events: readonly EventInput[]
    readonly guards: readonly Guard[]
    readonly over: string | null
  }>
  /** `spent`: whether the call was or may have been made. */
  settle(effect: EffectRow, spent: boolean): Promise<readonly EventInput[]>
}

/** What policies are asked about one effect; when, and what ran before it, is found out by whoever answers. */
export type VerdictRequest = Omit<PolicyRequest, 'used' | 'away' | 'at'> & {
  /** Of an effect that is proposed already: only what was proposed before it counts against a cap. */
  readonly proposedSeq?: number
}

/** What the execution of effects stands on: one company's actions, connectors, rules and meters. */
export interface Execution {
  readonly store: Store
  readonly actions: ReadonlyMap<string, AnyAction>
  readonly connectors: ReadonlyMap<string, Connector>
  /** What a connector opened. Throws `connector.not_open`. */
  readonly connection: (connector: string) => unknown
  readonly verdict: (request: VerdictRequest) => Promise<Verdict>
  /** Of the policies that hold now. */
  readonly policyVersion: () => string
  readonly meter: EffectMeter
  readonly recall: Recall
}

/** Where an action acts: the same at every start, without secrets. */
export function targetOf(execution: Execution, action: AnyAction): string {
  return execution.connectors.get(action.connector)?.target ?? action.connector
}

/** What policies say of an effect that is proposed already, were it to leave now. */
export function verdictNow(
  execution: Execution,
  effect: EffectRow,
  action: AnyAction,
  given: { readonly input: Json; readonly cost: Money | null } = {
    input: JSON.parse(effect.input ?? 'null') as Json,
    cost: effect.cost === null ? null : (JSON.parse(effect.cost) as Money),
  },
): Promise<Verdict> {
  return execution.verdict({
    action: action.action,
    connector: action.connector,
    workflow: effect.workflow,
    risk: action.risk,
    trust: effect.trust ?? 'outsider',
    input: given.input,
    money: given.cost,
    proposedSeq: effect.proposed_seq,
  })
}

export function actionOf(execution: Execution, name: string): AnyAction {
  const action = execution.actions.get(name)
  if (!action)
    throw new FactotumError(
      'action.unknown',
      `This company no longer has the action ${name}. Reject it, or bring its connector back.`,
    )
  return action
}

/** Which use of an action a call belongs to. */
export type Tried = Pick<ActionContext, 'key' | 'token' | 'laneToken' | 'proposedAt' | 'triedMsAgo'>

/** Ends with the call, the time-out or the stop, whichever is first: a call that does not listen holds up nobody. */
export async function callWithin<T>(
  execution: Execution,
  action: AnyAction,
  tried: Tried,
  stop: AbortSignal,
  call: (ctx: ActionContext) => Promise<T>,
): Promise<T> {
  stop.throwIfAborted()
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, stop])
  const stopped = new Promise<never>((_, reject) => {
    stop.addEventListener('abort', () => reject(stop.reason as Error), { signal: over.signal })
  })
  const late = delay(action.timeoutMs, undefined, { signal: over.signal, ref: false }).then(
    () => {
      throw new ActionError(
        'uncertain',
        'action.timeout',
        `${action.action} did not answer within ${action.timeoutMs} ms.`,
      )
    },
    () => new Promise<never>(() => {}),
  )
  try {
    const connection = execution.connection(action.connector)
    return await Promise.race([call({ ...tried, connection, signal }), late, stopped])
  } finally {
    over.abort()
  }
}

/** What an approval would rest on, as it is outside now; null for an action that looks at nothing. */
export async function observe(
  execution: Execution,
  action: AnyAction,
  input: Json,
  tried: Tried,
  stop: AbortSignal,
): Promise<Json> {
  if (!action.observe) return null
  const seen = await callWithin(execution, action, tried, stop, (ctx) => action.observe!(input as never, ctx))
  return jsonCopy(seen, `What ${action.action} saw`)
}
