import { sql, type Store } from '../../store/index.ts'
import type { Json } from '../../lib/json.ts'
import { decisionById, type DecisionRow, type Evidence } from '../../context/decisions.ts'
import { versionOf, type VersionRow } from '../../context/documents/documents.ts'
import { factVersions, getConflict, quotedWords, type FactRow, type QuoteSpan } from '../../context/facts.ts'
import { parseSpan } from '../../context/recall/citation.ts'
import { inOneLine, type Case } from '../../context/precedents.ts'
import { outdated, outdatedById, type Outdated } from '../../context/staleness.ts'
import { messageById, type MessageRow } from '../../context/conversations.ts'
import { signalById, type SignalRow } from '../../context/signals.ts'
import { conflictProposal, whereFrom } from './facts.ts'
import { evidenceOfGate } from './gate-evidence.ts'
import { choicesOf, type Choice, type GateRow } from '../../governance/gates.ts'
import { precedentsOfGate } from './precedents.ts'

export interface EvidenceItem {
  readonly kind: 'signal' | 'fact' | 'decision' | 'document' | 'message'
  readonly id: string
  /** Where it is read: the entity of a fact, a document without its version, else the thing itself. */
  readonly record: string
  readonly text: string
  /** What of it no longer holds, in words; null: it holds. */
  readonly stale: string | null
}

export interface QueueItem {
  readonly id: string
  readonly kind: GateRow['kind']
  /** Whether it is still to be decided, and else what was said. */
  readonly state: GateRow['state']
  readonly outcome: string | null
  readonly title: string
  readonly proposal: Json
  readonly choices: readonly Choice[]
  readonly risk: string | null
  readonly reason: string
  readonly evidence: readonly EvidenceItem[]
  readonly binding: string | null
  readonly run: string | null
  readonly openedAt: number
  readonly expiresAt: number | null
  /** Until when it was put off; null: it was not, or it is back. */
  readonly snoozedUntil: number | null
  readonly ifIgnored: string
  /** Where it acts, what it rests on outside, and what changed since it was asked before. */
  readonly context: Json
  /** What the operator said to the last ones of its shape: `approved 7 of the last 9`. Null for the first of them. */
  readonly record: string | null
  /** What was decided before in cases like it, and how that turned out; null where there are none. */
  readonly precedents: { readonly text: string; readonly cases: readonly Case[] } | null
  /** The budget that it would go over as things stand, in words: to approve it is to let it. */
  readonly overBudget: string | null
  /** Gates of one shape may be decided together. */
  readonly shape: string | null
}

/** Evidence is looked up whole with `why`. */
const MAX_TEXT = 2_000
const MAX_QUOTE = 600

/** What an effect's gate would go over. */
export type OverBudget = (gate: GateRow) => Promise<string | null>

export async function queueItem(store: Store, gate: GateRow, overBudget: OverBudget): Promise<QueueItem> {
  const found = await precedentsOfGate(store, gate)
  return {
    id: gate.id,
    kind: gate.kind,
    state: gate.state,
    outcome: gate.outcome,
    title: gate.title ?? '(erased)',
    proposal: await proposalOf(store, gate),
    choices: choicesOf(gate),
    risk: gate.risk,
    reason: gate.reason,
    evidence: await evidenceItems(store, await evidenceOfGate(store, gate), gate.run),
    precedents: found.length === 0 ? null : { text: inOneLine(found), cases: found },
    binding: gate.binding,
    run: gate.run,
    openedAt: gate.opened_at,
    expiresAt: gate.expires_at,
    snoozedUntil: gate.snoozed_until !== null && gate.snoozed_until > store.clock.now() ? gate.snoozed_until : null,
    ifIgnored: ifIgnored(gate),
    context: gate.context === null ? null : (JSON.parse(gate.context) as Json),
    overBudget: gate.kind === 'effect' ? await overBudget(gate) : null,
    record: gate.shape === null ? null : await recordOf(store, gate.shape),
    shape: gate.shape,
  }
}

/** A conflict's gate holds nothing of what either side says: that is looked up, so that what is erased is gone. */
async function proposalOf(store: Store, gate: GateRow): Promise<Json> {
  const conflict = gate.kind === 'conflict' ? await getConflict(store, gate.subject) : undefined
  if (conflict) return conflictProposal(store, conflict)
  return gate.proposal === null ? null : (JSON.parse(gate.proposal) as Json)
}

