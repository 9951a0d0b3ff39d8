import { z } from 'zod'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { FactotumError } from '../../lib/errors.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import type { FactRow } from './rows.ts'

/** What becomes of a statement that contradicts what is known and could replace it. */
export type ConflictRule = 'newest' | 'ask' | 'keep'

export interface AttributeOptions {
  /** A set of values: to assert adds one, to end or retract takes one away. Default: one value at a time. */
  readonly many?: boolean
  /** Who may write beside the operator: `'workflow:answer-mail'`, `'agent:reader'`; `'operator'` alone: nobody else. Default: anyone. */
  readonly writers?: readonly string[]
  /** `newest` replaces, `ask` asks the operator at every change, `keep` never replaces. Default `newest`. */
  readonly conflict?: ConflictRule
  /** How long a statement may stand before somebody should look at it again: `'180d'`. Default: for ever. */
  readonly review?: Duration
  /** Whether it says something of a person, and is erased with what is known of them. Default true. */
  readonly personal?: boolean
}

/** An attribute with its rules. A plain schema stands for one with none but the defaults. */
export interface Attribute<S extends z.ZodType = z.ZodType, Many extends boolean = boolean> {
  readonly schema: S
  readonly many: Many
  readonly writers: readonly string[] | null
  readonly conflict: ConflictRule
  readonly reviewMs: number | null
  readonly personal: boolean
}

const MAKER = /^(operator|(workflow|agent):[^@\s]+)$/

/**
 * Declares an attribute with rules of its own.
 *
 *     plan: attribute(z.enum(['free', 'pro']), { conflict: 'ask', review: '180d' })
 *
 * Throws `fact.bad_writer`, `duration.invalid`.
 */
export function attribute<S extends z.ZodType, const O extends AttributeOptions>(
  schema: S,
  options?: O,
): Attribute<S, O extends { readonly many: true } ? true : false>
export function attribute(schema: z.ZodType, options: AttributeOptions = {}): Attribute {
  const wrong = options.writers?.find((w) => !MAKER.test(w))
  if (wrong !== undefined)
    throw new FactotumError(
      'fact.bad_writer',
      `"${wrong}" names nobody who could write. Writers are "operator", "workflow:<name>" and "agent:<name>".`,
    )
  return {
    schema,
    many: options.many ?? false,
    writers: options.writers ?? null,
    conflict: options.conflict ?? 'newest',
    reviewMs: options.review === undefined ? null : milliseconds(options.review),
    personal: options.personal ?? true,
  }
}

export type Attributes = Readonly<Record<string, z.ZodType | Attribute>>

type SchemaOf<X> = X extends Attribute<infer S> ? S : X extends z.ZodType ? X : never

/** What an attribute reads as: its schema's own default where there is one, else perhaps nothing; a set as an array. */
type Known<X> =
  X extends Attribute<infer S, infer Many>
    ? // Given options without `many`, it is inferred as boolean: one value.
      [Many] extends [true]
      ? readonly z.output<S>[]
      : KnownOne<S>
    : X extends z.ZodType
      ? KnownOne<X>
      : never
type KnownOne<S extends z.ZodType> = undefined extends z.input<S> ? z.output<S> : z.output<S> | undefined

/** One value that an attribute can have. */
export type ValueOf<X> = z.input<SchemaOf<X>>

/** A kind of thing the company keeps facts about, with the attributes that it declares. */
export interface EntityKind<A extends Attributes = Attributes> {
  readonly entity: string
  readonly attributes: A
}

/** Where an entity remembers its declaration and which of its merged parts it was found as: not shown by JSON or a log. */
export const DECLARED: unique symbol = Symbol('declared')

/** One entity with what is believed of it: the value a workflow reads. */
export type Entity<A extends Attributes = Attributes> = {
  readonly id: string
  readonly kind: string
  readonly [DECLARED]: { readonly kind: EntityKind<A>; readonly part: string }
} & { readonly [K in keyof A]: Known<A[K]> }

/** New values of some attributes; of a set, one more value or several. */
export type Statements<A extends Attributes> = {
  readonly [K in keyof A]?: A[K] extends Attribute<infer S, true> ? z.input<S> | readonly z.input<S>[] : ValueOf<A[K]>
}

/**
 * Declares a kind of entity.
 *
 *     export const Customer = entity('customer', { name: z.string(), plan: z.enum(['free', 'pro']).default('free') })
 *
 * An attribute with a default reads as that until something is known. Throws `fact.reserved_attribute`.
 */
export function entity<A extends Attributes>(name: string, attributes: A): EntityKind<A> {
  for (const reserved of ['id', 'kind']) {
    if (reserved in attributes) {
      throw new FactotumError(
        'fact.reserved_attribute',
        `The entity "${name}" declares an attribute "${reserved}", a name every entity has. Call it something else.`,
      )
    }
  }
  return { entity: name, attributes }
}

const plain = new WeakMap<z.ZodType, Attribute>()

/** An attribute as declared, with its defaults. Throws `fact.unknown_attribute`. */
export function declaredAttribute(kind: EntityKind, name: string): Attribute {
  const given = Object.hasOwn(kind.attributes, name) ? kind.attributes[name] : undefined
  if (!given)
    throw new FactotumError(
      'fact.unknown_attribute',
      `"${kind.entity}" declares no attribute "${name}". Declare it in facts.ts.`,
    )
  if (!(given instanceof z.ZodType)) return given
  let made = plain.get(given)
  if (!made) plain.set(given, (made = attribute(given)))
  return made
}

/** One value as it is kept, checked by its schema. Throws `fact.unknown_attribute`, `fact.bad_value`, `json.*`. */
export function checkValue(kind: EntityKind, name: string, value: unknown): Json {
  const parsed = declaredAttribute(kind, name).schema.safeParse(value)
  if (!parsed.success)
    throw new FactotumError(
      'fact.bad_value',
      `"${name}" of "${kind.entity}" cannot be that: ${parsed.error.issues[0]?.message ?? 'invalid'}.`,
    )
  return jsonCopy(parsed.data, `The fact "${name}"`)
}

/** An entity as its facts say. A value that was erased, or no longer fits its schema, reads as not known. */
export function entityView<A extends Attributes>(
  kind: EntityKind<A>,
  id: string,
  rows: readonly FactRow[],
  part = id,
): Entity<A> {
  const view: Record<string, unknown> = { id, kind: kind.entity }
  for (const name of Object.keys(kind.attributes)) {
    const { schema, many } = declaredAttribute(kind, name)
    const values = rows
      .filter((r) => r.attribute === name)
      .flatMap((r) => {
        const parsed = r.value === null ? undefined : schema.safeParse(JSON.parse(r.value))
        return parsed?.success ? [parsed.data] : []
      })
    view[name] = many ? values : values.length > 0 ? values.at(-1) : schema.safeParse(undefined).data
  }
  Object.defineProperty(view, DECLARED, { value: { kind, part }, enumerable: false })
  return view as Entity<A>
}
