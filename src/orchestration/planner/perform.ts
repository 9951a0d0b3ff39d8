import { lower } from '../../context/signals.ts'
import type { Action } from '../../execution/action.ts'
import { dayOf } from '../../lib/calendar.ts'
import { errorMessage } from '../../lib/errors.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import type { Agent } from '../agent.ts'
import { ask, decide } from '../verbs/agents.ts'
import { child, step as recorded } from '../verbs/basics.ts'
import { act } from '../verbs/effects.ts'
import type { Services } from '../verbs/services.ts'
import { filtered, mapped } from './data.ts'
import { ITEM, KEY, MAX_ITEMS, TODAY, type Plan, type Step } from './plan.ts'
import type { Registry } from './registry.ts'
import { fieldOf, fill, holesIn, lookUp, readReference, type Scope } from './values.ts'

/** What came of one step, or of one item of it. `succeeded` is what went well; the others say why in `reason`. */
export interface Done {
  readonly state: string
  readonly effect?: string
  readonly reason?: string
}

export interface StepReport extends Done {
  readonly step: string
  readonly items?: readonly (Done & { readonly key: string })[]
}

type Calling = Extract<Step, { kind: 'act' | 'run' | 'decide' }>
type Outcome = Done & { readonly output: Json }

const SUCCEEDED = 'succeeded'

/** A plan that is being performed: what its steps gave, and what may not be believed. */
interface Performing {
  readonly services: Services
  readonly registry: Registry
  readonly scope: Record<string, Json>
  readonly now: number
  /** Steps whose result came from outside, or was made of what did. */
  readonly outside: Set<string>
  /** Of each list, the keys of the items for which a step did not succeed: later steps leave them out. */
  readonly dropped: Map<string, Set<string>>
}

/** Does the steps of an approved plan in order. One that does not succeed ends it: what comes after may build on it. */
export async function perform(services: Services, registry: Registry, plan: Plan): Promise<readonly StepReport[]> {
  const now = services.driver.now
  const performing: Performing = {
    services,
    registry,
    scope: { [TODAY]: dayOf(now, registry.zone) },
    now,
    outside: new Set(),
    dropped: new Map(),
  }
  const reports: StepReport[] = []
  let failed: string | null = null
  for (const step of plan.steps) {
    if (failed !== null) {
      reports.push({ step: step.id, state: 'skipped', reason: `"${failed}" did not succeed` })
      continue
    }
    const report = await doStep(performing, step)
    reports.push({ step: step.id, ...report })
    if (report.state !== SUCCEEDED) failed = step.id
  }
  return reports
}

async function doStep(p: Performing, step: Step): Promise<Omit<StepReport, 'step'>> {
  try {
    believeLess(p, step)
    if ('each' in step && step.each) return await doEach(p, step, step.each)
    const { output, ...done } = await doOnce(p, step)
    p.scope[step.id] = output
    return done
  } catch (error) {
    return { state: 'failed', reason: brief(errorMessage(error)) }
  }
}

/** What is made of outsiders' data is an outsider's word, whoever approved the plan. */
function believeLess({ services, outside }: Performing, step: Step): void {
  const from = holesIn('input' in step ? step.input : 'to' in step ? step.to : null).flatMap((hole) => hole.from)
  const lists = 'list' in step ? [step.list] : 'each' in step && step.each ? [step.each.list] : []
  const derived = [...from, ...lists].some((text) => outside.has(readReference(text)?.root ?? ''))
  if (derived || step.kind === 'act' || step.kind === 'run') outside.add(step.id)
  if (derived && 'input' in step) services.trust = lower(services.trust, 'outsider')
}

async function doOnce(p: Performing, step: Step): Promise<Outcome> {
  const { services, scope } = p
  const name = { name: step.id }
  switch (step.kind) {
    case 'filter': {
      const items = listAt(step.list, scope)
      return gave((await recorded(services, step.id, () => filtered(step, items, p.now))) as Json)
    }
    case 'map': {
      const items = listAt(step.list, scope)
      return gave((await recorded(services, step.id, () => mapped(step, items, scope))) as Json)
    }
    case 'ask': {
      const { question, options } = step
      const about = fill(step.about ?? null, scope)
      return gave(
        (await ask<string>(services, { title: question, about, ...(options ? { options } : {}) }, name)) as Json,
      )
    }
    default:
      return call(p, step, fill(step.input, scope), name)
  }
}

const MAX_WORDS = 300

