import type { DecisionRow } from './decisions.ts'
import type { Json } from '../lib/json.ts'
import { sql, type Store } from '../store/index.ts'

/** A premise that no longer holds: which, since when, and what it is now. */
export interface Outdated {
  readonly kind: 'fact' | 'decision'
  readonly id: string
  /** The attribute of a fact, the agent of a decision. */
  readonly of: string
  readonly was: Json
  /** What holds now; null: nothing does, or it was erased. */
  readonly now: Json
  /** Epoch ms, and the event that ended it. */
  readonly since: number
  readonly seq: number
}

interface Ended {
  readonly id: string
  readonly entity: string
  readonly attribute: string
  readonly value: string | null
  readonly ended_seq: number | null
  readonly retracted_seq: number | null
}

const endedById = sql(
  `select id, entity, attribute, value, ended_seq, retracted_seq from fact
   where id = ? and (ended_seq is not null or retracted_seq is not null)`,
)
const endedPremises = sql(
  `select f.id, f.entity, f.attribute, f.value, f.ended_seq, f.retracted_seq
   from premise p join fact f on f.id = p.id
   where p.decision = ? and p.kind = 'fact' and (f.ended_seq > ? or f.retracted_seq > ?) order by f.id`,
)
const wrongPremises = sql(
  `select d.id, d.agent, d.value, d.corrected, d.retracted_seq, d.judged_seq
   from premise p join decision d on d.id = p.id
   where p.decision = ? and p.kind = 'decision' and (d.retracted_seq > ? or (d.agreed = 0 and d.judged_seq > ?)) order by d.id`,
)
const currentFact = sql(
  `select value from fact where entity = ? and attribute = ? and ended_seq is null and retracted_seq is null
     and valid_from <= ? and coalesce(valid_to, 9007199254740991) > ? order by recorded_seq desc, id limit 1`,
)
const eventAt = sql('select at, actor from event where seq = ?')

/**
 * What a decision rested on and no longer holds. A fact that its own run went on to change is not one of them, for that is
 * what the decision was for; neither is one that was said again with the same value.
 */
export async function outdated(store: Store, row: DecisionRow): Promise<Outdated[]> {
  const { id, decided_seq: seq, run } = row
  const found: Outdated[] = []
  for (const fact of await store.read<Ended>(endedPremises(id, seq, seq))) {
    const one = await outdatedFact(store, fact, run)
    if (one) found.push(one)
  }
  for (const d of await store.read<DecisionRow>(wrongPremises(id, seq, seq))) {
    const at = d.retracted_seq ?? d.judged_seq!
    const event = await store.first<{ at: number }>(eventAt(at))
    const now = d.retracted_seq === null ? parse(d.corrected) : null
    found.push({ kind: 'decision', id: d.id, of: d.agent, was: parse(d.value), now, since: event?.at ?? 0, seq: at })
  }
  return found
}

/** One fact version that a gate or a decision rests on; null while it holds. `run`: whose own changes do not count. */
export async function outdatedById(store: Store, fact: string, run: string | null): Promise<Outdated | null> {
  const row = await store.first<Ended>(endedById(fact))
  return row ? outdatedFact(store, row, run) : null
}

async function outdatedFact(store: Store, fact: Ended, run: string | null): Promise<Outdated | null> {
  const seq = fact.retracted_seq ?? fact.ended_seq!
  const event = await store.first<{ at: number; actor: string }>(eventAt(seq))
  if (!event || (fact.retracted_seq === null && event.actor === `run:${run ?? ''}`)) return null
  const time = store.clock.now()
  const current = await store.first<{ value: string | null }>(currentFact(fact.entity, fact.attribute, time, time))
  if (current && fact.value !== null && current.value === fact.value) return null
  const now = current ? parse(current.value) : null
  return { kind: 'fact', id: fact.id, of: fact.attribute, was: parse(fact.value), now, since: event.at, seq }
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}
