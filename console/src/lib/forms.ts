import type { Json } from '../../../src/lib/json.ts'

/** One field of a form that edits a value: text and numbers as they are, everything else as JSON. */
export interface Field {
  readonly path: readonly string[]
  readonly kind: 'text' | 'long' | 'number' | 'flag' | 'json'
  readonly value: Json
}

/** From here on a text gets more than one line. */
const LONG = 80
/** What lies deeper is edited as JSON. */
const DEPTH = 1

/** The fields of a value, in its own order: what is said first stands first. */
export function fieldsOf(value: Json, path: readonly string[] = []): Field[] {
  if (isFields(value) && path.length <= DEPTH)
    return Object.entries(value).flatMap(([name, of]) =>
      isFields(of) && path.length < DEPTH
        ? [{ path: [...path, name], kind: 'json' as const, value: of }]
        : fieldsOf(of, [...path, name]),
    )
  return [{ path, kind: kindOf(value), value }]
}

function kindOf(value: Json): Field['kind'] {
  if (typeof value === 'number') return 'number'
  if (typeof value === 'boolean') return 'flag'
  if (typeof value === 'string') return value.length > LONG || value.includes('\n') ? 'long' : 'text'
  return 'json'
}

function isFields(value: Json): value is Readonly<Record<string, Json>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** What a field reads as where it is edited. */
export function textOf({ kind, value }: Field): string {
  if (kind === 'json') return JSON.stringify(value, null, 2)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The value that a field's text stands for. Throws an Error that says what is wrong. */
export function valueOf({ kind }: Field, text: string): Json {
  if (kind === 'text' || kind === 'long') return text
  if (kind === 'flag') return text === 'true'
  if (kind === 'number') {
    const n = Number(text.trim())
    if (text.trim() === '' || !Number.isFinite(n)) throw new Error('This takes a number.')
    return n
  }
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new Error('This is not JSON.')
  }
}

/** A value with one field changed. */
export function withField(value: Json, path: readonly string[], to: Json): Json {
  const [name, ...rest] = path
  if (name === undefined) return to
  const of = isFields(value) ? value : {}
  return { ...of, [name]: withField(of[name] ?? null, rest, to) }
}

interface Shape {
  readonly type?: string | readonly string[]
  readonly enum?: readonly Json[]
  readonly properties?: Readonly<Record<string, Shape>>
  readonly default?: Json
}

/** Where an answer begins, from the shape that it must have (JSON Schema). */
export function blank(shape: Json): Json {
  const { type, enum: values, properties, default: given } = (shape ?? {}) as Shape
  if (given !== undefined) return given
  if (values?.[0] !== undefined) return values[0]
  if (properties) return Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, blank(of as Json)]))
  if (type === 'number' || type === 'integer') return 0
  if (type === 'boolean') return false
  if (type === 'array') return []
  if (type === 'object') return {}
  return ''
}
