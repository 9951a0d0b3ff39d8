import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'

/** A name, a place in a list, or (null) every item of a list. */
export type Part = string | number | null

/** Where a value is: `overdue.invoices[0].email`, or of every item `overdue.invoices[].email`. */
export interface Reference {
  readonly text: string
  readonly root: string
  readonly parts: readonly Part[]
}

const REFERENCE = /^([A-Za-z_]\w*)((?:\.[\w-]+|\[\d*\])*)$/
const PART = /\.([\w-]+)|\[(\d*)\]/g
const HOLE = /\{([^{}]*)\}/g

/** Null where the text is no reference. */
export function readReference(text: string): Reference | null {
  const [, root, rest] = REFERENCE.exec(text) ?? []
  if (root === undefined || rest === undefined) return null
  const parts = [...rest.matchAll(PART)].map(([, name, at]) => name ?? (at === '' ? null : Number(at)))
  return { text, root, parts }
}

/** A place in an input that is filled when the plan runs. */
export interface Hole {
  /** Where in the input. */
  readonly path: readonly (string | number)[]
  /** What fills it, as the plan writes it. */
  readonly from: readonly string[]
  /** The value itself (`$from`), or a part of a text (`$text`). */
  readonly whole: boolean
}

/** `{ "$from": "step.path" }` is a value that comes from elsewhere, `{ "$text": "Hello {item.name}" }` a text with such. */
function holeOf(value: object): Omit<Hole, 'path'> | null {
  const [first, ...more] = Object.entries(value)
  if (!first || more.length > 0 || typeof first[1] !== 'string') return null
  if (first[0] === '$from') return { from: [first[1]], whole: true }
  if (first[0] === '$text') return { from: [...first[1].matchAll(HOLE)].map((m) => m[1]!), whole: false }
  return null
}

export function holesIn(value: unknown, path: readonly (string | number)[] = []): Hole[] {
  if (value === null || typeof value !== 'object') return []
  const hole = holeOf(value)
  if (hole) return [{ ...hole, path }]
  return Object.entries(value).flatMap(([name, item]) =>
    holesIn(item, [...path, Array.isArray(value) ? Number(name) : name]),
  )
}

export type Scope = Readonly<Record<string, Json>>

/** An input with everything filled in. Throws `plan.no_value` for what is not there, and for a text of what is no text. */
export function fill(value: unknown, scope: Scope): Json {
  if (value === null || typeof value !== 'object') return value as Json
  const hole = holeOf(value)
  if (hole?.whole) return lookUp(hole.from[0]!, scope)
  if (hole) {
    const [text] = Object.values(value) as [string]
    return text.replace(HOLE, (_, from: string) => textOf(from, lookUp(from, scope)))
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, scope))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fill(item, scope)]))
}

function textOf(from: string, value: Json): string {
  if (value !== null && typeof value !== 'object') return String(value)
  throw new FactotumError(
    'plan.no_value',
    `"${from}" is ${kindOf(value)}, which cannot stand in a text. Name a part of it.`,
  )
}

/** What a reference leads to. Throws `plan.no_value`. */
export function lookUp(text: string, scope: Scope): Json {
  const reference = readReference(text)
  if (!reference || !Object.hasOwn(scope, reference.root))
    throw new FactotumError('plan.no_value', `"${text}" leads nowhere: there is no "${reference?.root ?? text}" here.`)
  return follow(scope[reference.root]!, reference.parts, text)
}

function follow(value: Json, parts: readonly Part[], text: string): Json {
  const [part, ...rest] = parts
  if (part === undefined) return value
  if (part === null) {
    if (Array.isArray(value)) return (value as readonly Json[]).map((item) => follow(item, rest, text))
    throw new FactotumError('plan.no_value', `"${text}" wants a list where there is ${kindOf(value)}.`)
  }
  // Only own properties, and of a list only its items: what every object inherits is no value of a service.
  const has = value !== null && typeof value === 'object' && Object.hasOwn(value, part)
  if (has && (typeof part === 'number' || !Array.isArray(value)))
    return follow((value as Readonly<Record<string, Json>>)[part]!, rest, text)
  throw new FactotumError('plan.no_value', `"${text}" is not there: ${kindOf(value)} has no "${part}".`)
}

/** For a field of an item that may lack it: null then. */
export function fieldOf(item: Json, path: string): Json {
  try {
    return lookUp(`${IT}.${path}`, { [IT]: item })
  } catch {
    return null
  }
}

const IT = 'it'

function kindOf(value: Json): string {
  if (value === null) return 'nothing'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
