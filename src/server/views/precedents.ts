import { decisionById, type DecisionRow, type Evidence } from '../../context/decisions.ts'
import { factVersions } from '../../context/facts.ts'
import { findPrecedents, PRECEDENTS, type Case, type Sought } from '../../context/precedents.ts'
import { signalById, type SignalRow } from '../../context/signals.ts'
import type { GateRow } from '../../governance/gates.ts'
import type { Json } from '../../lib/json.ts'
import type { Store } from '../../store/index.ts'

/** What earlier cases of a decision are sought by. */
export async function soughtByDecision(store: Store, row: DecisionRow): Promise<Sought> {
  const signal = row.signal === null ? undefined : await store.first<SignalRow>(signalById(row.signal))
  const text = row.input ?? signal?.payload ?? null
  const entities = await entitiesOf(store, JSON.parse(row.evidence) as Evidence)
  const input = text === null ? null : (JSON.parse(text) as Json)
  return { agent: row.agent, input, entities, run: row.run, before: row.decided_seq }
}

async function entitiesOf(store: Store, { facts }: Evidence): Promise<string[]> {
  return [...new Set((await factVersions(store, facts)).map((f) => f.entity))]
}

interface Asked {
  readonly agent?: string
  readonly input?: Json
  readonly asked?: string
  readonly about?: Json
}

/** Of a decision or a question: what its agent decided before. Of an effect: what its run's last decision before it is like. */
export async function soughtByGate(store: Store, gate: GateRow): Promise<Sought | null> {
  const evidence = JSON.parse(gate.evidence) as Evidence
  if (gate.kind === 'effect') {
    for (const id of evidence.decisions.toReversed()) {
      const row = await store.first<DecisionRow>(decisionById(id))
      if (row?.run === gate.run) return soughtByDecision(store, row)
    }
    return null
  }
  const proposal = (gate.proposal === null ? {} : JSON.parse(gate.proposal)) as Asked
  const agent = gate.kind === 'decision' ? proposal.agent : gate.kind === 'question' ? proposal.asked : undefined
  if (agent === undefined) return null
  const input = proposal.input ?? proposal.about ?? null
  return { agent, input, entities: await entitiesOf(store, evidence), run: gate.run, before: gate.opened_seq }
}

export async function precedentsOfGate(store: Store, gate: GateRow, limit = PRECEDENTS): Promise<Case[]> {
  const sought = await soughtByGate(store, gate)
  return sought ? findPrecedents(store, sought, limit) : []
}
