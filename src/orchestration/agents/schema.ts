import { z } from 'zod'
import { errorMessage, FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'

/** Any schema that speaks Standard Schema (https://standardschema.dev): zod, valibot, arktype and others. */
export interface Schema<T> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Validated<T> | Promise<Validated<T>>
  }
}

type Validated<T> =
  | { readonly value: T; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
      }[]
    }

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issue: string }

/** Checks a value. `issue` says in words what is wrong first, and where; it may quote the value. */
export async function checkValue<T>(schema: Schema<T>, value: unknown): Promise<Checked<T>> {
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return { ok: true, value: result.value }
  const [issue] = result.issues
  const path = (issue?.path ?? []).map((p) => String(typeof p === 'object' ? p.key : p)).join('.')
  return { ok: false, issue: `at ${path || 'the top'}: ${issue?.message ?? 'invalid'}` }
}

/**
 * A schema as JSON Schema (draft 2020-12): what a model, a remote agent and the operator's answer are held to before the
 * schema itself is asked. Throws `agent.no_json_schema` for a library that cannot say it.
 */
export function jsonSchema(schema: Schema<unknown>): Json {
  if (schema instanceof z.ZodType) return z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as Json
  const { vendor, jsonSchema: convert } = schema['~standard'] as {
    readonly vendor: string
    readonly jsonSchema?: { readonly input: (options: { readonly target: string }) => Record<string, unknown> }
  }
  try {
    if (convert) return convert.input({ target: 'draft-2020-12' }) as Json
  } catch (error) {
    throw noJsonSchema(vendor, errorMessage(error))
  }
  throw noJsonSchema(vendor, 'it has no Standard JSON Schema')
}

function noJsonSchema(vendor: string, why: string): FactotumError {
  return new FactotumError(
    'agent.no_json_schema',
    `A schema made with "${vendor}" cannot be given to a model: ${why}. Use zod, or a library with Standard JSON Schema.`,
  )
}

/** The values, where there are only a few and they are text. */
export function fewValues(shape: Json): readonly string[] | undefined {
  const values = (shape as { readonly enum?: unknown } | null)?.enum
  return Array.isArray(values) && values.every((v) => typeof v === 'string') ? (values as string[]) : undefined
}

/** A JSON Schema in a few words, for people: `refund | question`, `{ body: text, cc: list }`. */
export function inShort(shape: Json): string {
  const { enum: values, const: only, type, properties } = shape as Readonly<Record<string, Json>>
  if (Array.isArray(values)) return values.map(String).join(' | ')
  if (only !== undefined) return JSON.stringify(only)
  if (properties !== undefined && properties !== null)
    return `{ ${Object.entries(properties as Readonly<Record<string, Json>>)
      .map(([name, of]) => `${name}: ${inShort(of)}`)
      .join(', ')} }`
  if (type === 'string') return 'text'
  return typeof type === 'string' ? type.replace('array', 'list').replace('integer', 'number') : 'anything'
}
