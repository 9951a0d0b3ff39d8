import type { CedarValueJson, EntityType, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'
import { z } from 'zod'
import type { Json } from '../../lib/json.ts'
import type { PolicyAction } from './model.ts'

/** The part of Cedar's types that JSON values can be given: no fractions, no null, no maps, no unions. */
export type InputType =
  | { readonly type: 'String' | 'Long' | 'Boolean' }
  | { readonly type: 'Set'; readonly element: InputType }
  | RecordInput

interface RecordInput {
  readonly type: 'Record'
  readonly attributes: Readonly<Record<string, InputType & { readonly required: boolean }>>
}

/** The part of JSON Schema (2020-12) that is looked at. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly pattern?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
}

/** What an action takes, as JSON Schema; null where it cannot be said so. */
export function jsonSchemaOf(input: z.ZodType | undefined): JsonSchema | null {
  if (!input) return null
  try {
    return z.toJSONSchema(input, { io: 'output', unrepresentable: 'any' }) as JsonSchema
  } catch {
    return null
  }
}

const MAX_DEPTH = 8

/** The schema without its null, if it has one. */
export function nonNull(schema: JsonSchema): JsonSchema {
  if (Array.isArray(schema.type)) {
    const types = (schema.type as readonly string[]).filter((type) => type !== 'null')
    return types.length === 1 ? { ...schema, type: types[0]! } : schema
  }
  const rest = schema.anyOf?.filter((s) => s.type !== 'null')
  return rest?.length === 1 ? rest[0]! : schema
}

/** What of a schema policies can read; null: nothing. */
export function inputType(given: JsonSchema, depth = 0): InputType | null {
  const schema = nonNull(given)
  if (depth > MAX_DEPTH) return null
  switch (schema.type ?? typeOfValues(schema)) {
    case 'string':
      return { type: 'String' }
    case 'integer':
      return { type: 'Long' }
    case 'boolean':
      return { type: 'Boolean' }
    case 'array': {
      const element = schema.items && nonNull(schema.items) === schema.items ? inputType(schema.items, depth + 1) : null
      return element && { type: 'Set', element }
    }
    case 'object':
      return recordType(schema, depth)
    default:
      return null
  }
}

/** Values of one kind, without a `type`. */
function typeOfValues(schema: JsonSchema): string | undefined {
  const values = schema.enum ?? (schema.const === undefined ? [] : [schema.const])
  return values.length > 0 && values.every((v) => typeof v === 'string') ? 'string' : undefined
}

function recordType(schema: JsonSchema, depth: number): RecordInput | null {
  const attributes: Record<string, InputType & { required: boolean }> = {}
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    // Cedar's JSON gives names that begin so a meaning of their own.
    const type = name.startsWith('__') ? null : inputType(property, depth + 1)
    const required = (schema.required ?? []).includes(name) && nonNull(property) === property
    if (type) attributes[name] = { ...type, required }
  }
  return Object.keys(attributes).length > 0 ? { type: 'Record', attributes } : null
}

/** A value as Cedar's JSON; undefined where it is not of that type. */
export function inputValue(value: Json | undefined, type: InputType): CedarValueJson | undefined {
  switch (type.type) {
    case 'String':
      return typeof value === 'string' ? value.toWellFormed() : undefined
    case 'Long':
      return Number.isSafeInteger(value) ? (value as number) : undefined
    case 'Boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'Set': {
      if (!Array.isArray(value)) return undefined
      const items = value.map((item) => inputValue(item as Json, type.element))
      return items.includes(undefined) ? undefined : (items as CedarValueJson[])
    }
    case 'Record':
      return recordValue(value, type)
  }
}

function recordValue(value: Json | undefined, type: RecordInput): CedarValueJson | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const from = value as Readonly<Record<string, Json>>
  const out: Record<string, CedarValueJson> = {}
  for (const [name, attribute] of Object.entries(type.attributes)) {
    const item = Object.hasOwn(from, name) ? from[name] : undefined
    if (!attribute.required && (item === undefined || item === null)) continue
    const converted = inputValue(item, attribute)
    if (converted === undefined) return undefined
    out[name] = converted
  }
  return out
}

const RISKS = ['read', 'reversible', 'compensable', 'irreversible']
const TRUSTS = ['operator', 'verified', 'outsider']

/** What every policy of a company may speak of. Labels are entities, so that a misspelt one is an error. */
export function schemaOf(
  actions: readonly PolicyAction[],
  types: ReadonlyMap<string, InputType>,
  workflows: readonly string[] | undefined,
): SchemaJson<string> {
  const oneOf = (names: readonly string[] | undefined): EntityType<string> =>
    names && names.length > 0 ? { enum: [...names] } : {}
  const always = {
    risk: { type: 'Entity' as const, name: 'Risk' },
    trust: { type: 'Entity' as const, name: 'Trust' },
    away: { type: 'Boolean' as const },
    hour: { type: 'Long' as const },
    weekday: { type: 'Long' as const },
    epochMs: { type: 'Long' as const },
    money: {
      type: 'Record' as const,
      required: false,
      attributes: { micros: { type: 'Long' as const }, currency: { type: 'String' as const } },
    },
  }
  return {
    '': {
      entityTypes: {
        Workflow: oneOf(workflows),
        Operator: oneOf(['operator']),
        Connector: oneOf([...new Set(actions.map((a) => a.connector))]),
        Risk: oneOf(RISKS),
        Trust: oneOf(TRUSTS),
      },
      actions: Object.fromEntries(
        actions.map(({ action }) => {
          const input = types.get(action)
          const context = { type: 'Record' as const, attributes: { ...always, ...(input ? { input } : {}) } }
          return [
            action,
            { appliesTo: { principalTypes: ['Workflow', 'Operator'], resourceTypes: ['Connector'], context } },
          ]
        }),
      ),
    },
  }
}
