import type { Opinion, Said, Tier } from '../../context/decisions.ts'
import { both, type Word } from '../../context/signals.ts'
import { jsonCopy, shortHash, type Json } from '../../lib/json.ts'
import type { Rule, TierEntry } from '../agent.ts'
import { askModel, askRemote, nothing, type Answered, type Asked } from './asking.ts'
import { calibrated, inWords, trackRecord, type TrackRecord } from './calibration.ts'
import { costText } from './meter.ts'
import { checkValue } from './schema.ts'

export interface Given {
  readonly opinion: Opinion
  readonly said: Said
  readonly record: TrackRecord
  readonly reason: string | null
  readonly model: string | null
}

export interface Consulted {
  readonly given: readonly Given[]
  /** Who was passed over and why: words for the record. */
  readonly passed: readonly string[]
  /** The one that decided; null: the operator must, or nobody can. */
  readonly decided: Given | null
  readonly operator: boolean
  /** Of everything that was read on the way. */
  readonly word: Word
}

/** Asks the tiers in order, cheapest first, until one is sure enough, or the operator's turn has come. */
export async function consult<I, O>(asked: Asked<I, O>): Promise<Consulted> {
  const given: Given[] = []
  const passed: string[] = []
  let word: Word = { trust: asked.trust, parties: [] }
  let overBudget: string | null = null
  for (const entry of asked.agent.tiers) {
    if (entry === 'operator') return { given, passed, decided: null, operator: true, word }
    const tier = tierOf(entry)
    const answered: Answered =
      overBudget !== null && (tier === 'light' || tier === 'heavy')
        ? { ...nothing(tier, overBudget), skipped: true }
        : await answer(asked, entry, tier)
    if (answered.overBudget) overBudget = answered.reason
    if (answered.word) word = both(word, answered.word)
    if (answered.skipped) {
      passed.push(`${tier}: ${answered.reason ?? 'not asked'}`)
      continue
    }
    const one = await weigh(asked, tier, answered)
    given.push(one)
    if (one.opinion.outcome === 'decided') return { given, passed, decided: one, operator: false, word }
    passed.push(`${tier}: ${one.reason ?? 'not sure'}`)
  }
  return { given, passed, decided: null, operator: false, word }
}

export function tierOf(entry: TierEntry<never, unknown>): Tier {
  return typeof entry === 'function' ? 'rule' : typeof entry === 'string' ? entry : entry.tier
}

async function answer<I, O>(asked: Asked<I, O>, entry: TierEntry<I, O>, tier: Tier): Promise<Answered> {
  if (typeof entry === 'function') return askRule(entry, asked.input)
  if (typeof entry === 'object') return askRemote(asked, entry)
  if (entry === 'learned') return askLearned(asked)
  const model = entry === 'light' || entry === 'heavy' ? asked.agents.models[entry] : undefined
  if (!model) return { ...nothing(tier, 'not set up in this company'), skipped: true }
  return askModel(asked, tier, model)
}

async function askRule<I, O>(rule: Rule<I, O>, input: I): Promise<Answered> {
  const source = rule.name || 'rule'
  const ruling = await rule(input)
  if (!ruling) return nothing(source, 'not sure')
  const { value, confidence = 1, because = 'a rule', options = [] } = ruling
  return { source, said: { value, confidence, because, options }, reason: null }
}

async function askLearned<I, O>({ agents, agent, given }: Asked<I, O>): Promise<Answered> {
  const guess = await agents.learning.guess(agent.agent, given)
  if (!guess) return nothing('learned', 'has not seen enough like it yet')
  const { label, confidence, because, nearest } = guess
  return { source: 'learned', said: { value: label, confidence, because }, reason: null, reads: nearest }
}

/** Holds an answer against the schema and its claim against the track record. */
async function weigh<I, O>(asked: Asked<I, O>, tier: Tier, answered: Answered): Promise<Given> {
  const { agents, agent } = asked
  const record = await trackRecord(agents.execution.store, agent.agent, tier, answered.source)
  const opinion = {
    tier,
    source: answered.source,
    confidence: null,
    calibrated: null,
    cost: answered.cost ?? null,
    outcome: answered.failed ? ('failed' as const) : ('passed' as const),
    same: null,
    reads: answered.reads ?? [],
  }
  const model = answered.model ?? null
  const { said } = answered
  if (!said) return { opinion, said: null, record, reason: answered.reason, model }
  const checked = await checkValue(asked.schema, said.value)
  if (!checked.ok)
    return { opinion: { ...opinion, outcome: 'failed' }, said: null, record, reason: 'its answer does not fit', model }
  const what = `The answer of "${agent.agent}"`
  const options = (said.options ?? []).map((o) => ({ value: jsonCopy(o.value, what), whyNot: o.whyNot }))
  const kept = {
    value: jsonCopy(checked.value, what),
    because: said.because,
    ...(options.length > 0 ? { options } : {}),
  }
  // NaN is not sure either.
  const claim = said.confidence !== null && said.confidence >= 0 && said.confidence <= 1 ? said.confidence : null
  if (claim === null) return { opinion, said: kept, record, reason: 'does not say how sure it is', model }
  const believed = calibrated(claim, record)
  const sure = believed >= agent.sureEnough
  return {
    opinion: { ...opinion, confidence: claim, calibrated: believed, outcome: sure ? 'decided' : 'passed' },
    said: kept,
    record,
    reason: sure ? null : unsure(claim, believed, record, agent.sureEnough),
    model,
  }
}

function unsure(claim: number, believed: number, record: TrackRecord, enough: number): string {
  const asked = `${percent(enough)} is asked for`
  if (record.judged === 0) return `${percent(claim)} sure, ${asked}`
  return `${percent(claim)} sure, believed ${percent(believed)} (${inWords(record)}), ${asked}`
}

function percent(n: number): string {
  return `${Math.floor(n * 100)} %`
}

/** Opinions with whether each said what was decided. */
export function compared(given: readonly Given[], decided: Json): Opinion[] {
  const hash = shortHash(decided)
  return given.map(({ opinion, said }) => ({ ...opinion, same: said === null ? null : shortHash(said.value) === hash }))
}

/** The opinion that is believed most, of those that said something: what the operator is suggested. */
export function suggestion(given: readonly Given[]): Given | null {
  const said = given.filter((g) => g.said !== null)
  return said.reduce<Given | null>(
    (best, g) => (best === null || (g.opinion.calibrated ?? 0) > (best.opinion.calibrated ?? 0) ? g : best),
    null,
  )
}

/**
 * One opinion for the operator: what it says and why, how much it has been right, what it cost. On one line, whatever it
 * says: it cannot look like what somebody else said.
 */
export function describe({ opinion, said, record, reason }: Given): string {
  const who = opinion.source === opinion.tier ? opinion.tier : `${opinion.tier} (${opinion.source})`
  const cost = opinion.cost ? `; cost ${costText(opinion.cost)}` : ''
  if (!said) return `${who}: ${reason ?? 'said nothing'}${cost}`
  const value = typeof said.value === 'string' ? said.value : JSON.stringify(said.value)
  const sure = opinion.confidence === null ? '' : `, ${percent(opinion.confidence)} sure by itself`
  return `${who}: ${value}${sure}: ${said.because} (${inWords(record)}${cost})`.replace(/[\s\p{C}]+/gu, ' ')
}
