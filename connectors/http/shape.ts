import type { Json } from '../../src/connector.ts'

const MAX_DEPTH = 20

/** The keys and types of a value, without the values. The items of a list have one shape: everything that any of them has. */
export function shapeOf(value: Json, depth = 0): Json {
  if (value === null) return 'null'
  if (typeof value !== 'object' || depth > MAX_DEPTH) return typeof value
  if (Array.isArray(value))
    return value.length === 0 ? [] : [value.map((item: Json) => shapeOf(item, depth + 1)).reduce(merged)]
  const entries = Object.entries(value).map(([key, item]) => [key, shapeOf(item as Json, depth + 1)] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function merged(a: Json, b: Json): Json {
  if (typeof a === 'string' && typeof b === 'string')
    return [...new Set([...a.split('|'), ...b.split('|')])].toSorted().join('|')
  if (Array.isArray(a) && Array.isArray(b))
    return [...a, ...b].length === 0 ? [] : [[...(a as Json[]), ...(b as Json[])].reduce(merged)]
  if (isRecord(a) && isRecord(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted()
    return Object.fromEntries(
      keys.map((key) => [key, key in a && key in b ? merged(a[key]!, b[key]!) : (a[key] ?? b[key])!]),
    )
  }
  return 'mixed'
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
