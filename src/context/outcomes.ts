import { complaintsOf, type ComplaintRow } from './complaints.ts'
import type { DecisionRow, Evidence } from './decisions.ts'
import { consequencesOf } from './retractions.ts'
import { sql, type Store } from '../store/index.ts'

/** How a decision turned out; `rejected`: what followed from it was not let go. */
export type Outcome = 'approved' | 'edited' | 'rejected' | 'reversed' | 'complained'

/** One thing that became of a decision. */
export interface Turnout {
  readonly outcome: Outcome
  readonly at: number
  readonly by: string
  /** In words; null where none were given, or they were erased. */
  readonly why: string | null
  /** The effect, signal or event that shows it. */
  readonly from: string | null
}

/** The worst that became of it counts. */
const WEIGHT: readonly Outcome[] = ['approved', 'edited', 'rejected', 'reversed', 'complained']

const eventAt = sql('select at, actor, body, private from event where seq = ?')
const undoOf = sql(`select at, actor, body from event where stream = ? and kind = 'effect.undo@1' order by seq`)
const rejectionOf = sql(
  `select g.id, g.decided_at, g.decided_by from gate g
   where g.subject = ? and g.kind = 'effect' and g.outcome = 'reject' order by g.opened_seq desc limit 1`,
)
const decidedEvent = sql(`select private from event where stream = ? and kind = 'gate.decided@1'`)
const effectStates = sql(
  'select id, action, state, proposed_at from effect where run = ? and undoes is null order by proposed_seq',
)
const gatesOfEffects = sql(`select subject, evidence from gate where run = ? and kind = 'effect'`)

export interface EffectOf {
  readonly id: string
  readonly action: string
  readonly state: string
  readonly proposed_at: number
}

/** The effects that a decision led to: those that have it among their causes, or were shown at their gate to rest on it. */
export async function effectsOfDecision(store: Store, row: DecisionRow): Promise<EffectOf[]> {
  const effects = await store.read<EffectOf>(effectStates(row.run))
  if (effects.length === 0) return []
  const { followed } = await consequencesOf(store, [row.id], [row.run])
  const of = new Set(followed)
  for (const gate of await store.read<{ subject: string; evidence: string }>(gatesOfEffects(row.run)))
    if ((JSON.parse(gate.evidence) as Evidence).decisions.includes(row.id)) of.add(gate.subject)
  return effects.filter((e) => of.has(e.id))
}

/** Everything that became of a decision, oldest first. Told from what is recorded anyway, and from complaints. */
export async function turnoutOf(store: Store, row: DecisionRow, effects: readonly EffectOf[]): Promise<Turnout[]> {
  const all = [...(await judged(store, row)), ...(await retracted(store, row))]
  for (const effect of effects) all.push(...(await endOf(store, effect)))
  for (const c of await store.read<ComplaintRow>(complaintsOf(row.id)))
    all.push({ outcome: 'complained', at: c.at, by: c.actor, why: c.reason, from: c.signal })
  return all.sort((a, b) => a.at - b.at)
}

export function worst(turnout: readonly Turnout[]): Outcome | null {
  return turnout.reduce<Outcome | null>(
    (most, { outcome }) => (most === null || WEIGHT.indexOf(outcome) > WEIGHT.indexOf(most) ? outcome : most),
    null,
  )
}

interface Told {
  readonly at: number
  readonly actor: string
  readonly body: string
  readonly private: string | null
}

/** That the operator gave an answer does not say that it was right. */
async function judged(store: Store, row: DecisionRow): Promise<Turnout[]> {
  if (row.judged_seq === null || (row.tier === 'operator' && row.judged_by === 'answer')) return []
  const event = await store.first<Told>(eventAt(row.judged_seq))
  if (!event) return []
  const outcome = row.agreed === 1 ? 'approved' : 'edited'
  return [{ outcome, at: event.at, by: event.actor, why: reasonIn(event.private), from: null }]
}

async function retracted(store: Store, row: DecisionRow): Promise<Turnout[]> {
  const event = row.retracted_seq === null ? undefined : await store.first<Told>(eventAt(row.retracted_seq))
  if (!event) return []
  const { because } = JSON.parse(event.body) as { because: string }
  return [{ outcome: 'reversed', at: event.at, by: event.actor, why: because, from: null }]
}

async function endOf(store: Store, effect: EffectOf): Promise<Turnout[]> {
  if (effect.state === 'rejected') {
    const gate = await store.first<{ id: string; decided_at: number; decided_by: string }>(rejectionOf(effect.id))
    if (!gate) return []
    const decided = await store.first<{ private: string | null }>(decidedEvent(gate.id))
    const why = reasonIn(decided?.private ?? null)
    return [{ outcome: 'rejected', at: gate.decided_at, by: gate.decided_by, why, from: effect.id }]
  }
  if (effect.state !== 'undone') return []
  const events = await store.read<Told>(undoOf(effect.id))
  const done = events.findLast((e) => (JSON.parse(e.body) as { state: string }).state === 'undone')
  if (!done) return []
  return [
    { outcome: 'reversed', at: done.at, by: events[0]!.actor, why: `${effect.action} was undone`, from: effect.id },
  ]
}

function reasonIn(text: string | null): string | null {
  return text === null ? null : ((JSON.parse(text) as { reason?: string | null }).reason ?? null)
}
