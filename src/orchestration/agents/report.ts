import { opinionsOf, type DecisionRow, type JudgedBy, type Opinion, type Tier } from '../../context/decisions.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import { sql } from '../../store/index.ts'
import type { AnyAgent } from '../agent.ts'
import { inWords, trackRecord } from './calibration.ts'
import { costText, type Price } from './meter.ts'
import { tierOf } from './opinions.ts'
import type { Agents } from './registry.ts'
import { inShort, jsonSchema } from './schema.ts'

/** What one tier of an agent has done so far. */
export interface TierReport {
  readonly tier: Tier
  /** Which rule, model or service. */
  readonly source: string
  readonly decided: number
  readonly passed: number
  readonly failed: number
  /** Of what was judged. */
  readonly kept: number
  readonly corrected: number
  /** The newest judged, in words. */
  readonly record: string
  /** In words: one for each currency. */
  readonly cost: string
}

export interface AgentReport {
  readonly agent: string
  /** In the order in which they are asked. */
  readonly tiers: readonly string[]
  readonly input: string
  readonly output: string
  readonly prices: readonly string[]
  readonly sureEnough: number | null
  readonly limits: AnyAgent['limits'] | null
  readonly record: readonly TierReport[]
  readonly operator: number
}

interface Sum {
  readonly tier: Tier
  readonly source: string
  readonly currency: string | null
  readonly decided: number
  readonly passed: number
  readonly failed: number
  readonly kept: number
  readonly corrected: number
  readonly micros: number | null
  readonly tokens_in: number | null
  readonly tokens_out: number | null
}

const sums = sql(
  `select tier, source, cost_currency as currency,
     sum(case when outcome = 'decided' then 1 else 0 end) as decided,
     sum(case when outcome = 'passed' then 1 else 0 end) as passed,
     sum(case when outcome = 'failed' then 1 else 0 end) as failed,
     sum(case when agreed = 1 then 1 else 0 end) as kept,
     sum(case when agreed = 0 then 1 else 0 end) as corrected,
     sum(cost_micros) as micros, sum(tokens_in) as tokens_in, sum(tokens_out) as tokens_out
   from opinion where agent = ? group by tier, source, cost_currency order by tier, source, cost_currency`,
)
const byOperator = sql(`select count(*) as n from decision where agent = ? and tier = 'operator'`)
/** What the operator was asked is on the record as decisions of `ask:…`: that is no agent. */
const everUsed = sql(`select distinct agent from decision where agent not like 'ask:%' order by agent`)
const newest = sql('select * from decision where agent = ? order by decided_seq desc limit ?')

/** Every agent that is declared or has ever decided, with what its tiers have done. */
export async function agentList(agents: Agents): Promise<AgentReport[]> {
  const used = await agents.execution.store.read<{ agent: string }>(everUsed())
  const names = [...new Set([...agents.known.keys(), ...used.map((r) => r.agent)])].sort()
  return Promise.all(names.map((name) => reportOf(agents, name)))
}

async function reportOf(agents: Agents, name: string): Promise<AgentReport> {
  const { store } = agents.execution
  const agent = agents.known.get(name)
  const rows = await store.read<Sum>(sums(name))
  const sources = new Map(rows.map((r) => [`${r.tier} ${r.source}`, r]))
  const record = await Promise.all(
    [...sources.values()].map(async ({ tier, source }): Promise<TierReport> => {
      const own = rows.filter((r) => r.tier === tier && r.source === source)
      const sum = (of: keyof Sum) => own.reduce((all, r) => all + Number(r[of] ?? 0), 0)
      const costs = own.filter((r) => r.currency !== null).map((r) => costText(costOf(r)))
      return {
        tier,
        source,
        decided: sum('decided'),
        passed: sum('passed'),
        failed: sum('failed'),
        kept: sum('kept'),
        corrected: sum('corrected'),
        record: inWords(await trackRecord(store, name, tier, source)),
        cost: costs.join(' and ') || 'nothing',
      }
    }),
  )
  const operator = await store.first<{ n: number }>(byOperator(name))
  return { agent: name, ...declared(agents, agent), record, operator: Number(operator?.n ?? 0) }
}

function costOf(row: Sum) {
  return {
    micros: Number(row.micros),
    currency: row.currency!,
    tokensIn: Number(row.tokens_in),
    tokensOut: Number(row.tokens_out),
  }
}

