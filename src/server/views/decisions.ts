import { complaintsOf, type ComplaintRow } from '../../context/complaints.ts'
import {
  decisionById,
  opinionsOf,
  type DecisionRow,
  type Evidence,
  type Option,
  type Tier,
} from '../../context/decisions.ts'
import { effectsOfDecision, turnoutOf, worst, type Outcome } from '../../context/outcomes.ts'
import { outdated } from '../../context/staleness.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import { rowCost } from '../../orchestration/agents/report.ts'
import type { Store } from '../../store/index.ts'
import { bySeq, cursorOf, placeOf, type Page, type Paging } from './page.ts'
import { evidenceItems, staleText } from './queue.ts'

/** One line of the list. */
export interface ListedDecision {
  readonly id: string
  readonly at: number
  readonly agent: string
  readonly tier: Tier
  readonly run: string
  readonly value: Json
  readonly outcome: Outcome | null
  /** What of its premises no longer holds, in words; null: all do. */
  readonly stale: string | null
}

export interface DecisionFilter {
  readonly agent?: string | undefined
  readonly stale: boolean
  readonly outcome?: Outcome | 'open' | undefined
}

const READ_AT_ONCE = 200
/** How many a filter looks through for one page: what became of a decision is told from many records. */
const MAX_SEARCHED = 5_000

/** The newest decisions; `open`: those of which nothing became yet. */
export async function decisionList(
  store: Store,
  filter: DecisionFilter,
  { limit, cursor }: Paging,
): Promise<Page<ListedDecision>> {
  const { agent, stale, outcome } = filter
  const items: ListedDecision[] = []
  let [before] = placeOf(cursor, bySeq) ?? [Number.MAX_SAFE_INTEGER]
  for (let searched = 0; searched < MAX_SEARCHED; searched += READ_AT_ONCE) {
    const rows = await store
      .select<{ decision: DecisionRow }>()
      .selectFrom('decision')
      .selectAll()
      .where('decided_seq', '<', before)
      .$if(agent !== undefined, (d) => d.where('agent', '=', agent!))
      .orderBy('decided_seq', 'desc')
      .limit(READ_AT_ONCE)
      .execute()
    for (const row of rows) {
      if (items.length === limit) return { items, next: cursorOf([before]) }
      before = row.decided_seq
      const one = await listedDecision(store, row)
      if (stale && one.stale === null) continue
      if (outcome !== undefined && (one.outcome ?? 'open') !== outcome) continue
      items.push(one)
    }
    if (rows.length < READ_AT_ONCE) return { items, next: null }
  }
  return { items, next: cursorOf([before]) }
}

async function listedDecision(store: Store, row: DecisionRow): Promise<ListedDecision> {
  const changed = await outdated(store, row)
  return {
    id: row.id,
    at: row.decided_at,
    agent: row.agent,
    tier: row.tier,
    run: row.run,
    value: parse(row.value),
    outcome: worst(await turnoutOf(store, row, await effectsOfDecision(store, row))),
    stale: changed.length > 0 ? staleText(changed) : null,
  }
}

export async function getDecision(store: Store, id: string): Promise<DecisionRow> {
  const row = await store.first<DecisionRow>(decisionById(id))
  if (!row)
    throw new FactotumError('decision.not_found', `There is no decision ${id}. "factotum decisions" lists the newest.`)
  return row
}

/** Everything that is known of one decision. Throws `decision.not_found`. */
export async function decisionView(store: Store, id: string) {
  const row = await getDecision(store, id)
  const effects = await effectsOfDecision(store, row)
  const turnout = await turnoutOf(store, row, effects)
  const evidence = JSON.parse(row.evidence) as Evidence
  const opinions = await opinionsOf(store, id)
  return {
    id,
    at: row.decided_at,
    run: row.run,
    agent: row.agent,
    tier: row.tier,
    model: row.model,
    question: row.question,
    input: parse(row.input),
    signal: row.signal,
    value: parse(row.value),
    confidence: row.confidence,
    rationale: row.rationale,
    options: (parse(row.options) ?? []) as unknown as readonly Option[],
    opinions: opinions.map((o) => ({
      tier: o.tier,
      source: o.source,
      outcome: o.outcome,
      value: parse(o.value),
      because: o.because,
    })),
    cost: rowCost(row),
    evidence: await evidenceItems(store, evidence, row.run),
    spans: evidence.spans ?? [],
    policy: evidence.policy ?? null,
    stale: await outdated(store, row),
    effects: effects.map((e) => ({ id: e.id, action: e.action, state: e.state, at: e.proposed_at })),
    outcome: worst(turnout),
    turnout,
    corrected: parse(row.corrected),
    complaints: (await store.read<ComplaintRow>(complaintsOf(id))).map((c) => ({
      id: c.id,
      at: c.at,
      by: c.actor,
      signal: c.signal,
      reason: c.reason,
    })),
  }
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}
