import { decisionById, type DecisionRow, type Tier } from './decisions.ts'
import { versionOf, type VersionRow } from './documents/documents.ts'
import { sharedWords, textIn } from './likeness.ts'
import { effectsOfDecision, turnoutOf, worst, type Outcome } from './outcomes.ts'
import { lower, signalById, type SignalRow, type Trust } from './signals.ts'
import { outdated } from './staleness.ts'
import { factVersions } from './facts.ts'
import type { Evidence } from './decisions.ts'
import type { Json } from '../lib/json.ts'
import { sql, type Store } from '../store/index.ts'

/** One earlier decision in a case like this one. */
export interface Precedent {
  readonly id: string
  /** Epoch ms. */
  readonly at: number
  readonly agent: string
  readonly tier: Tier
  /** Null once it was erased. */
  readonly value: Json
  readonly because: string | null
  /** 0 to 1: how like what it was about is. */
  readonly likeness: number
  /** It was about the same entity. */
  readonly same: boolean
  /** How it turned out; null: nobody has said yet. */
  readonly outcome: Outcome | null
  /** Something that it rested on no longer holds. */
  readonly stale: boolean
}

/** Which case, and by what it was found: what a run's record keeps of it. */
export type Case = Pick<Precedent, 'id' | 'likeness' | 'same' | 'outcome' | 'stale'>

export interface Sought {
  /** The agent, or the name under which the operator was asked. */
  readonly agent: string
  readonly input: Json
  /** Cases of these entities come first. */
  readonly entities?: readonly string[]
  /** What a run decided itself is no precedent for it. */
  readonly run?: string | null
  /** Cases decided before this event. */
  readonly before?: number
}

/** The newest that are looked at. */
const CANDIDATES = 500
/** Less is a word that nearly all have. */
const LEAST_LIKENESS = 0.05
export const PRECEDENTS = 5

type Candidate = DecisionRow & { readonly payload: string | null }

const candidates = sql(
  `select d.*, s.payload from decision d left join signal s on s.id = d.signal
   where d.agent = ? and d.run <> ? and d.decided_seq < ? order by d.decided_seq desc limit ${CANDIDATES}`,
)
const restOn = sql(
  `select distinct p.decision as id from fact f join premise p on p.id = f.id and p.kind = 'fact' where f.entity = ?`,
)
const saidBy = sql(
  `select distinct m.id from entity_key k join message m on m.party_key = k.lookup where k.entity = ? and m.direction = 'in'`,
)

/** The cases most like this one: the same entity's first, then by likeness; what has hardly a word in common is none. */
export async function findPrecedents(store: Store, sought: Sought, limit = PRECEDENTS): Promise<Case[]> {
  const rows = await store.read<Candidate>(
    candidates(sought.agent, sought.run ?? '', sought.before ?? Number.MAX_SAFE_INTEGER),
  )
  const texts = rows.map((r) => textIn(parse(r.input ?? r.payload)))
  const likeness = sharedWords(textIn(sought.input), texts)
  const own = await ofEntities(store, sought.entities ?? [])
  const ranked = rows
    .map((row, i) => ({ row, likeness: likeness[i]!, same: own.has(row.id) || own.has(row.signal ?? '') }))
    .filter((c) => c.same || c.likeness >= LEAST_LIKENESS)
    .sort((a, b) => Number(b.same) - Number(a.same) || b.likeness - a.likeness || b.row.decided_seq - a.row.decided_seq)
    .slice(0, limit)
  return Promise.all(
    ranked.map(async ({ row, likeness, same }) => {
      const outcome = worst(await turnoutOf(store, row, await effectsOfDecision(store, row)))
      const stale = (await outdated(store, row)).length > 0
      return { id: row.id, likeness: Math.round(likeness * 1_000) / 1_000, same, outcome, stale }
    }),
  )
}

/** Decisions that rest on what is known of these entities, and signals that came from them. */
async function ofEntities(store: Store, entities: readonly string[]): Promise<ReadonlySet<string>> {
  const own = new Set<string>()
  for (const entity of entities)
    for (const query of [restOn(entity), saidBy(entity)])
      for (const { id } of await store.read<{ id: string }>(query)) own.add(id)
  return own
}

/** Cases with what was decided, read by reference: what was erased since is not there any more. */
export async function readPrecedents(store: Store, cases: readonly Case[]): Promise<Precedent[]> {
  const rows = await Promise.all(cases.map((c) => store.first<DecisionRow>(decisionById(c.id))))
  return cases.flatMap((found, i) => {
    const row = rows[i]
    if (!row) return []
    const { agent, tier, decided_at: at, rationale: because } = row
    return [{ ...found, at, agent, tier, value: parse(row.value), because }]
  })
}

/** The lowest label of what these decisions rested on: what they say derives from it. */
export async function trustOfDecisions(store: Store, ids: readonly string[]): Promise<Trust> {
  let trust: Trust = 'operator'
  // A decision that rests on others derives from what they rest on.
  const all = new Set(ids)
  for (const id of all) {
    // There is no lower one.
    if (trust === 'outsider') break
    const row = await store.first<DecisionRow>(decisionById(id))
    if (!row) continue
    const { signals, facts, messages, decisions, documents = [] } = JSON.parse(row.evidence) as Evidence
    for (const decision of decisions) all.add(decision)
    for (const document of documents) trust = lower(trust, await trustOfDocument(store, document))
    for (const s of signals) trust = lower(trust, (await store.first<SignalRow>(signalById(s)))?.trust ?? 'outsider')
    for (const fact of await factVersions(store, facts)) trust = lower(trust, fact.trust)
    if (messages.length > 0) trust = 'outsider'
  }
  return trust
}

async function trustOfDocument(store: Store, document: string): Promise<Trust> {
  const [id = '', version] = document.split('@')
  return (await store.first<VersionRow>(versionOf(id, Number(version))))?.trust ?? 'outsider'
}

/** `3 like it: 2 approved, 1 edited`. */
export function inOneLine(cases: readonly Case[]): string {
  const counts = new Map<string, number>()
  for (const { outcome } of cases) {
    const said = outcome === null ? 'not judged' : outcome === 'complained' ? 'complained about' : outcome
    counts.set(said, (counts.get(said) ?? 0) + 1)
  }
  const stale = cases.filter((c) => c.stale).length
  const parts = [...counts].map(([said, n]) => `${n} ${said}`)
  return `${cases.length} like it: ${parts.join(', ')}${stale > 0 ? `; ${stale} stale` : ''}`
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}
