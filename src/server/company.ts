import type { EntityKind } from '../context/facts.ts'
import type { EncoderOptions } from '../context/recall/encoder.ts'
import type { Connector } from '../execution/action.ts'
import { FactotumError } from '../lib/errors.ts'
import type { AnyAgent } from '../orchestration/agent.ts'
import type { Models } from '../orchestration/agents/registry.ts'
import type { AnyWorkflow } from '../orchestration/workflow.ts'
import { PLAN_WORKFLOW, PLANNER } from '../orchestration/planner/planner.ts'
import { readHours, type AttentionOptions } from '../governance/attention/hours.ts'
import { checkBudgets, type Budget } from '../governance/spend/budgets.ts'
import { checkSnapshots, type SnapshotOptions } from './snapshots/retention.ts'
import type { WitnessOptions } from '../governance/witness.ts'

export interface CompanyOptions {
  readonly name: string
  readonly connectors?: readonly Connector[]
  readonly workflows?: readonly AnyWorkflow[]
  readonly entities?: readonly EntityKind[]
  /** Those that "factotum agents" lists before a workflow has used them. */
  readonly agents?: readonly AnyAgent[]
  /** What the tiers `light` and `heavy` are. Without one, what rules and learning cannot decide goes to the operator. */
  readonly models?: Models
  /**
   * What finds passages by their meaning beside their words: `offline` (optional packages, English), or an endpoint that speaks
   * OpenAI's embeddings API. Default: words alone.
   */
  readonly encoder?: EncoderOptions
  /** Where copies of the ledger's signed checkpoints go, so that the record can be checked against them. */
  readonly witness?: WitnessOptions
  /** Whose days and months count, and whose clock quiet hours and digests go by: an IANA name. Default: UTC. */
  readonly zone?: string
  /** What may be spent. What would go over asks; without any, everything is metered and nothing asks. */
  readonly budgets?: readonly Budget[]
  /** When the operator is told, and when not. */
  readonly attention?: AttentionOptions
  /** Where copies of the whole company are kept, how often they are made, how many stay, and how often one is tried. */
  readonly snapshots?: SnapshotOptions
}

/** What `company.ts` exports by default. */
export interface Company {
  readonly name: string
  readonly connectors: readonly Connector[]
  readonly workflows: readonly AnyWorkflow[]
  readonly entities: readonly EntityKind[]
  readonly agents: readonly AnyAgent[]
  readonly models: Models
  readonly encoder: EncoderOptions | null
  readonly witness: WitnessOptions
  readonly zone: string
  readonly budgets: readonly Budget[]
  readonly attention: AttentionOptions
  readonly snapshots: SnapshotOptions
}

/** Declares the company: what it is called, what it is connected to, and what it does. Throws `company.invalid`, and what its parts throw. */
export function company(options: CompanyOptions): Company {
  if (typeof options.name !== 'string' || options.name.trim() === '') {
    throw new FactotumError('company.invalid', 'A company has a name: company({ name: "…" }).')
  }
  if (options.workflows?.some((w) => w.workflow === PLAN_WORKFLOW) || options.agents?.some((a) => a.agent === PLANNER))
    throw new FactotumError(
      'company.reserved_name',
      `The workflow "${PLAN_WORKFLOW}" and the agent "${PLANNER}" are Factotum's own, for "factotum do": call yours otherwise.`,
    )
  const kinds = options.entities?.map((e) => e.entity) ?? []
  const twice = kinds.find((kind, i) => kinds.indexOf(kind) !== i)
  if (twice !== undefined)
    throw new FactotumError('company.invalid', `Two entities are called "${twice}". Declare each kind once.`)
  const { zone = 'UTC', attention = {} } = options
  readHours(attention, zone)
  return {
    name: options.name,
    connectors: options.connectors ?? [],
    workflows: options.workflows ?? [],
    entities: options.entities ?? [],
    agents: options.agents ?? [],
    models: options.models ?? {},
    encoder: options.encoder ?? null,
    witness: options.witness ?? {},
    zone,
    budgets: checkBudgets(options.budgets ?? []),
    attention,
    snapshots: checkSnapshots(options.snapshots ?? {}),
  }
}
