import type { Money } from '../../execution/action.ts'
import type { Execution } from '../../execution/execution.ts'
import type { Trust } from '../../context/signals.ts'
import { moneyText } from '../../governance/spend/budgets.ts'
import type { Json } from '../../lib/json.ts'
import { costOf, costText } from '../agents/meter.ts'
import type { Models } from '../agents/registry.ts'
import { MAX_ITEMS, type Condition, type Plan, type Step } from './plan.ts'
import type { Registry } from './registry.ts'
import { holesIn, readReference } from './values.ts'

/** What a plan would do outside, as far as it is known before it runs. */
interface ShownEffect {
  readonly step: string
  readonly action: string
  readonly risk: string
  readonly undo: boolean
  /** How often at most. */
  readonly times: number
  readonly asks: string
}

export interface Shown {
  readonly [name: string]: Json
  readonly plan: string
  readonly effects: string
  readonly cost: string
}

const RISKS = ['read', 'reversible', 'compensable', 'irreversible']

/** A plan in plain words, with what it does outside, how often, at what price, and what asks again. */
export async function show(
  of: { readonly registry: Registry; readonly execution: Execution; readonly models: Models },
  plan: Plan,
  at: { readonly workflow: string; readonly trust: Trust },
): Promise<{ readonly shown: Shown; readonly risk: string | null }> {
  const times = timesOf(plan)
  const effects: ShownEffect[] = []
  for (const step of plan.steps) {
    const action = step.kind === 'act' ? of.registry.actions.get(step.action) : undefined
    if (step.kind !== 'act' || !action) continue
    const asks = await whetherItAsks(of.execution, step, action.risk, at)
    effects.push({
      step: step.id,
      action: step.action,
      risk: action.risk,
      undo: action.undo !== undefined,
      times: times.get(step.id) ?? 1,
      asks,
    })
  }
  const children = plan.steps.filter((step) => step.kind === 'run')
  const lines = [
    ...effects.map(inWords),
    ...children.map((c) => `${c.id}: what "${c.workflow}" does is asked for at its own gates`),
  ]
  return {
    shown: {
      plan: [line(plan.summary), ...plan.steps.map((step, i) => `${i + 1}. ${sentence(step)}`)].join('\n'),
      effects: lines.join('\n') || 'nothing outside',
      cost: costOfPlan(of.registry, of.models, plan, times),
    },
    risk: riskOf(effects, children.length > 0),
  }
}

/** The gravest; null where nobody knows: a workflow that only reads so far may do more. */
function riskOf(effects: readonly ShownEffect[], more: boolean): string | null {
  const gravest = RISKS[Math.max(...effects.map((e) => RISKS.indexOf(e.risk)))] ?? null
  return more && gravest !== 'irreversible' ? null : gravest
}

function inWords({ step, action, risk, undo, times, asks }: ShownEffect): string {
  const often = times === 1 ? 'once' : `up to ${times} times`
  if (risk === 'read') return `${step}: ${action}, ${often}, only reads; ${asks}`
  return `${step}: ${action}, ${often}, ${risk}, ${undo ? 'can be taken back' : 'cannot be taken back'}; ${asks}`
}

/** With what fills it unknown, policy is asked when it is known. */
async function whetherItAsks(
  execution: Execution,
  step: Extract<Step, { kind: 'act' }>,
  risk: string,
  at: { readonly workflow: string; readonly trust: Trust },
): Promise<string> {
  const action = execution.actions.get(step.action)!
  const input = holesIn(step.input).length === 0 ? action.input.safeParse(step.input) : undefined
  if (!input?.success)
    return risk === 'read'
      ? 'runs without asking, unless a policy of yours says otherwise'
      : 'asks again at its own gate, unless a policy of yours lets it run'
  const verdict = await execution.verdict({
    action: action.action,
    connector: action.connector,
    risk: action.risk,
    ...at,
    input: input.data as Json,
    money: action.cost?.(input.data as never) ?? null,
  })
  const said = { run: 'runs without asking', ask: 'asks again at its own gate', refuse: 'will be refused' }
  return `${said[verdict.outcome]} (${verdict.reason})`
}

