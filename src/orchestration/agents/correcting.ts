import { decisionById, decisionJudged, judgeTiers, opinionsOf, type DecisionRow } from '../../context/decisions.ts'
import { signalById, type SignalRow } from '../../context/signals.ts'
import { FactotumError } from '../../lib/errors.ts'
import { jsonCopy, shortHash, type Json } from '../../lib/json.ts'
import type { Store } from '../../store/index.ts'
import type { Agents } from './registry.ts'
import { checkValue } from './schema.ts'

export interface Correction {
  readonly decision: string
  readonly agent: string
  readonly was: Json
  readonly value: Json
  /** Whether it was right all along. */
  readonly agreed: boolean
}

/**
 * The operator says what a decision should have been. What followed from it stays as it is; every tier that had an opinion
 * is judged by the new value, and the learned tier learns it. Throws `decision.not_found`, `decision.bad_value`,
 * `decision.needs_reason`.
 */
export async function correct(
  agents: Agents,
  id: string,
  value: Json,
  reason: string,
  actor = 'operator',
): Promise<Correction> {
  const { store } = agents.execution
  const row = await store.first<DecisionRow>(decisionById(id))
  if (!row)
    throw new FactotumError(
      'decision.not_found',
      `There is no decision ${id}. "factotum agents <name>" lists the newest of an agent.`,
    )
  if (reason.trim() === '')
    throw new FactotumError(
      'decision.needs_reason',
      'A correction needs a reason: say why, so that it is on the record.',
    )
  const right = await fitting(agents, row, value)
  const agreed = row.value !== null && shortHash(JSON.parse(row.value)) === shortHash(right)
  const tiers = judgeTiers(await opinionsOf(store, id), right)
  const judged = decisionJudged(
    id,
    { agent: row.agent, agreed, by: 'correction', tiers },
    { private: { value: right, reason }, actor, cause: row.decided_seq },
  )
  await store.commit({ key: `correct:${id}:${store.newId('fix')}`, events: [judged] })
  return {
    decision: id,
    agent: row.agent,
    was: row.value === null ? null : (JSON.parse(row.value) as Json),
    value: right,
    agreed,
  }
}

/** The value as the agent may answer it, where the agent and what it was asked are known. */
async function fitting(agents: Agents, row: DecisionRow, value: Json): Promise<Json> {
  const agent = agents.known.get(row.agent)
  if (!agent) return value
  const { store } = agents.execution
  const input = agent.outputs ? null : await inputOf(store, row)
  // An output that depends on an input which is no longer there allows what it allows.
  if (!agent.outputs && input === null) return value
  const schema = agent.outputs ?? agent.output(input as never)
  const checked = await checkValue(schema, value)
  const text = checked.ok || typeof value === 'object' ? checked : await checkValue(schema, String(value))
  if (text.ok) return jsonCopy(text.value, 'The correction')
  throw new FactotumError('decision.bad_value', `"${row.agent}" cannot answer that, ${text.issue}.`)
}

async function inputOf(store: Store, { input, signal }: DecisionRow): Promise<Json> {
  if (input !== null) return JSON.parse(input) as Json
  const row = signal === null ? undefined : await store.first<SignalRow>(signalById(signal))
  return row?.payload == null ? null : (JSON.parse(row.payload) as Json)
}
