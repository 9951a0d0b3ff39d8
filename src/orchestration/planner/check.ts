import { z } from 'zod'
import { errorMessage } from '../../lib/errors.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import { checkValue, type Schema } from '../agents/schema.ts'
import { ITEM, KEY, Plan, TODAY, type Condition, type Step } from './plan.ts'
import { outputOf, schemaOf, type Registry } from './registry.ts'
import { listOf, objectOf, typeOf, walk, type Shape } from './shapes.ts'
import { holesIn, readReference, type Hole } from './values.ts'

export interface CheckedPlan {
  /** Null where it is no plan at all. */
  readonly plan: Plan | null
  /** What is wrong, in words for whoever wrote it; none: it can run. */
  readonly problems: readonly string[]
}

const MAX_PROBLEMS = 20
const MAX_PLAN_BYTES = 262_144

type Shapes = Readonly<Record<string, Shape>>
type Report = (problem: string) => void

/** Whether everything that a plan names exists, takes what it is given, and was there before it is used. */
export async function checkPlan(registry: Registry, given: unknown): Promise<CheckedPlan> {
  const parsed = readPlan(given)
  if (Array.isArray(parsed)) return { plan: null, problems: parsed.slice(0, MAX_PROBLEMS) }
  const plan = parsed as Plan
  const problems: string[] = []
  const scope: Record<string, Shape> = { [TODAY]: { type: 'string' } }
  for (const step of plan.steps) {
    const report: Report = (problem) => void problems.push(`${step.id}: ${problem}`)
    if (Object.hasOwn(scope, step.id)) report('another step has this id')
    scope[step.id] = await checkStep(registry, step, scope, report)
  }
  return { plan, problems: [...new Set(problems)].slice(0, MAX_PROBLEMS) }
}

function readPlan(given: unknown): Plan | string[] {
  let copy: Json
  try {
    copy = jsonCopy(given, 'The plan', MAX_PLAN_BYTES)
  } catch (error) {
    return [errorMessage(error)]
  }
  const parsed = Plan.safeParse(copy)
  if (parsed.success) return parsed.data
  return parsed.error.issues.map((issue) => `at ${issue.path.join('.') || 'the top'}: ${issue.message}`)
}

/** Answers the shape of what the step gives. */
async function checkStep(registry: Registry, step: Step, scope: Shapes, report: Report): Promise<Shape> {
  if (step.kind === 'filter') {
    const items = itemsOf(step.list, scope, report)
    for (const condition of step.where) checkCondition(condition, items, report)
    return listOf(items)
  }
  if (step.kind === 'map') {
    const inside = { ...scope, [ITEM]: itemsOf(step.list, scope, report) }
    checkHoles(step.to, inside, report)
    return listOf(
      objectOf(Object.fromEntries(Object.entries(step.to).map(([name, value]) => [name, shapeOf(value, inside)]))),
    )
  }
  if (step.kind === 'ask') {
    checkHoles(step.about, scope, report)
    return { type: 'string' }
  }
  const called = calledBy(registry, step)
  if (typeof called === 'string') report(called)
  const items = step.each ? itemsOf(step.each.list, scope, report) : null
  if (step.each?.key !== undefined) fieldAt(step.each.key, items, report)
  const inside = step.each ? { ...scope, [ITEM]: items, [KEY]: { type: 'string' } } : scope
  checkHoles(step.input, inside, report)
  if (typeof called === 'string') return null
  if (called.input) await checkInput(called.input, step.input, inside, report)
  if (!step.each) return called.output
  return listOf(objectOf({ key: { type: 'string' }, item: items, state: { type: 'string' }, output: called.output }))
}

interface Called {
  readonly input: Schema<unknown> | null
  readonly output: Shape
}

/** What a step names, or why there is no such thing. */
function calledBy(registry: Registry, step: Extract<Step, { kind: 'act' | 'run' | 'decide' }>): Called | string {
  switch (step.kind) {
    case 'act': {
      const action = registry.actions.get(step.action)
      if (!action) return `there is no action "${step.action}"; there is ${known(registry.actions)}`
      return { input: action.input, output: outputOf(action.output) as Shape }
    }
    case 'run': {
      const workflow = registry.workflows.get(step.workflow)
      if (!workflow)
        return `there is no workflow "${step.workflow}" that a plan can start; there is ${known(registry.workflows)}`
      return { input: workflow.input, output: null }
    }
    case 'decide': {
      const agent = registry.agents.get(step.agent)
      if (!agent) return `there is no agent "${step.agent}"; there is ${known(registry.agents)}`
      return { input: agent.input, output: agent.outputs && (schemaOf(agent.outputs) as Shape) }
    }
  }
}

function known(map: ReadonlyMap<string, unknown>): string {
  return [...map.keys()].toSorted().slice(0, 50).join(', ') || 'none'
}

