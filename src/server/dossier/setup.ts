import { moneyText } from '../../governance/spend/budgets.ts'
import type { OpenCompany } from '../open.ts'
import { runbook } from '../views/runbook.ts'

/** What the operator's own files say of the company: no part of the record, and signed with the folder only. */
export interface Setup {
  readonly company: string
  /** The moment that the dossier tells of, and how many events had happened by then. */
  readonly at: number
  readonly events: number
  readonly vkey: string
  readonly zone: string
  readonly workflows: readonly {
    readonly name: string
    readonly version: number
    readonly startedBy: string
    readonly inTurn: boolean
    readonly limit: number | null
  }[]
  readonly actions: readonly {
    readonly name: string
    readonly version: number
    readonly risk: string
    readonly undo: boolean
    readonly lookedUp: boolean
    readonly idempotent: boolean
  }[]
  readonly agents: readonly { readonly name: string; readonly tiers: readonly string[] }[]
  readonly policies: {
    readonly version: string
    readonly list: readonly {
      readonly id: string
      readonly outcome: string
      readonly reason: string | null
      readonly cap: string | null
      readonly expires: string | null
      readonly where: string
    }[]
  }
  readonly budgets: readonly string[]
  /** Where copies of the checkpoints go. */
  readonly witness: readonly string[]
  /** The operations manual, as Markdown. */
  readonly manual: string
}

export async function setupOf(c: OpenCompany, events: number): Promise<Setup> {
  const { company } = c
  const named = <T>(all: Iterable<T>, name: (one: T) => string) => [...all].sort((a, b) => (name(a) < name(b) ? -1 : 1))
  return {
    company: company.name,
    at: c.store.clock.now(),
    events,
    vkey: c.keys.vkey,
    zone: company.zone,
    workflows: named(c.coordinator.workflows.values(), (w) => w.workflow).map((w) => ({
      name: w.workflow,
      version: w.version,
      startedBy:
        [
          ...w.on.map((s) => s.signal),
          ...(w.schedule ? [`schedule ${w.schedule.cron}`] : []),
          ...(w.input ? ['hand'] : []),
        ].join(', ') || 'another workflow',
      inTurn: Boolean(w.lane),
      limit: w.limit,
    })),
    actions: named(c.execution.actions.values(), (a) => a.action).map((a) => ({
      name: a.action,
      version: a.version,
      risk: a.risk,
      undo: a.undo !== undefined,
      lookedUp: a.reconcile !== undefined,
      idempotent: a.idempotent,
    })),
    agents: named(c.agents.known.values(), (a) => a.agent).map((a) => ({
      name: a.agent,
      tiers: a.tiers.map((tier) =>
        typeof tier === 'function' ? tier.name || 'rule' : typeof tier === 'string' ? tier : tier.tier,
      ),
    })),
    policies: {
      version: c.policies.version,
      list: c.policies.list().map(({ id, outcome, reason, cap, expires, file, line }) => ({
        id,
        outcome,
        reason,
        cap,
        expires,
        where: `${file}:${line}`,
      })),
    },
    budgets: company.budgets.map((b) => {
      const most = [
        ...(b.money === null ? [] : [moneyText(b.money.micros, b.money.currency)]),
        ...(b.tokens === null ? [] : [`${b.tokens} tokens`]),
        ...(b.count === null ? [] : [`${b.count} uses`]),
      ]
      return `${b.name} (${b.scope}): ${most.join(', ')} a ${b.per}`
    }),
    witness: Object.entries(company.witness).flatMap(([kind, to]) => (to === undefined ? [] : [kind])),
    manual: await runbook(c),
  }
}
