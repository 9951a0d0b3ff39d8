import type { Execution } from '../../execution/execution.ts'
import { FactotumError } from '../../lib/errors.ts'
import { sql } from '../../store/index.ts'
import type { AnyAgent } from '../agent.ts'
import { Learning, type Classifier } from './learning.ts'
import type { Meter } from './meter.ts'
import type { Model } from './models.ts'

/** The models that a company has for its tiers. */
export interface Models {
  readonly light?: Model
  readonly heavy?: Model
}

export interface AgentsOptions {
  readonly execution: Execution
  readonly agents: readonly AnyAgent[]
  readonly models: Models
  readonly meter: Meter
  /** Makes the learned tier's classifier for one agent. */
  readonly classifier: () => Classifier
}

const DAY_MS = 86_400_000
// The day narrows it by an index; two days back is before any zone's.
const paidSince = sql(
  'select count(distinct subject) as n from use where day >= ? and agent = ? and reserved_at > ? and subject <> ?',
)

/** What a company's agents share: who they are, what they may ask, and who watches over what it costs. */
export class Agents {
  readonly execution: Execution
  readonly models: Models
  readonly meter: Meter
  readonly learning: Learning
  readonly #known = new Map<string, AnyAgent>()
  readonly #stop = new AbortController()
  /** Decisions that are about to reserve for somebody who costs, by agent: they are not on the record yet. */
  readonly #reserving = new Map<string, number>()

  constructor(options: AgentsOptions) {
    this.execution = options.execution
    this.models = options.models
    this.meter = options.meter
    this.learning = new Learning(options.execution.store, options.classifier)
    for (const agent of options.agents) {
      if (this.#known.has(agent.agent))
        throw new FactotumError(
          'company.duplicate_agent',
          `Two agents are called "${agent.agent}". Their name is what they are known and measured by: rename one.`,
        )
      this.#known.set(agent.agent, agent)
    }
  }

  get known(): ReadonlyMap<string, AnyAgent> {
    return this.#known
  }

  /** An agent that a workflow uses is known from then on, listed in company.ts or not. */
  used(agent: AnyAgent): void {
    if (!this.#known.has(agent.agent)) this.#known.set(agent.agent, agent)
  }

  /** Aborted when the process stops. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  stop(): void {
    this.#stop.abort(new FactotumError('store.closed', 'The company stopped.'))
  }

  /** Reserves for a decision where fewer than `perDay` others reserved in the last 24 hours; null where not. */
  async withinDay<T>(
    agent: string,
    decision: string,
    perDay: number | null,
    reserve: () => Promise<T>,
  ): Promise<T | null> {
    if (perDay === null) return reserve()
    const { store } = this.execution
    const now = store.clock.now()
    const day = new Date(now - 2 * DAY_MS).toISOString().slice(0, 10)
    const row = await store.first<{ n: number }>(paidSince(day, agent, now - DAY_MS, decision))
    const others = this.#reserving.get(agent) ?? 0
    // Between this look and its count nothing else runs.
    if (Number(row?.n) + others >= perDay) return null
    this.#reserving.set(agent, others + 1)
    try {
      return await reserve()
    } finally {
      this.#reserving.set(agent, this.#reserving.get(agent)! - 1)
    }
  }
}
