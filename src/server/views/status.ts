import type { EffectRow } from '../../execution/events.ts'
import type { GateRow } from '../../governance/gates.ts'
import { pauses } from '../../governance/pause.ts'
import { brokenServices } from '../../execution/throttle.ts'
import type { RunRow } from '../../orchestration/events.ts'
import type { SignalRow } from '../../context/signals.ts'
import type { Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { dueGroups } from './facts.ts'

interface Tables {
  readonly signal: SignalRow
  readonly run: RunRow
  readonly effect: EffectRow
  readonly gate: GateRow
  readonly checkpoint: { readonly size: number; readonly at: number }
}

type Counts = Readonly<Record<string, number>>

/** How many there are in each state. */
export async function stateCounts(store: Store, table: 'signal' | 'run' | 'effect'): Promise<Counts> {
  const db = store.select<Tables>()
  const rows = await db
    .selectFrom(table)
    .select(['state', db.fn.countAll<number>().as('n')])
    .groupBy('state')
    .orderBy('state')
    .execute()
  return Object.fromEntries(rows.map((r) => [r.state, r.n]))
}

/** How many gates of each kind are open. */
export async function gateCounts(store: Store): Promise<Counts> {
  const db = store.select<Tables>()
  const rows = await db
    .selectFrom('gate')
    .select(['kind', db.fn.countAll<number>().as('n')])
    .where('state', '=', 'open')
    .groupBy('kind')
    .orderBy('kind')
    .execute()
  return Object.fromEntries(rows.map((r) => [r.kind, r.n]))
}

export async function status(c: OpenCompany) {
  const { store } = c
  const sealed = await store
    .select<Tables>()
    .selectFrom('checkpoint')
    .select(['size', 'at'])
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  return {
    company: c.company.name,
    id: store.companyId,
    store: store.engine.dialect,
    driven: c.started,
    factsDue: (await dueGroups(c)).reduce((n, group) => n + group.n, 0),
    signals: await stateCounts(store, 'signal'),
    runs: await stateCounts(store, 'run'),
    gates: await gateCounts(store),
    effects: await stateCounts(store, 'effect'),
    events: await store.engine.head(),
    sealed: sealed ? { events: sealed.size, at: sealed.at } : null,
    paused: await pauses(store),
    services: await brokenServices(store),
    witness: c.witness.enabled ? { copied: c.witness.copied, failure: c.witness.failure } : null,
    digest: c.attention.failure,
    snapshots: { failure: c.snapshots.failure, drill: await c.snapshots.lastDrill() },
    connectors: c.describeConnectors(),
  }
}
