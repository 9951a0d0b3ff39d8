import type { Json } from '../lib/json.ts'
import { eventKind, sql, type EventInput, type EventRow, type Guard, type Store } from '../store/index.ts'
import type { Trust } from './signals.ts'
import { factGuard, type FactRow } from './facts.ts'
import type { DecisionRow } from './decisions.ts'

const retractFact = sql(
  'update fact set retracted_seq = ?, ended_seq = coalesce(ended_seq, ?), valid_to = valid_from where id = ?',
)
const restoreFact = sql(
  `insert into fact (id, entity, attribute, value, valid_from, valid_to, recorded_seq, ended_seq, trust, actor, source)
   values (?, ?, ?, ?, ?, null, ?, null, ?, ?, ?)`,
)
const retractDecision = sql('update decision set retracted_seq = ? where id = ?')

interface Restored {
  readonly fact: string
  readonly attribute: string
  readonly validFrom: number
  readonly trust: Trust
  /** The version whose value holds again. */
  readonly of: string
}

/** A fact that should not have been believed: it never held, and what it had replaced holds again. */
const factRetracted = eventKind<
  { readonly fact: string; readonly restores: Restored | null },
  { readonly value: Json }
>('fact.retracted@1', (e) => [
  retractFact(e.seq, e.seq, e.body.fact),
  ...(e.body.restores === null
    ? []
    : [
        restoreFact(
          e.body.restores.fact,
          e.stream,
          e.body.restores.attribute,
          e.private && JSON.stringify(e.private.value),
          e.body.restores.validFrom,
          e.seq,
          e.body.restores.trust,
          e.actor,
          e.body.restores.of,
        ),
      ]),
])

/** A choice that no longer counts: it stays on the record, and nobody learns from it. */
const decisionRetracted = eventKind<{ readonly because: string }>('decision.retracted@1', (e) => [
  retractDecision(e.seq, e.stream),
])

export interface Consequences {
  readonly facts: readonly {
    readonly id: string
    readonly entity: string
    readonly attribute: string
    readonly value: Json
    /** What holds again; undefined: nothing is known then. */
    readonly again?: Json
  }[]
  readonly decisions: readonly { readonly id: string; readonly agent: string; readonly value: Json }[]
  /** Effects that followed and are not taken back with it: the operator may want to look at them. */
  readonly followed: readonly string[]
}

const factsOfSource = sql('select * from fact where source = ? and retracted_seq is null')
const factsOfRun = sql('select * from fact where actor = ? and recorded_seq > ? and retracted_seq is null')
const decisionsOfRun = sql(
  'select * from decision where run = ? and decided_seq >= ? and retracted_seq is null order by decided_seq',
)
const effectsOfRun = sql('select id, proposed_seq from effect where run = ? and undoes is null order by proposed_seq')
const firstOf = sql('select seq from event where stream = ? order by seq limit 1')
const eventAt = sql('select seq, kind, stream, cause, body from event where seq = ?')
const factById = sql('select * from fact where id = ?')

/**
 * What was believed and decided because of these (effects or decisions, by id) in these runs: everything that has one
 * of them among its causes, or says that it rests on it.
 */
export async function consequencesOf(
  store: Store,
  roots: readonly string[],
  runs: readonly string[],
): Promise<Consequences> {
  if (roots.length === 0) return { facts: [], decisions: [], followed: [] }
  const firsts = await Promise.all(roots.map((id) => store.first<{ seq: number }>(firstOf(id))))
  const from = Math.min(...firsts.map((row) => row?.seq ?? Infinity))
  const follows = tracer(store, new Set(roots), from)
  const facts = new Map<string, FactRow>()
  for (const root of roots) for (const row of await store.read<FactRow>(factsOfSource(root))) facts.set(row.id, row)
  const decisions: DecisionRow[] = []
  const followed: string[] = []
  for (const run of runs) {
    for (const row of await store.read<FactRow>(factsOfRun(`run:${run}`, from)))
      if (await follows(row.recorded_seq)) facts.set(row.id, row)
    for (const row of await store.read<DecisionRow>(decisionsOfRun(run, from)))
      if (roots.includes(row.id) || (await follows(row.decided_seq))) decisions.push(row)
    for (const row of await store.read<{ id: string; proposed_seq: number }>(effectsOfRun(run)))
      if (row.proposed_seq > from && !roots.includes(row.id) && (await follows(row.proposed_seq))) followed.push(row.id)
  }
  const all = [...facts.values()].sort((a, b) => b.recorded_seq - a.recorded_seq)
  return {
    facts: await Promise.all(all.map((fact) => toConsequence(store, fact, facts))),
    decisions: decisions.map((d) => ({ id: d.id, agent: d.agent, value: parse(d.value) })),
    followed,
  }
}