function ifIgnored(gate: GateRow): string {
  if (gate.expires_at === null) return 'nothing happens: it waits here'
  const at = `${new Date(gate.expires_at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  if (gate.kind !== 'question') return `it expires on ${at}, and nothing is done`
  const { otherwise = null } = JSON.parse(gate.proposal ?? '{}') as { readonly otherwise?: Json }
  return `on ${at} its run goes on with ${otherwise === null ? 'no answer' : brief(JSON.stringify(otherwise), 120)}`
}

const LAST = 20
const lastOfShape = sql(
  `select outcome from gate where shape = ? and state = 'decided' order by opened_seq desc limit ${LAST}`,
)
const SAID: Readonly<Record<string, string>> = { approve: 'approved', edit: 'edited', reject: 'rejected' }

/** The operator's own record with gates like this one, in numbers and not in percent: few say little. */
async function recordOf(store: Store, shape: string): Promise<string | null> {
  const rows = await store.read<{ outcome: string }>(lastOfShape(shape))
  if (rows.length === 0) return null
  const counts = new Map<string, number>()
  for (const { outcome } of rows) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  const parts = [...counts].map(([outcome, n]) => `${SAID[outcome] ?? outcome} ${n}`)
  return `of the last ${rows.length} like it: ${parts.join(', ')}`
}

/** What was shown, looked up by reference: what has been erased since is not shown again. `run`: whose it is. */
export async function evidenceItems(store: Store, evidence: Evidence, run: string | null): Promise<EvidenceItem[]> {
  const items: EvidenceItem[] = []
  const spans = (evidence.spans ?? []).map(parseSpan).filter((span) => span !== undefined)
  const cited = (id: string) => spans.filter((span) => `${span.source}@${span.version}` === id)
  for (const id of evidence.signals) {
    const row = await store.first<SignalRow>(signalById(id))
    if (row) items.push({ kind: 'signal', id, record: id, text: describeSignal(row), stale: null })
  }
  for (const fact of await factVersions(store, evidence.facts)) {
    const changed = await outdatedById(store, fact.id, run)
    const where = await whereFrom(store, fact)
    items.push({
      kind: 'fact',
      id: fact.id,
      record: fact.entity,
      text: `${fact.attribute} = ${brief(fact.value === null ? '(erased)' : inWords(JSON.parse(fact.value) as Json), MAX_TEXT)} (${fact.trust}, ${where.of ?? where.maker})${await saidIn(store, fact)}`,
      stale: changed && staleText([changed]),
    })
  }
  for (const id of evidence.decisions) {
    const row = await store.first<DecisionRow>(decisionById(id))
    if (!row) continue
    const changed = await outdated(store, row)
    items.push({
      kind: 'decision',
      id,
      record: id,
      text: `${row.agent}: ${brief(row.value === null ? '(erased)' : inWords(JSON.parse(row.value) as Json), 120)}, by ${row.tier}: ${brief(row.rationale ?? '', MAX_TEXT)}`,
      stale: changed.length > 0 ? staleText(changed) : null,
    })
  }
  for (const id of evidence.documents ?? []) {
    const [document, version] = id.split('@')
    const row = await store.first<VersionRow>(versionOf(document!, Number(version)))
    if (row)
      items.push({
        kind: 'document',
        id,
        record: document!,
        text: `${row.title ?? '(erased)'}: ${shown(row.text, cited(id))}`,
        stale: null,
      })
  }
  for (const id of evidence.messages) {
    const row = await store.first<MessageRow>(messageById(id))
    if (row)
      items.push({
        kind: 'message',
        id,
        record: id,
        text: `${row.direction === 'in' ? 'from' : 'to'} ${row.party ?? '(erased)'}: ${shown(row.text, cited(`${id}@0`))}`,
        stale: null,
      })
  }
  return items
}

/** The words that were cited, each in quotes; where there are none, how the text begins. */
function shown(text: string | null, spans: readonly { readonly start: number; readonly end: number }[]): string {
  if (text === null || spans.length === 0) return brief(text ?? '', 120)
  return spans.map(({ start, end }) => `"${brief(text.slice(start, end), MAX_QUOTE)}"`).join(' … ')
}

/** The words by which a fact was said, from the message that has them. */
async function saidIn(store: Store, { span }: FactRow): Promise<string> {
  if (span === null) return ''
  const quote = JSON.parse(span) as QuoteSpan
  const words = quotedWords(store, quote, (await store.first<MessageRow>(messageById(quote.message)))?.text ?? null)
  return words === null ? '' : `: "${brief(words, MAX_QUOTE)}"`
}

/** `plan is "pro" since 2026-12-01 10:00 UTC, it was "free"`. */
export function staleText(changed: readonly Outdated[]): string {
  return changed
    .map((o) => {
      const since = `since ${new Date(o.since).toISOString().slice(0, 16).replace('T', ' ')} UTC`
      const now = o.now === null ? 'no longer holds' : `is ${brief(JSON.stringify(o.now), 120)}`
      return `${o.of} ${now} ${since}, it was ${o.was === null ? '(erased)' : brief(JSON.stringify(o.was), 120)}`
    })
    .join('; ')
}

export function describeSignal(row: SignalRow): string {
  if (row.payload === null) return `${row.kind} (erased)`
  const payload = JSON.parse(row.payload) as { from?: unknown; subject?: unknown; text?: unknown }
  if (typeof payload.subject !== 'string') return `${row.kind}: ${brief(row.payload, 200)}`
  const [from, said] = [payload.from, payload.text].map((text) => (typeof text === 'string' ? brief(text, 200) : ''))
  return `${row.trust} ${from}: "${brief(payload.subject, 200)}": ${said}`
}

/** A value as one reads it: texts without quotes, an object as its names and what they are. */
function inWords(value: Json): string {
  if (typeof value === 'string') return value
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return value.map(inWords).join(', ')
  return Object.entries(value)
    .map(([name, of]) => `${name} ${of !== null && typeof of === 'object' ? JSON.stringify(of) : inWords(of)}`)
    .join(', ')
}

function brief(text: string, max: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > max ? `${line.slice(0, max)}…` : line
}
