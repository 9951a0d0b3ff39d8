import { gatesOfRun } from '../../governance/gates.ts'
import type { Json } from '../../lib/json.ts'
import { getRun } from '../../orchestration/operator.ts'
import { PLAN_GATE } from '../../orchestration/planner/gate.ts'
import type { Planned } from '../../orchestration/planner/planner.ts'
import type { Store } from '../../store/index.ts'

export interface Progress {
  /** `planning`, `waiting` (for the operator, in the planner's place), `proposed`, or how it ended. */
  readonly state: 'planning' | 'waiting' | 'proposed' | 'failed' | 'cancelled' | 'erased' | Planned['state']
  readonly gate: string | null
  /** The plan in words. */
  readonly shown: Readonly<Record<string, string>> | null
  readonly plan: Json
  readonly reasons: readonly string[]
}

/** How far a planned run is. */
export async function plannedProgress(store: Store, id: string): Promise<Progress> {
  const run = await getRun(store, id)
  const at = (state: Progress['state'], more: Partial<Progress> = {}): Progress => ({
    state,
    gate: null,
    shown: null,
    plan: null,
    reasons: [],
    ...more,
  })
  if (run.state === 'done') {
    const planned = JSON.parse(run.result ?? 'null') as Planned | null
    return planned ? at(planned.state, { reasons: planned.reasons }) : at('erased')
  }
  if (run.state === 'cancelled') return at('cancelled')
  if (run.state === 'failed' || run.state === 'parked') return at('failed', { reasons: [run.error ?? ''] })
  const gates = await gatesOfRun(store, id)
  const gate = gates.find((g) => g.kind === PLAN_GATE)
  if (!gate) return gates[0]?.kind === 'decision' ? at('waiting', { gate: gates[0].id }) : at('planning')
  const { goal: _, steps, ...shown } = JSON.parse(gate.proposal ?? '{}') as Record<string, string>
  return at('proposed', { gate: gate.id, shown, plan: (steps ?? null) as Json })
}
