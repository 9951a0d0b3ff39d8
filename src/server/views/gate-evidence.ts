import { decisionsBefore, NO_EVIDENCE, type DecisionRow, type Evidence } from '../../context/decisions.ts'
import { effectById, type EffectRow } from '../../execution/events.ts'
import type { GateRow } from '../../governance/gates.ts'
import { sql, type Store } from '../../store/index.ts'

const askedFor = sql(`select evidence from gate where subject = ? and kind = 'effect' order by opened_seq desc limit 1`)
const signalOfRun = sql('select signal from run where id = ?')

/**
 * What a gate rests on, as references. Where an effect stopped, or what is believed was contradicted, the gate itself holds
 * little or nothing: what led there is found when it is shown, so that nothing of it is kept twice.
 */
export async function evidenceOfGate(store: Store, gate: GateRow): Promise<Evidence> {
  const own = JSON.parse(gate.evidence) as Evidence
  if (gate.kind === 'uncertain' || gate.kind === 'dead_letter') return ofEffect(store, gate.subject)
  if (gate.kind === 'conflict' && gate.run !== null) return all([own, await ofSignal(store, gate.run)])
  return own
}

/** What its approval showed; where nobody was asked, what its run was begun by and had decided by then. */
async function ofEffect(store: Store, id: string): Promise<Evidence> {
  const asked = await store.first<{ evidence: string }>(askedFor(id))
  if (asked) return JSON.parse(asked.evidence) as Evidence
  const effect = await store.first<EffectRow>(effectById(id))
  if (!effect) return NO_EVIDENCE
  if (effect.undoes !== null) return ofEffect(store, effect.undoes)
  const decisions = await store.read<DecisionRow>(decisionsBefore(effect.run, effect.proposed_seq))
  return all([
    await ofSignal(store, effect.run),
    ...decisions.map((row) => JSON.parse(row.evidence) as Evidence),
    { ...NO_EVIDENCE, decisions: decisions.map((row) => row.id) },
  ])
}

async function ofSignal(store: Store, run: string): Promise<Evidence> {
  const signal = (await store.first<{ signal: string | null }>(signalOfRun(run)))?.signal ?? null
  return signal === null ? NO_EVIDENCE : { ...NO_EVIDENCE, signals: [signal] }
}

function all(several: readonly Evidence[]): Evidence {
  const of = (key: Exclude<keyof Evidence, 'policy'>) => [...new Set(several.flatMap((one) => one[key] ?? []))]
  return {
    signals: of('signals'),
    facts: of('facts'),
    decisions: of('decisions'),
    messages: of('messages'),
    documents: of('documents'),
    spans: of('spans'),
  }
}
