import type { z } from 'zod'
import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { eventKind, sql, type Guard, type Store } from '../store/index.ts'
import type { Trust } from './signals.ts'

type Attributes = Readonly<Record<string, z.ZodType>>

/** What an attribute reads as: its schema's own default where there is one, else perhaps nothing. */
type Known<S extends z.ZodType> = undefined extends z.input<S> ? z.output<S> : z.output<S> | undefined

/** A kind of thing the company keeps facts about, with the attributes that it declares. */
export interface EntityKind<A extends Attributes = Attributes> {
  readonly entity: string
  readonly attributes: A
}

/** Where an entity remembers its declaration: not a property that JSON or a log would show. */
export const DECLARED: unique symbol = Symbol('declared')

/** One entity with what is believed of it: the value a workflow reads. */
export type Entity<A extends Attributes = Attributes> = {
  readonly id: string
  readonly kind: string
  readonly [DECLARED]: EntityKind<A>
} & { readonly [K in keyof A]: Known<A[K]> }

/** New values of some attributes. */
export type Statements<A extends Attributes> = { readonly [K in keyof A]?: z.input<A[K]> }

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

const insertEntity = sql('insert into entity (id, kind, created_seq) values (?, ?, ?)')
const insertKey = sql('insert into entity_key (kind, lookup, entity, label) values (?, ?, ?, ?)')
const insertFact = sql(
  `insert into fact (id, entity, attribute, value, valid_from, valid_to, recorded_seq, ended_seq, trust, actor, source)
   values (?, ?, ?, ?, ?, null, ?, null, ?, ?, ?)`,
)
const endFact = sql('update fact set ended_seq = ?, valid_to = ? where id = ?')

export const entityCreated = eventKind<{ readonly kind: string; readonly lookup: string }, { readonly label: string }>(
  'entity.created@1',
  (e) => [
    insertEntity(e.stream, e.body.kind, e.seq),
    insertKey(e.body.kind, e.body.lookup, e.stream, e.private?.label),
  ],
)

/** A fact, and which earlier one it ends and when: the projection decides nothing. */
export const factAsserted = eventKind<
  {
    readonly fact: string
    readonly attribute: string
    readonly validFrom: number
    readonly ends: string | null
    readonly trust: Trust
    readonly source: string | null
  },
  { readonly value: Json }
>('fact.asserted@1', (e) => [
  ...(e.body.ends === null ? [] : [endFact(e.seq, e.body.validFrom, e.body.ends)]),
  insertFact(
    e.body.fact,
    e.stream,
    e.body.attribute,
    e.private && JSON.stringify(e.private.value),
    e.body.validFrom,
    e.seq,
    e.body.trust,
    e.actor,
    e.body.source,
  ),
])

export interface FactRow {
  readonly id: string
  readonly entity: string
  readonly attribute: string
  readonly value: string | null
  readonly valid_from: number
  readonly valid_to: number | null
  readonly recorded_seq: number
  readonly ended_seq: number | null
  readonly trust: Trust
  readonly actor: string
  readonly source: string | null
  readonly retracted_seq: number | null
}

const entityByKey = sql('select entity from entity_key where kind = ? and lookup = ?')
const keyIsFree = sql('select 1 as ok where not exists (select 1 from entity_key where kind = ? and lookup = ?)')
const currentFacts = sql('select * from fact where entity = ? and ended_seq is null order by attribute')
const noCurrent = sql(
  'select 1 as ok where not exists (select 1 from fact where entity = ? and attribute = ? and ended_seq is null)',
)
const isCurrent = sql('select 1 as ok from fact where id = ? and ended_seq is null')
const factById = sql('select * from fact where id = ?')

/**
 * Lookup keys are compared as people write them: trimmed, without regard to case. An address has one key, whether it
 * names an entity or the party of a message: that is how a customer's messages are found.
 */
export function lookupKey(store: Store, lookup: string): string {
  return store.pseudonym(lookup.trim().toLowerCase().normalize('NFC'))
}

export async function findEntity(store: Store, kind: string, key: string): Promise<string | undefined> {
  return (await store.first<{ entity: string }>(entityByKey(kind, key)))?.entity
}

export function entityIsNew(kind: string, key: string): Guard {
  return { check: keyIsFree(kind, key), code: 'entity.exists', message: 'This entity exists already.' }
}

export function factsNow(store: Store, entityId: string): Promise<FactRow[]> {
  return store.read<FactRow>(currentFacts(entityId))
}

/** Exact fact versions, in the order asked for: what a run's history refers to. */
export async function factVersions(store: Store, ids: readonly string[]): Promise<FactRow[]> {
  const rows = await Promise.all(ids.map((id) => store.first<FactRow>(factById(id))))
  return rows.filter((row) => row !== undefined)
}

/** Refuses to end a fact that somebody else ended, or to start one beside another. */
export function factGuard(entityId: string, attribute: string, ends: string | null): Guard {
  const check = ends === null ? noCurrent(entityId, attribute) : isCurrent(ends)
  return { check, code: 'fact.moved', message: `What is known about ${attribute} changed in the meantime.` }
}

/** An entity as its facts say. A value that was erased, or no longer fits its schema, reads as not known. */
export function entityView<A extends Attributes>(kind: EntityKind<A>, id: string, rows: readonly FactRow[]): Entity<A> {
  const view: Record<string, unknown> = { id, kind: kind.entity }
  for (const [name, schema] of Object.entries(kind.attributes)) {
    const row = rows.find((r) => r.attribute === name)
    const known = row?.value == null ? undefined : (JSON.parse(row.value) as unknown)
    const parsed = schema.safeParse(known)
    view[name] = parsed.success ? parsed.data : schema.safeParse(undefined).data
  }
  Object.defineProperty(view, DECLARED, { value: kind, enumerable: false })
  return view as Entity<A>
}

export const FACT_EVENTS = [entityCreated, factAsserted]
