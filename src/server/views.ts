import { sql, type EventRow, type Store } from '../store/index.ts'
import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { decisionById, type DecisionRow, type Evidence } from '../context/decisions.ts'
import { factVersions } from '../context/facts.ts'
import { messageById, type MessageRow } from '../context/conversations.ts'
import { signalById, type SignalRow } from '../context/signals.ts'
import { effectsOfRun, type EffectRow } from '../execution/events.ts'
import { gateById, type Choice, type GateRow } from '../governance/gates.ts'
import { toLink, type Link } from '../governance/why.ts'
import type { RunRow } from '../orchestration/events.ts'
import type { OpenCompany } from './open.ts'

const countBy = (table: string) => sql(`select state, count(*) as n from ${table} group by state order by state`)
const COUNTS = { signals: countBy('signal'), runs: countBy('run'), effects: countBy('effect') } as const
const openGates = sql(`select * from gate where state = 'open' order by opened_at, id limit 1000`)
const gateCounts = sql(`select kind, count(*) as n from gate where state = 'open' group by kind order by kind`)
const newestSeal = sql('select size, at from checkpoint order by size desc limit 1')

type Counts = Readonly<Record<string, number>>

async function counts(store: Store, query: ReturnType<typeof sql>, by: string): Promise<Counts> {
  const rows = await store.read<Record<string, string | number>>(query())
  return Object.fromEntries(rows.map((r) => [String(r[by]), Number(r.n)]))
}

export async function status(c: OpenCompany) {
  const { store } = c
  const sealed = await store.first<{ size: number; at: number }>(newestSeal())
  return {
    company: c.company.name,
    id: store.companyId,
    store: store.engine.dialect,
    driven: c.started,
    signals: await counts(store, COUNTS.signals, 'state'),
    runs: await counts(store, COUNTS.runs, 'state'),
    gates: await counts(store, gateCounts, 'kind'),
    effects: await counts(store, COUNTS.effects, 'state'),
    events: await store.engine.head(),
    sealed: sealed ? { events: sealed.size, at: sealed.at } : null,
    witness: c.witness.enabled ? { copied: c.witness.copied, failure: c.witness.failure } : null,
    connectors: c.describeConnectors(),
  }
}

export interface EvidenceItem {
  readonly kind: 'signal' | 'fact' | 'decision' | 'message'
  readonly id: string
  readonly text: string
}

export interface QueueItem {
  readonly id: string
  readonly kind: GateRow['kind']
  readonly title: string
  readonly proposal: Json
  readonly choices: readonly Choice[]
  readonly risk: string | null
  readonly reason: string
  readonly evidence: readonly EvidenceItem[]
  readonly binding: string | null
  readonly run: string | null
  readonly openedAt: number
  readonly ifIgnored: string
}

export async function queueItems(store: Store): Promise<QueueItem[]> {
  const gates = await store.read<GateRow>(openGates())
  return Promise.all(gates.map((gate) => queueItem(store, gate)))
}

export async function queueItem(store: Store, gate: GateRow): Promise<QueueItem> {
  return {
    id: gate.id,
    kind: gate.kind,
    title: gate.title ?? '(erased)',
    proposal: gate.proposal === null ? null : (JSON.parse(gate.proposal) as Json),
    choices: JSON.parse(gate.template) as Choice[],
    risk: gate.risk,
    reason: gate.reason,
    evidence: await evidenceItems(store, JSON.parse(gate.evidence) as Evidence),
    binding: gate.binding,
    run: gate.run,
    openedAt: gate.opened_at,
    ifIgnored: 'nothing happens: it waits here',
  }
}

/** What was shown, looked up by reference: what has been erased since is not shown again. */
async function evidenceItems(store: Store, evidence: Evidence): Promise<EvidenceItem[]> {
  const items: EvidenceItem[] = []
  for (const id of evidence.signals) {
    const row = await store.first<SignalRow>(signalById(id))
    if (row) items.push({ kind: 'signal', id, text: describeSignal(row) })
  }
  for (const fact of await factVersions(store, evidence.facts)) {
    items.push({
      kind: 'fact',
      id: fact.id,
      text: `${fact.attribute} = ${fact.value ?? '(erased)'} (${fact.trust}, from ${fact.source ?? fact.actor})`,
    })
  }
  for (const id of evidence.decisions) {
    const row = await store.first<DecisionRow>(decisionById(id))
    if (row)
      items.push({
        kind: 'decision',
        id,
        text: `${row.agent}: ${brief(row.value ?? '(erased)', 120)}, by ${row.tier}: ${row.rationale ?? ''}`,
      })
  }
  for (const id of evidence.messages) {
    const row = await store.first<MessageRow>(messageById(id))
    if (row)
      items.push({
        kind: 'message',
        id,
        text: `${row.direction === 'in' ? 'from' : 'to'} ${row.party ?? '(erased)'}: ${brief(row.text ?? '', 120)}`,
      })
  }
  return items
}

function describeSignal(row: SignalRow): string {
  if (row.payload === null) return `${row.kind} (erased)`
  const payload = JSON.parse(row.payload) as { from?: unknown; subject?: unknown; text?: unknown }
  if (typeof payload.subject !== 'string') return `${row.kind}: ${brief(row.payload, 200)}`
  return `${row.trust} ${typeof payload.from === 'string' ? payload.from : ''}: "${payload.subject}": ${brief(typeof payload.text === 'string' ? payload.text : '', 200)}`
}