/** How often each step is done at most: a list is at most as long as what it was cut down to. */
function timesOf(plan: Plan): ReadonlyMap<string, number> {
  const most = new Map<string, number>()
  const times = new Map<string, number>()
  const lengthOf = (list: string) => {
    const reference = readReference(list)
    return (reference?.parts.length === 0 ? most.get(reference.root) : undefined) ?? MAX_ITEMS
  }
  for (const step of plan.steps) {
    if (step.kind === 'filter') most.set(step.id, Math.min(step.take ?? MAX_ITEMS, lengthOf(step.list)))
    else if (step.kind === 'map') most.set(step.id, lengthOf(step.list))
    else if (step.kind !== 'ask' && step.each) {
      most.set(step.id, lengthOf(step.each.list))
      times.set(step.id, lengthOf(step.each.list))
    }
  }
  return times
}

const IS: Readonly<Record<Condition['is'], string>> = {
  equal: 'is',
  not_equal: 'is not',
  above: 'is above',
  below: 'is below',
  containing: 'contains',
  older_than_days: 'is longer ago, in days, than',
  younger_than_days: 'is less long ago, in days, than',
}

function sentence(step: Step): string {
  const why = step.why === '' ? '' : ` (${line(step.why)})`
  return `${step.id}: ${doing(step)}${why}`
}

/** A planner's own words stay on their line: they cannot look like another step. */
function line(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function doing(step: Step): string {
  const each = 'each' in step && step.each ? `for each of ${step.each.list}, one after the other: ` : ''
  const given = 'input' in step ? ` with ${JSON.stringify(step.input)}` : ''
  switch (step.kind) {
    case 'act':
      return `${each}${step.action}${given}`
    case 'run':
      return `${each}start the workflow "${step.workflow}"${given}`
    case 'decide':
      return `${each}let the agent "${step.agent}" decide${given}`
    case 'ask':
      return `ask you "${line(step.question)}"${step.options ? ` (${line(step.options.join(', '))})` : ''}`
    case 'filter': {
      const where = step.where.map(({ field, is, value }) => `${field} ${IS[is]} ${JSON.stringify(value)}`)
      const first = step.take === undefined ? 'those' : `the first ${step.take}`
      return `of ${step.list} keep ${first}${where.length > 0 ? ` whose ${where.join(' and ')}` : ''}`
    }
    case 'map':
      return `of each of ${step.list} make ${JSON.stringify(step.to)}`
  }
}

/** The most that models and paid actions may cost; what depends on values that come later is said to be unknown. */
function costOfPlan(registry: Registry, models: Models, plan: Plan, times: ReadonlyMap<string, number>): string {
  const parts: string[] = []
  for (const step of plan.steps) {
    const n = times.get(step.id) ?? 1
    if (step.kind === 'act') parts.push(...actionCost(registry, step, n))
    if (step.kind === 'decide') parts.push(...agentCost(registry, models, step.agent, step.id, n))
  }
  return parts.join('\n') || 'nothing beyond this plan itself'
}

function actionCost(registry: Registry, step: Extract<Step, { kind: 'act' }>, n: number): string[] {
  const action = registry.actions.get(step.action)
  if (!action?.cost) return []
  const input = holesIn(step.input).length === 0 ? action.input.safeParse(step.input) : undefined
  if (!input?.success) return [`${step.id}: what ${step.action} costs is known when its values are, at most ${n} times`]
  const { micros, currency }: Money = action.cost(input.data as never)
  return [`${step.id}: at most ${moneyText(micros * n, currency)}`]
}

function agentCost(registry: Registry, models: Models, name: string, id: string, n: number): string[] {
  const agent = registry.agents.get(name)
  if (!agent) return []
  const { tokens, outputTokens } = agent.limits
  const asked = agent.tiers.flatMap((tier) => (tier === 'light' || tier === 'heavy' ? (models[tier] ?? []) : []))
  return asked.map((model) => {
    const usage = { tokensIn: (tokens - outputTokens) * n, cachedIn: 0, tokensOut: outputTokens * n }
    return `${id}: at most ${costText(costOf(model.price, model.meter, usage))} of ${model.model}`
  })
}