/** What is declared, for an agent whose code is loaded here. */
function declared(agents: Agents, agent: AnyAgent | undefined) {
  if (!agent) return { tiers: [], input: 'unknown', output: 'unknown', prices: [], sureEnough: null, limits: null }
  const tiers = agent.tiers.map((entry) => {
    if (typeof entry === 'function') return entry.name || 'rule'
    return typeof entry === 'string' ? entry : `${entry.tier} (${entry.remote})`
  })
  const prices = agent.tiers.flatMap((entry) => {
    const tier = tierOf(entry)
    if (typeof entry === 'object')
      return [
        `${entry.remote}: ${entry.price ? costText({ ...entry.price, tokensIn: 0, tokensOut: 0 }) : 'nothing'} a question`,
      ]
    const model = tier === 'light' || tier === 'heavy' ? agents.models[tier] : undefined
    return model ? [`${tier}: ${model.model}, ${priceText(model.price)}`] : []
  })
  return {
    tiers,
    input: agent.input ? shapeText(() => jsonSchema(agent.input!)) : 'anything',
    output: agent.outputs ? shapeText(() => jsonSchema(agent.outputs!)) : 'depends on the input',
    prices,
    sureEnough: agent.sureEnough,
    limits: agent.limits,
  }
}

function priceText(price: Price | null): string {
  if (!price) return 'no price'
  return `${price.inputPerMillion} ${price.currency} a million tokens in, ${price.outputPerMillion} out`
}

/** A schema of a library that cannot say it in JSON Schema still has a place in the list. */
function shapeText(shape: () => Json): string {
  try {
    return inShort(shape())
  } catch (error) {
    if (error instanceof FactotumError) return 'a schema'
    throw error
  }
}

export interface DecisionReport {
  readonly id: string
  readonly run: string
  readonly at: number
  readonly tier: Tier
  readonly value: Json
  readonly rationale: string | null
  readonly judged: JudgedBy | null
  readonly agreed: boolean | null
  readonly corrected: Json
  readonly cost: string | null
  readonly opinions: readonly {
    readonly tier: Tier
    readonly source: string
    readonly outcome: Opinion['outcome']
    readonly value: Json
    readonly because: string | null
    readonly confidence: number | null
    readonly calibrated: number | null
    readonly same: boolean | null
    readonly agreed: boolean | null
    readonly cost: string | null
  }[]
}

/** One agent with its newest decisions and what every tier thought. Throws `agent.not_found`. */
export async function agentDetail(
  agents: Agents,
  name: string,
  limit: number,
): Promise<AgentReport & { readonly decisions: readonly DecisionReport[] }> {
  const { store } = agents.execution
  const rows = await store.read<DecisionRow>(newest(name, limit))
  if (rows.length === 0 && !agents.known.has(name))
    throw new FactotumError('agent.not_found', `There is no agent "${name}". "factotum agents" lists them.`)
  const decisions = await Promise.all(rows.map((row) => decisionReport(agents, row)))
  return { ...(await reportOf(agents, name)), decisions }
}

async function decisionReport(agents: Agents, row: DecisionRow): Promise<DecisionReport> {
  const opinions = await opinionsOf(agents.execution.store, row.id)
  return {
    id: row.id,
    run: row.run,
    at: row.decided_at,
    tier: row.tier,
    value: parse(row.value),
    rationale: row.rationale,
    judged: row.judged_by,
    agreed: flag(row.agreed),
    corrected: parse(row.corrected),
    cost: rowCost(row),
    opinions: opinions.map((o) => ({
      tier: o.tier,
      source: o.source,
      outcome: o.outcome,
      value: parse(o.value),
      because: o.because,
      confidence: o.confidence,
      calibrated: o.calibrated,
      same: flag(o.same),
      agreed: flag(o.agreed),
      cost: rowCost(o),
    })),
  }
}

export function rowCost(
  row: Pick<DecisionRow, 'cost_micros' | 'cost_currency' | 'tokens_in' | 'tokens_out'>,
): string | null {
  if (row.cost_micros === null) return null
  return costText({
    micros: row.cost_micros,
    currency: row.cost_currency!,
    tokensIn: row.tokens_in!,
    tokensOut: row.tokens_out!,
  })
}

function flag(value: number | null): boolean | null {
  return value === null ? null : value === 1
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}
