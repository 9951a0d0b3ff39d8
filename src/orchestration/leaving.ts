import { gateById, gateClosed, gateStillOpen, type GateRow } from '../governance/gates.ts'
import {
  effectById,
  effectSettled,
  effectStill,
  effectUndo,
  mayHaveHappened,
  type EffectRow,
} from '../execution/events.ts'
import { sql, stillOpen, waitClosed, type EventInput, type Guard, type Store, type WaitRow } from '../store/index.ts'

const openWaits = sql(`select id, run, op, kind, subject, state from wait where run = ? and state = 'open'`)
const gateOfEffect = sql(`select * from gate where subject = ? and kind = 'effect' and state = 'open'`)

export interface Leaving {
  readonly events: EventInput[]
  readonly guards: Guard[]
  /** Children that were waited for: they are cancelled too, each in a commit of its own. */
  readonly children: string[]
}

/**
 * What must be closed when a run no longer waits for what it opened: its waits, the gates that ask for it, and effects
 * that have not left. What has left is not touched; it is on the record. `only`: these of its waits.
 */
export async function leaveWaits(
  store: Store,
  run: string,
  because: string,
  only?: ReadonlySet<string>,
): Promise<Leaving> {
  const out: Leaving = { events: [], guards: [], children: [] }
  for (const wait of await store.read<WaitRow>(openWaits(run))) {
    if (only && !only.has(wait.id)) continue
    out.events.push(waitClosed(run, { wait: wait.id, op: wait.op }))
    out.guards.push(stillOpen(wait.id))
    if (wait.subject === null) continue
    if (wait.kind === 'child') out.children.push(wait.subject)
    if (wait.kind === 'gate') await closeGate(store, out, wait.subject, because)
    if (wait.kind === 'effect') await dropEffect(store, out, wait.subject, because)
  }
  return out
}

async function closeGate(store: Store, out: Leaving, id: string, because: string): Promise<void> {
  const gate = await store.first<GateRow>(gateById(id))
  if (gate?.state !== 'open') return
  out.events.push(gateClosed(id, { because }))
  out.guards.push(gateStillOpen(id))
}

async function dropEffect(store: Store, out: Leaving, id: string, because: string): Promise<void> {
  const effect = await store.first<EffectRow>(effectById(id))
  // One that may have happened goes on to its end; one whose tries certainly did nothing is not tried again.
  const waits = effect?.state === 'gated' || effect?.state === 'held' || effect?.state === 'retrying'
  if (!waits || (await mayHaveHappened(store, id))) return
  out.events.push(
    effectSettled(
      id,
      { state: 'cancelled', code: null, token: effect.token },
      { private: { output: null, error: because } },
    ),
  )
  if (effect.undoes !== null) out.events.push(effectUndo(effect.undoes, { state: 'undo_failed', by: id }))
  out.guards.push(effectStill(id, effect.state, effect.token))
  const gate = await store.first<GateRow>(gateOfEffect(id))
  if (gate) await closeGate(store, out, gate.id, because)
}
