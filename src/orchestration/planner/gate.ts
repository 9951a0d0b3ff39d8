import { judgedBy } from '../../context/decisions.ts'
import { gateOpened, type Choice, type GateKind, type Gates } from '../../governance/gates.ts'
import { FactotumError } from '../../lib/errors.ts'
import { jsonCopy, shortHash, type Json } from '../../lib/json.ts'
import { answerWait, type Store } from '../../store/index.ts'
import { evidenceOf, type Services } from '../verbs/services.ts'
import { checkPlan } from './check.ts'
import type { Plan } from './plan.ts'
import type { Registry } from './registry.ts'
import { show } from './show.ts'

/** A kind of its own: an approval is for a plan, and an edit is a whole plan. */
export const PLAN_GATE: GateKind = 'plan'

const CHOICES: readonly Choice[] = [
  { outcome: 'approve', label: 'Approve' },
  { outcome: 'edit', label: 'Approve another plan instead', needs: 'value' },
  { outcome: 'reject', label: 'Reject', needs: 'reason' },
]

/** What the operator said to a plan. */
export type Said =
  | { readonly outcome: 'approve' | 'edit'; readonly plan: Plan; readonly binding: string }
  | { readonly outcome: 'reject'; readonly reason: string }

/** What an approval is for: exactly this plan. Under the company's secret, as the binding of an effect is. */
export function bindingOf(store: Store, plan: Plan): string {
  return store.pseudonym(shortHash(plan as unknown as Json))
}

/** Shows a plan to the operator and waits for what is said. */
export function askForPlan(services: Services, registry: Registry, goal: string, plan: Plan): Promise<Said> {
  const { driver, store, execution, agents } = services
  return driver.call<Said>({
    kind: 'plan',
    name: 'plan.gate',
    input: plan,
    begin: async ({ wait, cause }) => {
      const at = { workflow: driver.run.workflow, trust: services.trust }
      const { shown, risk } = await show({ registry, execution, models: agents.models }, plan, at)
      const gate = store.newId('gate')
      const opened = gateOpened(
        gate,
        {
          kind: PLAN_GATE,
          subject: wait,
          run: driver.run.id,
          template: CHOICES,
          evidence: evidenceOf(services),
          binding: bindingOf(store, plan),
          risk,
          reason: 'a plan runs only as it was approved',
        },
        {
          private: { title: `Plan: ${goal}`, proposal: { goal, ...shown, steps: plan as unknown as Json } },
          actor: `run:${driver.run.id}`,
          cause,
        },
      )
      return { wait: { kind: 'gate', subject: gate, deadline: null }, events: [opened] }
    },
    read: (completion) => completion.value as unknown as Said,
  })
}

/** What an answer at the gate of a plan leads to: its run goes on with exactly what was approved. */
export function registerPlanGates(store: Store, gates: Gates, registry: Registry): void {
  gates.on(PLAN_GATE, async (gate, decision) => {
    const actor = decision.by ?? 'operator'
    const answer = async (said: Said) =>
      answerWait(store, gate.subject, said as unknown as Json, { actor, cause: { index: 0 } })
    if (decision.outcome === 'reject') return answer({ outcome: 'reject', reason: decision.reason ?? '' })
    const proposed = (JSON.parse(gate.proposal ?? 'null') as { readonly steps?: Json } | null)?.steps
    const edited = decision.outcome === 'edit'
    const { plan, problems } = await checkPlan(registry, edited ? decision.value : proposed)
    if (!plan || problems.length > 0)
      throw new FactotumError(
        'plan.refused',
        `This plan cannot run: ${problems.join('; ')}. Correct it, and edit again.`,
      )
    const binding = bindingOf(store, plan)
    if (!edited && binding !== gate.binding)
      throw new FactotumError('gate.changed', 'The plan that was shown is not the one that would run. Reject it.')
    const said = jsonCopy({ outcome: edited ? 'edit' : 'approve', plan, binding }, 'The approved plan')
    const answered = await answer(said as unknown as Said)
    const judged = edited ? [] : await judgedBy(store, JSON.parse(gate.evidence), gate.run)
    return { events: [...answered.events, ...judged], guards: answered.guards }
  })
}
