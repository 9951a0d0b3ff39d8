import type { Json } from '../lib/json.ts'
import { eventKind, sql, type EventInput, type EventRow, type Guard, type Store } from '../store/index.ts'
import { Beliefs, type Cut } from './facts/beliefs.ts'
import { factRetracted } from './facts/events.ts'
import { factVersions, type FactRow } from './facts/rows.ts'
import type { DecisionRow } from './decisions.ts'

const retractDecision = sql('update decision set retracted_seq = ? where id = ?')

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

/** The row by which it was said, not what is left of it elsewhere. */
const SAID = '(origin is null or origin = id)'
const factsOfSource = sql(`select * from fact where source = ? and retracted_seq is null and ${SAID}`)
const factsOfRun = sql(`select * from fact where actor = ? and recorded_seq > ? and retracted_seq is null and ${SAID}`)
const decisionsOfRun = sql(
  'select * from decision where run = ? and decided_seq >= ? and retracted_seq is null order by decided_seq',
)
const effectsOfRun = sql('select id, proposed_seq from effect where run = ? and undoes is null order by proposed_seq')
const firstOf = sql('select seq from event where stream = ? order by seq limit 1')
const eventAt = sql('select seq, kind, stream, cause, body from event where seq = ?')

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
    facts: await toConsequences(store, all),
    decisions: decisions.map((d) => ({ id: d.id, agent: d.agent, value: parse(d.value) })),
    followed,
  }
}

/** What holds again where a statement is taken back: the newest piece of what comes back, where it is still believed. */
async function toConsequences(store: Store, statements: readonly FactRow[]): Promise<Consequences['facts']> {
  const { cuts } = await withdrawal(store, statements)
  const shown = []
  for (const fact of statements) {
    const keeps = [...cuts.get(fact.id)!.keeps].sort((a, b) => a.from - b.from)
    const [again] = keeps.length === 0 ? [] : await factVersions(store, [keeps.at(-1)!.of])
    const { id, entity, attribute } = fact
    const value = parse(fact.value)
    shown.push(again ? { id, entity, attribute, value, again: parse(again.value) } : { id, entity, attribute, value })
  }
  return shown
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

/** What taking these statements back does to what is believed, one by one, newest first. */
async function withdrawal(store: Store, statements: readonly FactRow[]): Promise<Withdrawal> {
  const gone = new Set(statements.map((row) => row.id))
  const wholes = new Map<string, Beliefs>()
  const cuts = new Map<string, Cut>()
  for (const { id, entity, attribute, slot } of statements) {
    const of = `${entity} ${attribute} ${slot}`
    const beliefs = wholes.get(of) ?? (await Beliefs.read(store, entity, attribute, slot))
    wholes.set(of, beliefs)
    cuts.set(id, await beliefs.takeBack(id, (origin) => gone.has(origin)))
  }
  return { cuts, guards: [...wholes.values()].flatMap((beliefs) => beliefs.guards()) }
}

interface Withdrawal {
  readonly cuts: ReadonlyMap<string, Cut>
  readonly guards: readonly Guard[]
}

/**
 * The events that take consequences back, caused by the event at `cause` of the same commit. Where a fact is replaced
 * by now it stays replaced; elsewhere, what it had replaced holds again.
 */
export async function retraction(
  store: Store,
  consequences: Consequences,
  because: string,
  actor: string,
  cause: EventInput['cause'] = null,
): Promise<{ readonly events: EventInput[]; readonly guards: Guard[] }> {
  const rows = await factVersions(
    store,
    consequences.facts.map((f) => f.id),
  )
  const statements = rows.filter((row) => row.retracted_seq === null)
  const { cuts, guards } = await withdrawal(store, statements)
  const events = statements.map((row) =>
    factRetracted(
      row.entity,
      {
        attribute: row.attribute,
        fact: row.id,
        trust: 'operator',
        maker: 'operator',
        source: because,
        ...cuts.get(row.id)!,
      },
      { private: { reason: null }, actor, cause },
    ),
  )
  for (const { id } of consequences.decisions) events.push(decisionRetracted(id, { because }, { actor, cause }))
  return { events, guards: [...guards] }
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}

export const RETRACTION_EVENTS = [decisionRetracted]
