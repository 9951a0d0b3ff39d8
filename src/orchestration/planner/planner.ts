import { z } from 'zod'
import { dayOf } from '../../lib/calendar.ts'
import { jsonCopy } from '../../lib/json.ts'
import { agent } from '../agent.ts'
import { decide } from '../verbs/agents.ts'
import { step } from '../verbs/basics.ts'
import type { Services } from '../verbs/services.ts'
import { workflow, type Workflow } from '../workflow.ts'
import { checkPlan, type CheckedPlan } from './check.ts'
import { askForPlan, bindingOf } from './gate.ts'
import { perform, type StepReport } from './perform.ts'
import { MAX_ITEMS, MAX_STEPS, Plan } from './plan.ts'
import { catalogueOf, type Registry } from './registry.ts'

/** Names that are Factotum's own: no workflow and no agent of an author's is called so. */
export const PLAN_WORKFLOW = 'plan'
export const PLANNER = 'planner'

const Goal = z.object({ goal: z.string().trim().min(1).max(4_000), plan: z.unknown().optional() })
type Goal = z.infer<typeof Goal>

const Question = z.object({
  goal: z.string(),
  today: z.string(),
  catalogue: z.unknown(),
  earlier: z.object({ plan: z.unknown(), problems: z.array(z.string()) }).optional(),
})

const INSTRUCTIONS = `Plan how to reach "goal", which the operator wrote, with nothing but what "catalogue" lists.
A plan is a list of at most ${MAX_STEPS} steps, done in order:
- act uses an action, run starts a workflow, decide asks an agent; with "each" it is done for every item of a list of at most ${MAX_ITEMS}, one after the other.
- filter keeps the items of a list for which every condition holds; map makes a new item of each; ask asks the operator.
Inputs are JSON. {"$from": "step.field"} is a value that an earlier step gave: the output of an action, the result of a workflow, the value of an agent, a list. {"$text": "Hello {item.name}"} is a text with values in it. "item" is the item of an "each" or map, "today" the date as YYYY-MM-DD; [0] takes one of a list, [] something of each. A step with "each" gives a list of {key, item, state, output}.
Read first, then narrow, then act. Choose "key" so that it tells the items apart. Name nothing that the catalogue does not list: where the goal cannot be reached with it, ask the operator in one step what to do. Where "earlier" is given, that plan was refused for the problems it lists: mend it.
Write all texts that leave the company as the goal asks, in full.`

/** The plan is shown to the operator whatever its author says of it: no tier need be surer than sure of itself. */
const SURE_ENOUGH = 0

const planner = agent(PLANNER, {
  instructions: INSTRUCTIONS,
  input: Question,
  output: Plan,
  tiers: ['heavy', 'light', 'operator'],
  sureEnough: SURE_ENOUGH,
  limits: { tokens: 120_000, outputTokens: 8_000, timeout: '5m' },
})

/** What a planned run answers. */
export interface Planned {
  /** `refused`: the plan cannot run. `rejected`: the operator said no. `stopped`: a step did not succeed. */
  readonly state: 'refused' | 'rejected' | 'stopped' | 'done'
  readonly goal: string
  /** Why it was refused or rejected. */
  readonly reasons: readonly string[]
  /** The hash of what was approved; null where nothing was. */
  readonly binding: string | null
  readonly steps: readonly StepReport[]
}

/** A workflow of Factotum's own, which needs more than `ctx`. */
export interface BuiltIn extends Workflow<Goal, Planned> {
  readonly drive: (services: Services, input: unknown) => Promise<Planned>
}

/** The workflow that reaches a goal: proposed, checked, approved as it was shown, then done. */
export function planning(registry: Registry): BuiltIn {
  return {
    ...workflow(PLAN_WORKFLOW, { input: Goal }, () => {
      throw new Error('The workflow "plan" is driven with its services.')
    }),
    drive: (services, input) => pursue(services, registry, input as Goal),
  }
}

async function pursue(services: Services, registry: Registry, { goal, plan: given }: Goal): Promise<Planned> {
  const end = (state: Planned['state'], more: Partial<Planned> = {}): Planned => ({
    state,
    goal,
    reasons: [],
    binding: null,
    steps: [],
    ...more,
  })
  const { plan, problems } = await proposed(services, registry, goal, given)
  if (!plan || problems.length > 0) return end('refused', { reasons: problems })
  const said = await askForPlan(services, registry, goal, plan)
  if (said.outcome === 'reject') return end('rejected', { reasons: [said.reason] })
  if (said.binding !== bindingOf(services.store, said.plan))
    return end('refused', { reasons: ['what was approved is not what would run'] })
  const steps = await perform(services, registry, said.plan)
  const state = steps.every((s) => s.state === 'succeeded') ? 'done' : 'stopped'
  return end(state, { binding: said.binding, steps })
}

/** The plan that was given, or the planner's, which gets one chance to mend it. */
async function proposed(services: Services, registry: Registry, goal: string, given: unknown): Promise<CheckedPlan> {
  if (given !== undefined) return checked(services, registry, given, 'plan.check')
  const catalogue = await step(services, 'plan.catalogue', () => catalogueOf(registry))
  const question = { goal, today: dayOf(services.driver.now, registry.zone), catalogue }
  const first = await decide(services, 'delegate', planner, question, { name: 'plan.propose' })
  const result = await checked(services, registry, first.value, 'plan.check')
  if (result.plan && result.problems.length === 0) return result
  const earlier = { plan: jsonCopy(first.value, 'The plan'), problems: [...result.problems] }
  const again = await decide(services, 'delegate', planner, { ...question, earlier }, { name: 'plan.mend' })
  return checked(services, registry, again.value, 'plan.check again')
}

/** Recorded: what was found to be in order stays so, whatever is registered when the run is driven again. */
async function checked(services: Services, registry: Registry, plan: unknown, name: string): Promise<CheckedPlan> {
  return (await step(services, name, () => checkPlan(registry, plan))) as CheckedPlan
}
