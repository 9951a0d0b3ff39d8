import { shortHash, type Json } from '../lib/json.ts'
import { eventKind, sql, type Bound, type EventInput, type Store } from '../store/index.ts'

/** Who may decide, cheapest first. */
export type Tier = 'rule' | 'learned' | 'light' | 'heavy' | 'operator'

/** References to exactly what a decision was shown: ids, never copies of text. */
export interface Evidence {
  readonly signals: readonly string[]
  readonly facts: readonly string[]
  readonly decisions: readonly string[]
  readonly messages: readonly string[]
  /** `<document>@<version>`. Absent where there are none, as before there were any. */
  readonly documents?: readonly string[]
  /** Passages that were cited: `<source>@<version>:<start>-<end>`, version 0 for a message. */
  readonly spans?: readonly string[]
  /** The version of the policies that held. */
  readonly policy?: string
}

/** What else could have been chosen. */
export interface Option {
  readonly value: Json
  /** Null: nobody said. */
  readonly whyNot: string | null
}

export const NO_EVIDENCE: Evidence = { signals: [], facts: [], decisions: [], messages: [] }

/** How a use is paid for: by the token, as a computed share of something paid otherwise, or out of a quota. */
export type CostMeter = 'billed' | 'imputed' | 'quota'

/** What a use cost. */
export interface Cost {
  /** Millionths of the currency's unit. */
  readonly micros: number
  /** ISO 4217; `XXX` (no currency) where nothing has a price. */
  readonly currency: string
  readonly meter: CostMeter
  readonly tokensIn: number
  readonly tokensOut: number
}

/** What one tier thought, without its value and reasons, which are erasable. */
export interface Opinion {
  readonly tier: Tier
  /** Which rule, model or service. */
  readonly source: string
  /** As it claimed, 0 to 1; null where it has none. */
  readonly confidence: number | null
  /** As its track record lets it be believed. */
  readonly calibrated: number | null
  readonly cost: Cost | null
  readonly outcome: 'decided' | 'passed' | 'failed'
  /** Whether the decision became what it said; null while that is open, or where it said nothing. */
  readonly same: boolean | null
  /** Ids of what its tools read. */
  readonly reads: readonly string[]
}

/** The erasable part of an opinion; null where a tier said nothing. */
export type Said = { readonly value: Json; readonly because: string; readonly options?: readonly Option[] } | null

