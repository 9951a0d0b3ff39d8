import { NO_EVIDENCE } from '../context/decisions.ts'
import type { Evidence } from '../context/decisions.ts'
import { shortHash, type Json } from '../lib/json.ts'
import { newestSeq, sql, work, type Fence } from '../store/index.ts'
import type { AnyAction } from './action.ts'
import { binding, checkInput, effectGate, inputOf, look, observedOf } from './proposal.ts'
import { effectStale, effectStill, type EffectRow } from './events.ts'
import { targetOf, type Execution } from './execution.ts'

const evidenceOfLastGate = sql(
  `select evidence from gate where subject = ? and kind = 'effect' order by opened_seq desc limit 1`,
)

export interface Stale {
  readonly code: string
  readonly reason: string
  /** What is outside now, where that is what changed; else it is looked at. */
  readonly observed?: Json
}

/**
 * Asks again for an effect that has not left and whose approval no longer counts, with what is different now: one
 * commit ends the old approval and opens the new gate. The time to answer begins anew.
 */
export async function regate(
  execution: Execution,
  effect: EffectRow,
  action: AnyAction,
  fence: Fence,
  stop: AbortSignal,
  stale: Stale,
): Promise<void> {
  const { store } = execution
  const input = checkInput(action, inputOf(effect))
  const tried = { key: effect.key, token: effect.token, laneToken: null, proposedAt: effect.proposed_at }
  const { observed, unseen } =
    stale.observed === undefined
      ? await look(execution, action, input, tried, stop)
      : { observed: stale.observed, unseen: null }
  const target = targetOf(execution, action)
  const bound = binding(store, action, target, input, observed)
  const expiresAt =
    effect.expires_at === null ? null : store.clock.now() + Math.max(0, effect.expires_at - effect.proposed_at)
  const cause = await newestSeq(store, effect.id)
  const row = await store.first<{ evidence: string }>(evidenceOfLastGate(effect.id))
  const evidence = row ? (JSON.parse(row.evidence) as Evidence) : NO_EVIDENCE
  const event = effectStale(
    effect.id,
    { code: stale.code, binding: bound, version: action.version, target, expiresAt },
    { private: unseen === null ? { observed } : {}, cause },
  )
  const gate = effectGate(store, {
    effect,
    action,
    input,
    target,
    observed,
    unseen,
    binding: bound,
    evidence,
    reason: stale.reason,
    expiresAt,
    changed: differences(effect, action, target, unseen === null ? observed : observedOf(effect)),
    actor: 'system',
  })
  await store.commit({
    key: `eff:${effect.id}:${cause ?? 0}:stale`,
    events: [event, gate],
    guards: [effectStill(effect.id, effect.state, effect.token)],
    fence,
    // At its gate it holds up nobody.
    also: [work.lookAgain()],
  })
}

/** What it was when it was approved, of everything that is something else now. */
function differences(effect: EffectRow, action: AnyAction, target: string, now: Json): Json {
  const changed: Record<string, Json> = {}
  if (effect.action_version !== action.version) changed.version = effect.action_version
  if (effect.target !== null && effect.target !== target) changed.at = effect.target
  if (effect.observed !== null && shortHash(observedOf(effect)) !== shortHash(now)) changed.now = observedOf(effect)
  return Object.keys(changed).length === 0 ? null : changed
}