/** A report of many items stays within what a record holds. */
function brief(text: string): string {
  return text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS - 1)}…` : text
}

function gave(output: Json): Outcome {
  return { state: SUCCEEDED, output }
}

function listAt(list: string, scope: Scope): readonly Json[] {
  const items = lookUp(list, scope)
  if (Array.isArray(items)) return items as readonly Json[]
  throw new Error(`"${list}" is not a list.`)
}

/** One after the other and in order. An item that does not succeed leaves the others to go on. */
async function doEach(
  p: Performing,
  step: Calling,
  each: NonNullable<Calling['each']>,
): Promise<Omit<StepReport, 'step'>> {
  const list = listAt(each.list, p.scope)
  const dropped = p.dropped.get(each.list) ?? new Set<string>()
  p.dropped.set(each.list, dropped)
  const items = list.map((item, i) => ({ item, key: each.key === undefined ? String(i + 1) : keyOf(item, each.key) }))
  const wrong = whyNot(
    step.id,
    items.map(({ key }) => key),
  )
  if (wrong !== null) return { state: 'refused', reason: wrong }
  const reports: (Done & { key: string })[] = []
  const results: Json[] = []
  for (const { item, key } of items) {
    const { output, ...done } = dropped.has(key)
      ? { state: 'skipped', reason: 'an earlier step for it did not succeed', output: null }
      : await callSafely(p, step, { ...p.scope, [ITEM]: item, [KEY]: key }, { name: step.id, key })
    if (done.state !== SUCCEEDED) dropped.add(key)
    reports.push({ key: brief(key), ...done })
    results.push({ key, item, state: done.state, output })
  }
  p.scope[step.id] = results
  return { state: SUCCEEDED, items: reports }
}

function keyOf(item: Json, path: string): string {
  const key = fieldOf(item, path)
  return key === null || typeof key === 'object' ? '' : String(key)
}

/** Why a step is done for none of these: before the first, not in the middle. */
function whyNot(id: string, keys: readonly string[]): string | null {
  if (keys.length > MAX_ITEMS)
    return `"${id}" would be done ${keys.length} times, and ${MAX_ITEMS} is the most: take fewer with a filter.`
  if (keys.includes('')) return `"${id}" tells its items apart by what one of them lacks: choose another key.`
  if (new Set(keys).size < keys.length)
    return `"${id}" tells its items apart by what is the same for some of them: choose another key.`
  return null
}

async function callSafely(
  p: Performing,
  step: Calling,
  scope: Scope,
  options: { readonly name: string; readonly key: string },
): Promise<Outcome> {
  try {
    return await call(p, step, fill(step.input, scope), options)
  } catch (error) {
    return { state: 'failed', reason: brief(errorMessage(error)), output: null }
  }
}

/**
 * Through the same verbs as every workflow: policy, gate, hold, budget and undo are theirs. What comes back lowers the
 * trust of what is made of it (`believeLess`), not of the whole plan, which was fixed before.
 */
async function call(
  p: Performing,
  step: Calling,
  input: Json,
  options: { readonly name: string; readonly key?: string },
): Promise<Outcome> {
  const { trust } = p.services
  try {
    return await callVerb(p, step, input, options)
  } finally {
    p.services.trust = trust
  }
}

async function callVerb(
  { services, registry }: Performing,
  step: Calling,
  input: Json,
  options: { readonly name: string; readonly key?: string },
): Promise<Outcome> {
  switch (step.kind) {
    case 'act': {
      const action = registry.actions.get(step.action) as unknown as Action<unknown, unknown> | undefined
      const { id, state, output, reason } = await act(services, there(action, step.action), input, options)
      const why = reason === null ? {} : { reason: brief(reason) }
      return { state, effect: id, ...why, output: jsonCopy(output, `The output of ${step.action}`) }
    }
    case 'run':
      return gave(
        (await child(services, there(registry.workflows.get(step.workflow), step.workflow), input, options)) as Json,
      )
    case 'decide': {
      const agent = there(registry.agents.get(step.agent), step.agent) as unknown as Agent<unknown, unknown>
      const { value } = await decide(services, 'decide', agent, input, options)
      return gave(jsonCopy(value, `What "${step.agent}" said`))
    }
  }
}

/** A run outlives the code that it was planned with. */
function there<T>(found: T | undefined, name: string): T {
  if (found !== undefined) return found
  throw new Error(`"${name}" is no longer there.`)
}