async function toConsequence(store: Store, fact: FactRow, gone: ReadonlyMap<string, FactRow>) {
  const shown = { id: fact.id, entity: fact.entity, attribute: fact.attribute, value: parse(fact.value) }
  const before = await predecessor(store, fact, gone)
  return before ? { ...shown, again: parse(before.value) } : shown
}

/** Walks causes up to a root. What is asked more than once is walked once. */
function tracer(store: Store, roots: ReadonlySet<string>, from: number): (seq: number) => Promise<boolean> {
  const known = new Map<number, boolean>()
  return async (start) => {
    const path: number[] = []
    let found = false
    for (let seq: number | null = start; seq !== null && seq >= from;) {
      const before = known.get(seq)
      if (before !== undefined) {
        found = before
        break
      }
      path.push(seq)
      const row: Pick<EventRow, 'stream' | 'cause'> | undefined = await store.first(eventAt(seq))
      if (!row || roots.has(row.stream)) {
        found = row !== undefined
        break
      }
      seq = row.cause !== null && row.cause < seq ? row.cause : null
    }
    for (const seq of path) known.set(seq, found)
    return found
  }
}

/** The version that a fact replaced, passing over those that are taken back with it. */
async function predecessor(
  store: Store,
  fact: FactRow,
  gone: ReadonlyMap<string, unknown>,
): Promise<FactRow | undefined> {
  if (fact.ended_seq !== null) return undefined
  for (let at: FactRow | undefined = fact; at;) {
    const event = await store.first<Pick<EventRow, 'kind' | 'body'>>(eventAt(at.recorded_seq))
    if (event?.kind !== 'fact.asserted@1') return undefined
    const { ends } = JSON.parse(event.body) as { ends: string | null }
    at = ends === null ? undefined : await store.first<FactRow>(factById(ends))
    if (at && at.retracted_seq === null && !gone.has(at.id)) return at
  }
  return undefined
}

/**
 * The events that take consequences back, caused by the event at `cause` of the same commit. A fact that is replaced by
 * now stays replaced; nothing comes back for it.
 */
export async function retraction(
  store: Store,
  consequences: Consequences,
  because: string,
  actor: string,
  cause: EventInput['cause'] = null,
): Promise<{ readonly events: EventInput[]; readonly guards: Guard[] }> {
  const events: EventInput[] = []
  const guards: Guard[] = []
  const rows = await Promise.all(consequences.facts.map((f) => store.first<FactRow>(factById(f.id))))
  const gone = new Map(consequences.facts.map((f) => [f.id, true] as const))
  const restored = new Set<string>()
  for (const fact of rows) {
    if (!fact || fact.retracted_seq !== null) continue
    const before = await predecessor(store, fact, gone)
    const again = before && !restored.has(`${before.entity} ${before.attribute}`) ? before : undefined
    if (again) restored.add(`${again.entity} ${again.attribute}`)
    const restores = again && {
      fact: store.newId('fact'),
      attribute: again.attribute,
      validFrom: again.valid_from,
      trust: again.trust,
      of: again.id,
    }
    events.push(
      factRetracted(
        fact.entity,
        { fact: fact.id, restores: restores ?? null },
        { private: { value: parse(again?.value ?? null) }, actor, cause },
      ),
    )
    if (fact.ended_seq === null) guards.push(factGuard(fact.entity, fact.attribute, fact.id))
  }
  for (const { id } of consequences.decisions) events.push(decisionRetracted(id, { because }, { actor, cause }))
  return { events, guards }
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}

export const RETRACTION_EVENTS = [factRetracted, decisionRetracted]
