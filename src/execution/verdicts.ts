import type { Cap, Policies, Used, Verdict } from '../governance/policy.ts'
import { sql, type Store } from '../store/index.ts'
import type { Money } from './action.ts'
import type { VerdictRequest } from './execution.ts'

/** What left, or is about to, without anybody being asked. */
const ranUnder = sql(
  `select policies, cost, proposed_at from effect where policies is not null and proposed_at >= ? and proposed_seq < ?
   and approved_by is null and state not in ('gated', 'refused', 'rejected', 'expired', 'cancelled')`,
)

/** Asks the company's policies about an effect, with what ran under those of them that have a cap. */
export async function verdictOf(
  store: Store,
  policies: Policies,
  away: boolean,
  { proposedSeq = Number.MAX_SAFE_INTEGER, ...request }: VerdictRequest,
): Promise<Verdict> {
  const at = store.clock.now()
  const caps = policies.caps(at)
  const used = caps.length === 0 ? [] : await count(store, caps, proposedSeq)
  return policies.verdict({ ...request, at, away, used })
}

async function count(store: Store, caps: readonly Cap[], before: number): Promise<Used[]> {
  const since = Math.min(...caps.map((cap) => cap.since))
  const used = caps.map(({ policy, per }) => ({ policy, per, count: 0, micros: 0 }))
  const rows = await store.read<{ policies: string; cost: string | null; proposed_at: number }>(ranUnder(since, before))
  for (const row of rows) {
    const named = JSON.parse(row.policies) as string[]
    const cost = row.cost === null ? null : (JSON.parse(row.cost) as Money)
    caps.forEach((cap, i) => {
      if (row.proposed_at < cap.since || !named.includes(cap.policy)) return
      used[i]!.count++
      if (cost && cost.currency === cap.currency) used[i]!.micros += cost.micros
    })
  }
  return used
}
