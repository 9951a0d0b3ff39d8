import type { SignalRow, SignalState } from '../../context/signals.ts'
import type { EffectRow, EffectState } from '../../execution/events.ts'
import type { RunRow, RunState } from '../../orchestration/events.ts'
import type { Store } from '../../store/index.ts'
import { describeSignal } from './queue.ts'

/** The newest runs; all of them, or those in one state. */
export function runList(store: Store, state: string | undefined, limit: number) {
  return store
    .select<{ run: RunRow }>()
    .selectFrom('run')
    .select(['id', 'workflow', 'version', 'state', 'started_at as startedAt', 'ended_at as endedAt', 'error', 'parent'])
    .$if(state !== undefined, (runs) => runs.where('state', '=', state as RunState))
    .orderBy('started_seq', 'desc')
    .limit(limit)
    .execute()
}

/** The newest signals; all of them, or those in one state. */
export async function signalList(store: Store, state: string | undefined, limit: number) {
  const rows = await store
    .select<{ signal: SignalRow }>()
    .selectFrom('signal')
    .selectAll()
    .$if(state !== undefined, (signals) => signals.where('state', '=', state as SignalState))
    .orderBy('received_seq', 'desc')
    .limit(limit)
    .execute()
  return rows.map((r) => ({
    id: r.id,
    kind: r.kind,
    state: r.state,
    trust: r.trust,
    receivedAt: r.received_at,
    reason: r.reason,
    text: describeSignal(r),
  }))
}

/** The newest effects; all of them, or those in one state. What they were given is read with `why`. */
export function effectList(store: Store, state: string | undefined, limit: number) {
  return store
    .select<{ effect: EffectRow }>()
    .selectFrom('effect')
    .select([
      'id',
      'action',
      'state',
      'risk',
      'run',
      'workflow',
      'undoes',
      'due_at as dueAt',
      'proposed_at as proposedAt',
      'settled_at as settledAt',
      'approved_by as approvedBy',
      'error',
    ])
    .$if(state !== undefined, (effects) => effects.where('state', '=', state as EffectState))
    .orderBy('proposed_seq', 'desc')
    .limit(limit)
    .execute()
}