function brief(text: string, max: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > max ? `${line.slice(0, max)}…` : line
}

const newestRuns = sql('select * from run order by started_seq desc limit ?')
const newestRunsIn = sql('select * from run where state = ? order by started_seq desc limit ?')

export async function runList(store: Store, state: string | undefined, limit: number) {
  const rows = await store.read<RunRow>(state === undefined ? newestRuns(limit) : newestRunsIn(state, limit))
  return rows.map((r) => ({
    id: r.id,
    workflow: r.workflow,
    version: r.version,
    state: r.state,
    startedAt: r.started_at,
    endedAt: r.ended_at,
    error: r.error,
    parent: r.parent,
  }))
}

const newestSignals = sql('select * from signal order by received_seq desc limit ?')
const newestSignalsIn = sql('select * from signal where state = ? order by received_seq desc limit ?')

export async function signalList(store: Store, state: string | undefined, limit: number) {
  const rows = await store.read<SignalRow>(state === undefined ? newestSignals(limit) : newestSignalsIn(state, limit))
  return rows.map((r) => ({
    id: r.id,
    kind: r.kind,
    state: r.state,
    trust: r.trust,
    receivedAt: r.received_at,
    reason: r.reason,
    text: describeSignal(r),
  }))
}

/** One line of a run's story, with what happened to what it started below it. */
export interface TimelineNode extends Link {
  readonly children: readonly TimelineNode[]
}

export interface Timeline {
  readonly run: RunRow
  readonly nodes: readonly TimelineNode[]
}

const streamEvents = sql('select * from event where stream = ? order by seq')
const runsOfParent = sql('select * from run where parent = ? order by started_seq')
const gatesOf = sql('select id from gate where run = ? order by opened_seq')

/** A run as a tree: its own events in order, and under each the effects, gates and children that it opened. */
export async function timeline(store: Store, run: RunRow): Promise<Timeline> {
  const effects = await store.read<EffectRow>(effectsOfRun(run.id))
  const children = await store.read<RunRow>(runsOfParent(run.id))
  const own = (await store.read<EventRow>(streamEvents(run.id))).map(toLink)
  const subjects = new Map<string, TimelineNode[]>()
  for (const effect of effects) subjects.set(effect.id, await linksOf(store, effect.id))
  for (const { id } of await store.read<{ id: string }>(gatesOf(run.id))) {
    const gate = await store.first<GateRow>(gateById(id))
    const links = await linksOf(store, id)
    const owner = gate && subjects.get(gate.subject)
    if (owner) owner.push(...links)
    else subjects.set(id, links)
  }
  for (const child of children) subjects.set(child.id, [...(await timeline(store, child)).nodes])
  const nodes: TimelineNode[] = []
  for (const link of own) {
    const subject = link.kind === 'wait.opened@1' ? link.body.subject : null
    const opened = typeof subject === 'string' ? (subjects.get(subject) ?? []) : await recordedWith(store, link)
    nodes.push({ ...link, children: opened.sort((a, b) => a.seq - b.seq) })
  }
  return { run, nodes }
}

const eventAt = sql('select * from event where seq = ?')

/** The decisions and facts that a step recorded: what its cause leads through before it is the run's own again. */
async function recordedWith(store: Store, step: Link): Promise<TimelineNode[]> {
  const found: TimelineNode[] = []
  if (!step.kind.startsWith('step.')) return found
  for (let { cause } = step; cause !== null;) {
    const row = await store.first<EventRow>(eventAt(cause))
    if (!row || row.stream === step.stream) break
    found.push({ ...toLink(row), children: [] })
    cause = row.cause
  }
  return found
}

async function linksOf(store: Store, stream: string): Promise<TimelineNode[]> {
  return (await store.read<EventRow>(streamEvents(stream))).map((row) => ({ ...toLink(row), children: [] }))
}

const TABLES = { gate: 'gate', run: 'run' } as const
const like = {
  gate: sql(`select id from gate where id like ? limit 2`),
  run: sql(`select id from run where id like ? limit 2`),
}
const streamLike = sql('select distinct stream as id from event where stream like ? limit 2')
const SHORTEST = 4

/** A whole id, or any part of it (at least four characters) that only one has. Throws `id.not_found`, `id.ambiguous`. */
export async function resolveId(store: Store, table: keyof typeof TABLES | null, id: string): Promise<string> {
  if (table === null && /^\d+$/.test(id)) return id
  const plain = /^[\w:.@-]+$/.test(id)
  // What every id of a kind begins with tells none of them apart.
  const part = id.replace(/^(run|gate|eff|sig|dec|ent|conv|fact|sch)(_|$)/, '').replaceAll('_', '')
  if (!plain || part.length < SHORTEST)
    throw new FactotumError(
      'id.not_found',
      `"${id}" is not an id. Give the whole id, or at least ${SHORTEST} characters of it.`,
    )
  const query = table === null ? streamLike : like[table]
  const exact = await store.read<{ id: string }>(query(id))
  const found = exact.some((r) => r.id === id) ? [{ id }] : await store.read<{ id: string }>(query(`%${id}%`))
  if (found.length === 1) return found[0]!.id
  if (found.length > 1)
    throw new FactotumError(
      'id.ambiguous',
      `More than one ${table ?? 'record'} has "${id}" in its id. Give more of it.`,
    )
  throw new FactotumError('id.not_found', `There is no ${table ?? 'record'} "${id}".`)
}