const insertDecision = sql(
  `insert into decision (id, run, op, agent, tier, value, confidence, rationale, evidence, decided_at, decided_seq,
     signal, input, model, cost_micros, cost_currency, cost_meter, tokens_in, tokens_out, question, options)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const insertPremise = sql('insert into premise (decision, kind, id) values (?, ?, ?)')
const putOpinion = sql(
  `insert into opinion (decision, n, agent, tier, source, outcome, confidence, calibrated, value, because, reads,
     cost_micros, cost_currency, cost_meter, tokens_in, tokens_out, same, at, seq)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (decision, n) do update set same = excluded.same`,
)
const judgeDecision = sql('update decision set judged_by = ?, agreed = ?, corrected = ?, judged_seq = ? where id = ?')
const judgeOpinion = sql('update opinion set agreed = ?, judged_seq = ? where decision = ? and n = ?')

function flag(value: boolean | null): number | null {
  return value === null ? null : Number(value)
}

function costColumns(cost: Cost | null | undefined): (string | number | undefined)[] {
  return [cost?.micros, cost?.currency, cost?.meter, cost?.tokensIn, cost?.tokensOut]
}

function opinionRows(
  e: { readonly stream: string; readonly at: number; readonly seq: number },
  agent: string,
  opinions: readonly Opinion[],
  said: readonly Said[] | undefined,
): Bound[] {
  return opinions.map((o, n) =>
    putOpinion(
      e.stream,
      n,
      agent,
      o.tier,
      o.source,
      o.outcome,
      o.confidence,
      o.calibrated,
      said?.[n] && JSON.stringify(said[n].value),
      said?.[n]?.because,
      JSON.stringify(o.reads),
      ...costColumns(o.cost),
      flag(o.same),
      e.at,
      e.seq,
    ),
  )
}

function premiseRows(decision: string, evidence: Evidence): Bound[] {
  const { facts, messages, signals, decisions, spans = [] } = evidence
  const kinds = { fact: facts, message: messages, signal: signals, decision: decisions, span: spans }
  return Object.entries(kinds).flatMap(([kind, ids]) =>
    [...new Set(ids)].map((id) => insertPremise(decision, kind, id)),
  )
}

/** The operator is asked: what the tiers before thought, and what that cost. The stream is the decision to be. */
export const decisionAsked = eventKind<
  { readonly run: string; readonly op: string; readonly agent: string; readonly opinions: readonly Opinion[] },
  { readonly opinions: readonly Said[] }
>('decision.asked@1', (e) => opinionRows(e, e.body.agent, e.body.opinions, e.private?.opinions))

/** What is optional, ledgers of the first version lack. */
export const decisionMade = eventKind<
  {
    readonly run: string
    readonly op: string
    readonly agent: string
    readonly tier: Tier
    /** 0 to 1, as the tier claimed; null where whoever decided gave none. */
    readonly confidence: number | null
    readonly evidence: Evidence
    /** The tiers asked before this one, and why each did not decide. */
    readonly passed: readonly string[]
    /** What all opinions cost together; null where nothing did, or they were paid in several currencies. */
    readonly cost?: Cost | null
    readonly model?: string | null
    /** In the order in which they were asked. */
    readonly opinions?: readonly Opinion[]
    /** The signal that it was about, where the input is that signal's payload: texts are not copied. */
    readonly signal?: string | null
  },
  {
    readonly value: Json
    readonly rationale: string
    /** What was to be decided, in words. */
    readonly question?: string
    readonly options?: readonly Option[]
    /** What it was about, where it was not a signal and is small enough to keep. */
    readonly input?: Json
    /** What the opinions said; where the operator was asked, that is recorded with the question. */
    readonly opinions?: readonly Said[]
  }
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
    e.body.signal,
    e.private?.input === undefined ? null : JSON.stringify(e.private.input),
    e.body.model,
    ...costColumns(e.body.cost),
    e.private?.question,
    e.private?.options && JSON.stringify(e.private.options),
  ),
  ...premiseRows(e.stream, e.body.evidence),
  ...opinionRows(e, e.body.agent, e.body.opinions ?? [], e.private?.opinions),
])

/** Who judged: the operator's answer at its own gate, at the gate of an effect that rested on it, a correction, or a look at an effect that had passed. */
export type JudgedBy = 'answer' | 'gate' | 'correction' | 'audit'

/** A decision turned out right or wrong, and with it each tier that had an opinion. */
export const decisionJudged = eventKind<
  {
    readonly agent: string
    readonly agreed: boolean
    readonly by: JudgedBy
    readonly tiers: readonly { readonly n: number; readonly agreed: boolean }[]
  },
  /** What it should have been, and why. */
  { readonly value: Json; readonly reason: string }
>('decision.judged@1', (e) => [
  judgeDecision(e.body.by, flag(e.body.agreed), e.private && JSON.stringify(e.private.value), e.seq, e.stream),
  ...e.body.tiers.map((t) => judgeOpinion(flag(t.agreed), e.seq, e.stream, t.n)),
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
  readonly signal: string | null
  readonly input: string | null
  readonly model: string | null
  readonly cost_micros: number | null
  readonly cost_currency: string | null
  readonly cost_meter: CostMeter | null
  readonly tokens_in: number | null
  readonly tokens_out: number | null
  readonly judged_by: JudgedBy | null
  readonly agreed: number | null
  readonly corrected: string | null
  readonly judged_seq: number | null
  /** It no longer counts: nobody learns from it. */
  readonly retracted_seq: number | null
  readonly question: string | null
  /** JSON: `Option[]`. */
  readonly options: string | null
}

export interface OpinionRow {
  readonly decision: string
  readonly n: number
  readonly agent: string
  readonly tier: Tier
  readonly source: string
  readonly outcome: Opinion['outcome']
  readonly confidence: number | null
  readonly calibrated: number | null
  readonly value: string | null
  readonly because: string | null
  readonly reads: string
  readonly cost_micros: number | null
  readonly cost_currency: string | null
  readonly cost_meter: CostMeter | null
  readonly tokens_in: number | null
  readonly tokens_out: number | null
  readonly same: number | null
  readonly agreed: number | null
  readonly judged_seq: number | null
  readonly at: number
  readonly seq: number
}

export const decisionById = sql('select * from decision where id = ?')
/** Those of a run that stood before an event of it, in order: what led to an effect. */
export const decisionsBefore = sql(
  'select * from decision where run = ? and decided_seq < ? and retracted_seq is null order by decided_seq',
)
const opinionsById = sql('select * from opinion where decision = ? order by n')

export function opinionsOf(store: Store, decision: string): Promise<OpinionRow[]> {
  return store.read<OpinionRow>(opinionsById(decision))
}

/** Whether an opinion said this; null where it said nothing, or what it said was erased. */
export function saidSame(opinion: OpinionRow, value: Json): boolean | null {
  return opinion.value === null ? null : shortHash(JSON.parse(opinion.value)) === shortHash(value)
}

/** The opinions held against what was right. */
export function judgeTiers(opinions: readonly OpinionRow[], right: Json): { n: number; agreed: boolean }[] {
  return opinions.flatMap((o) => {
    const agreed = saidSame(o, right)
    return agreed === null ? [] : [{ n: o.n, agreed }]
  })
}

/** What the operator made of an effect's input at its gate. */
export interface Edit {
  readonly was: Json
  readonly is: Json
}

/**
 * An effect's gate was approved: the choice to act stood, so the decisions of its run that the gate was shown were right.
 * Where it was edited, a decision that had given what was changed should have given what it became. The events to commit
 * with the gate's decision; decisions that are judged already are left out.
 */
export async function judgedBy(
  store: Store,
  evidence: Evidence,
  run: string | null,
  edit: Edit | null = null,
  by: JudgedBy = 'gate',
): Promise<EventInput[]> {
  const events: EventInput[] = []
  for (const id of evidence.decisions) {
    const row = await store.first<DecisionRow>(decisionById(id))
    if (!row || row.run !== run || row.tier === 'operator') continue
    if (row.judged_by !== null || row.retracted_seq !== null) continue
    const right = edit === null || row.value === null ? null : corrected(JSON.parse(row.value) as Json, edit)
    if (right !== null) {
      const tiers = judgeTiers(await opinionsOf(store, id), right)
      events.push(
        decisionJudged(
          id,
          { agent: row.agent, agreed: false, by: 'gate', tiers },
          { private: { value: right, reason: 'changed at the gate' }, actor: 'operator' },
        ),
      )
      continue
    }
    const tiers = (await opinionsOf(store, id)).flatMap((o) =>
      o.same === null ? [] : [{ n: o.n, agreed: o.same === 1 }],
    )
    events.push(decisionJudged(id, { agent: row.agent, agreed: true, by, tiers }, { actor: 'operator' }))
  }
  return events
}

/** What a decision should have been by an edit: its fields that stood in the effect's input, as they are there now. */
function corrected(value: Json, { was, is }: Edit): Json | null {
  if (!isRecord(value) || !isRecord(was) || !isRecord(is)) return null
  const changed = Object.keys(value).filter(
    (key) =>
      Object.hasOwn(was, key) &&
      Object.hasOwn(is, key) &&
      shortHash(value[key]!) === shortHash(was[key]!) &&
      shortHash(was[key]!) !== shortHash(is[key]!),
  )
  if (changed.length === 0) return null
  return { ...value, ...Object.fromEntries(changed.map((key) => [key, is[key]!])) }
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

export const DECISION_EVENTS = [decisionAsked, decisionMade, decisionJudged]
