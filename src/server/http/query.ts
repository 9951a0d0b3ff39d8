import { z } from 'zod'
import { FactotumError } from '../../lib/errors.ts'

/**
 * Arguments from the query of a GET, as `queryOf` writes them. An argument that may be text or something else is text.
 */
export function argsInQuery(schema: z.ZodType, query: Readonly<Record<string, string>>): Record<string, unknown> {
  const types = textArguments(schema)
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, types.get(name) === false ? parse(name, value) : value]),
  )
}

const known = new WeakMap<z.ZodType, Map<string, boolean>>()

/** Of each argument whether it is text. */
export function textArguments(schema: z.ZodType): Map<string, boolean> {
  const found = known.get(schema)
  if (found) return found
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const types = new Map(
    Object.entries(properties).map(([name, of]) => [name, isText(of as z.core.JSONSchema.BaseSchema)]),
  )
  known.set(schema, types)
  return types
}

function isText({ type, enum: values, const: value, anyOf }: z.core.JSONSchema.BaseSchema): boolean {
  if (anyOf) return anyOf.some((one) => isText(one as z.core.JSONSchema.BaseSchema))
  return type === 'string' || typeof value === 'string' || (values?.every((v) => typeof v === 'string') ?? false)
}

function parse(name: string, value: string): unknown {
  try {
    return JSON.parse(value) as unknown
  } catch (cause) {
    throw new FactotumError(
      'http.bad_query',
      `"${name}" in the address takes JSON (a number, true, a list), not ${JSON.stringify(value.slice(0, 60))}.`,
      { cause },
    )
  }
}
