import type { EntityKind } from '../context/facts.ts'
import type { Connector } from '../execution/action.ts'
import { FactotumError } from '../lib/errors.ts'
import type { AnyWorkflow } from '../orchestration/workflow.ts'
import type { WitnessOptions } from '../governance/witness.ts'

export interface CompanyOptions {
  readonly name: string
  readonly connectors?: readonly Connector[]
  readonly workflows?: readonly AnyWorkflow[]
  readonly entities?: readonly EntityKind[]
  /** Where copies of the ledger's signed checkpoints go, so that the record can be checked against them. */
  readonly witness?: WitnessOptions
}

/** What `company.ts` exports by default. */
export interface Company {
  readonly name: string
  readonly connectors: readonly Connector[]
  readonly workflows: readonly AnyWorkflow[]
  readonly witness: WitnessOptions
}

/** Declares the company: what it is called, what it is connected to, and what it does. Throws `company.invalid`. */
export function company(options: CompanyOptions): Company {
  if (typeof options.name !== 'string' || options.name.trim() === '') {
    throw new FactotumError('company.invalid', 'A company has a name: company({ name: "…" }).')
  }
  return {
    name: options.name,
    connectors: options.connectors ?? [],
    workflows: options.workflows ?? [],
    witness: options.witness ?? {},
  }
}
