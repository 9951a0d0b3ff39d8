import type { Json } from '../../lib/json.ts'
import type { Part } from './values.ts'

/** A JSON Schema as far as it is known; null: anything. */
export type Shape = Readonly<Record<string, Json>> | null

export function listOf(items: Shape): Shape {
  return { type: 'array', items: items ?? {} }
}

export function objectOf(properties: Readonly<Record<string, Shape>>): Shape {
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(properties).map(([name, shape]) => [name, shape ?? {}])),
  }
}

/** `integer` is a number here; null where it may be several, or nobody says. */
export function typeOf(shape: Shape): string | null {
  const type = shape?.type
  if (typeof type === 'string') return type === 'integer' ? 'number' : type
  const values = shape?.const !== undefined ? [shape.const] : shape?.enum
  if (!Array.isArray(values)) return null
  const types = new Set((values as readonly Json[]).map((value) => typeof value))
  return types.size === 1 ? [...types][0]! : null
}

type Walked = { readonly shape: Shape } | { readonly problem: string }

/** The shape of what a path leads to, or why it leads nowhere. What no schema tells is anything. */
export function walk(from: Shape, parts: readonly Part[]): Walked {
  const [part, ...rest] = parts
  const shape = plain(from)
  if (part === undefined) return { shape }
  const type = typeOf(shape)
  if (shape === null || type === null) return { shape: null }
  if (part === null) {
    if (type !== 'array') return { problem: `[] wants a list, and this is ${named(type)}` }
    const each = walk(asShape(shape.items), rest)
    return 'problem' in each ? each : { shape: listOf(each.shape) }
  }
  if (typeof part === 'number')
    return type === 'array'
      ? walk(asShape(shape.items), rest)
      : { problem: `[${part}] wants a list, and this is ${named(type)}` }
  if (type !== 'object') return { problem: `${named(type)} has no "${part}"` }
  const properties = (shape.properties ?? {}) as Readonly<Record<string, Json>>
  if (Object.hasOwn(properties, part)) return walk(asShape(properties[part]), rest)
  const open = shape.additionalProperties
  if (open === true || (open !== null && typeof open === 'object')) return { shape: null }
  return { problem: `there is no "${part}"; there is ${Object.keys(properties).join(', ') || 'nothing'}` }
}

function named(type: string): string {
  return type === 'array' ? 'a list' : type === 'object' ? 'an object' : `a ${type}`
}

function asShape(json: Json | undefined): Shape {
  return json !== null && typeof json === 'object' && !Array.isArray(json) ? (json as Shape) : null
}

/** Of something that may be null as well, what else it may be; of several things, none. */
function plain(shape: Shape): Shape {
  const choices = shape?.anyOf ?? shape?.oneOf
  if (!Array.isArray(choices)) return shape
  const others = (choices as readonly Json[]).map(asShape).filter((choice) => choice?.type !== 'null')
  return others.length === 1 ? plain(others[0]!) : null
}
