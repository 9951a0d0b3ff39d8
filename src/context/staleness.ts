import type { DecisionRow } from './decisions.ts'
import { factsOf, factVersions, family, originOf, saidSeq, type FactRow } from './facts.ts'
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

/** What ended since, and what may count for less by now: it is still believed of a part of a merged entity. */
const doubtfulPremises = sql(
  `select f.* from premise p join fact f on f.id = p.id
   where p.decision = ? and p.kind = 'fact' and (f.ended_seq > ? or f.retracted_seq > ? or (f.ended_seq is null
     and exists (select 1 from entity_merge m where m.split_seq is null and (m.entity = f.entity or m.into_entity = f.entity))))
   order by f.id`,
)
const wrongPremises = sql(
  `select d.id, d.agent, d.value, d.corrected, d.retracted_seq, d.judged_seq
   from premise p join decision d on d.id = p.id
   where p.decision = ? and p.kind = 'decision' and (d.retracted_seq > ? or (d.agreed = 0 and d.judged_seq > ?)) order by d.id`,
)
const joinedAt = sql('select merged_seq as seq from entity_merge where entity = ? and split_seq is null')
const eventAt = sql('select at, actor from event where seq = ?')

/**
 * What a decision rested on and no longer holds. A fact that its own run went on to change is not one of them, for that is
 * what the decision was for; neither is one that was said again with the same value.
 */
export async function outdated(store: Store, row: DecisionRow): Promise<Outdated[]> {
  const { id, decided_seq: seq, run } = row
  const found: Outdated[] = []
  for (const fact of await store.read<FactRow>(doubtfulPremises(id, seq, seq))) {
    const one = await outdatedFact(store, fact, run, seq)
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
  const [row] = await factVersions(store, [fact])
  return row ? outdatedFact(store, row, run) : null
}

/** Since `after`, another value counts for the whole that the entity is now, or, of a set, this one is no longer in it. */
async function outdatedFact(store: Store, fact: FactRow, run: string | null, after = -1): Promise<Outdated | null> {
  const { members } = await family(store, fact.entity)
  const ended = fact.retracted_seq ?? fact.ended_seq
  if (ended === null && members.length === 1) return null
  const rows = await factsOf(store, members, { valid: store.clock.now(), recorded: null })
  const here = rows.filter((row) => row.attribute === fact.attribute)
  const current = here.find((row) => row.slot === fact.slot) ?? (await correctedIn(store, fact, here))
  if (current && fact.value !== null && current.value === fact.value) return null
  let seq = ended
  if (seq === null) {
    if (!current || current.id === fact.id) return null
    seq = Math.max(saidSeq(current), ...(await Promise.all(members.map((m) => seqOf(store, m)))))
    if (seq <= after) return null
  }
  const event = await store.first<{ at: number; actor: string }>(eventAt(seq))
  if (!event || (fact.retracted_seq === null && event.actor === `run:${run ?? ''}`)) return null
  const now = current ? parse(current.value) : null
  return { kind: 'fact', id: fact.id, of: fact.attribute, was: parse(fact.value), now, since: event.at, seq }
}

/** What a value of a set was corrected to, where that is believed. */
async function correctedIn(store: Store, fact: FactRow, rows: readonly FactRow[]): Promise<FactRow | undefined> {
  const [origin] = await factVersions(store, [originOf(fact)])
  return origin && rows.find((row) => originOf(row) === origin.corrected_by)
}

async function seqOf(store: Store, member: string): Promise<number> {
  return (await store.first<{ seq: number }>(joinedAt(member)))?.seq ?? -1
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}
