import type { Json } from '../lib/json.ts'
import { eventKind, sql } from '../store/index.ts'

/** Who may decide, cheapest first. */
export type Tier = 'rule' | 'learned' | 'light' | 'heavy' | 'operator'

/** References to exactly what a decision was shown: ids, never copies of text. */
export interface Evidence {
  readonly signals: readonly string[]
  readonly facts: readonly string[]
  readonly decisions: readonly string[]
  readonly messages: readonly string[]
}

export const NO_EVIDENCE: Evidence = { signals: [], facts: [], decisions: [], messages: [] }

const insertDecision = sql(
  `insert into decision (id, run, op, agent, tier, value, confidence, rationale, evidence, decided_at, decided_seq)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)

export const decisionMade = eventKind<
  {
    readonly run: string
    readonly op: string
    readonly agent: string
    readonly tier: Tier
    /** 0 to 1; null where whoever decided gave none. */
    readonly confidence: number | null
    readonly evidence: Evidence
    /** The tiers asked before this one, and why each did not decide. */
    readonly passed: readonly string[]
  },
  { readonly value: Json; readonly rationale: string }
>('decision.made@1', (e) => [
  insertDecision(
    e.stream,
    e.body.run,
    e.body.op,
    e.body.agent,
    e.body.tier,
    e.private && JSON.stringify(e.private.value),
    e.body.confidence,
    e.private?.rationale,
    JSON.stringify(e.body.evidence),
    e.at,
    e.seq,
  ),
])

export interface DecisionRow {
  readonly id: string
  readonly run: string
  readonly op: string
  readonly agent: string
  readonly tier: Tier
  readonly value: string | null
  readonly confidence: number | null
  readonly rationale: string | null
  readonly evidence: string
  readonly decided_at: number
  readonly decided_seq: number
}

export const decisionById = sql('select * from decision where id = ?')

export const DECISION_EVENTS = [decisionMade]