function itemsOf(list: string, scope: Shapes, report: Report): Shape {
  const shape = shapeAt(list, scope, report)
  if (shape === null || typeOf(shape) === null) return null
  const walked = typeOf(shape) === 'array' ? walk(shape, [0]) : null
  if (walked && 'shape' in walked) return walked.shape
  report(`"${list}" is not a list`)
  return null
}

function fieldAt(field: string, items: Shape, report: Report): Shape {
  return shapeAt(`${ITEM}.${field}`, { [ITEM]: items }, report)
}

/** A comparison that can never hold is a mistake, not a way to do nothing. */
function checkCondition({ field, is, value }: Condition, items: Shape, report: Report): void {
  const type = typeOf(fieldAt(field, items, report))
  const never = (wants: string) => report(`"${field}" is ${type ?? 'something'}, and "${is}" ${wants} here`)
  if (is === 'older_than_days' || is === 'younger_than_days') {
    if (typeof value !== 'number') report(`"${is}" wants a number of days`)
    if (type !== null && type !== 'string' && type !== 'number') never('wants a date')
  } else if (is === 'containing') {
    if (type !== null && type !== 'string' && type !== 'array') never('wants a text or a list')
  } else if (type !== null && value !== null && type !== typeof value) never(`compares it with a ${typeof value}`)
}

/** What a reference leads to, as far as schemas tell. */
function shapeAt(text: string, scope: Shapes, report: Report): Shape {
  const reference = readReference(text)
  if (!reference) {
    report(`"${text}" is no reference; write one like overdue.invoices[0].email`)
    return null
  }
  if (!Object.hasOwn(scope, reference.root)) {
    report(
      `"${text}" refers to "${reference.root}", which is no earlier step; there is ${Object.keys(scope).join(', ')}`,
    )
    return null
  }
  const walked = walk(scope[reference.root]!, reference.parts)
  if ('shape' in walked) return walked.shape
  report(`"${text}" leads nowhere: ${walked.problem}`)
  return null
}

function checkHoles(value: unknown, scope: Shapes, report: Report): void {
  for (const name of strangeNames(value))
    report(`"${name}" means nothing; there is $from and $text, each alone in its object`)
  for (const hole of holesIn(value)) {
    const at = hole.path.join('.') || 'the input'
    for (const from of hole.from) {
      const type = typeOf(shapeAt(from, scope, (problem) => report(`at ${at}: ${problem}`)))
      if (!hole.whole && (type === 'object' || type === 'array'))
        report(`at ${at}: "${from}" is ${type === 'array' ? 'a list' : 'an object'}, which cannot stand in a text`)
    }
  }
}

function strangeNames(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  const entries = Object.entries(value)
  const [only] = entries
  if (entries.length === 1 && typeof only![1] === 'string' && ['$from', '$text'].includes(only![0])) return []
  return entries.flatMap(([name, item]) => [...(name.startsWith('$') ? [name] : []), ...strangeNames(item)])
}

function shapeOf(value: unknown, scope: Shapes): Shape {
  const [hole] = holesIn(value)
  if (hole?.path.length === 0) return hole.whole ? shapeAt(hole.from[0]!, scope, () => {}) : { type: 'string' }
  return value === null || typeof value === 'object' ? null : { type: typeof value }
}

/** What an input is missing, has too much of or has of another type. What fills its holes is known only by its type. */
async function checkInput(schema: Schema<unknown>, input: unknown, scope: Shapes, report: Report): Promise<void> {
  const holes = holesIn(input)
  if (holes.length === 0) {
    const checked = await checkValue(schema, input)
    if (!checked.ok) report(`it does not take this input, ${checked.issue}`)
    return
  }
  const wanted = schemaOf(schema) as Shape
  for (const hole of holes) checkType(hole, wanted, scope, report)
  if (!(schema instanceof z.ZodType)) return
  const parsed = schema.safeParse(input)
  for (const issue of parsed.error?.issues ?? []) {
    if (holes.some((hole) => concerns(issue, hole.path))) continue
    report(`it does not take this input, at ${issue.path.join('.') || 'the top'}: ${issue.message}`)
  }
}

/** Whether an issue is about what only the run knows: in the hole itself, or of a choice that it decides. */
function concerns(
  issue: { readonly code?: string; readonly path: readonly PropertyKey[] },
  hole: readonly PropertyKey[],
): boolean {
  const along = Math.min(issue.path.length, hole.length)
  if (!hole.slice(0, along).every((part, i) => part === issue.path[i])) return false
  return issue.path.length >= hole.length || issue.code === 'invalid_union' || issue.code === 'custom'
}

function checkType(hole: Hole, wanted: Shape, scope: Shapes, report: Report): void {
  const there = walk(wanted, hole.path)
  const expected = 'shape' in there ? typeOf(there.shape) : null
  const given = hole.whole ? typeOf(shapeAt(hole.from[0]!, scope, () => {})) : 'string'
  if (expected !== null && given !== null && expected !== given)
    report(`at ${hole.path.join('.') || 'the input'}: it wants ${expected} and "${hole.from[0] ?? ''}" is ${given}`)
}
