import type { z } from 'zod'
import {
  DECLARED,
  entityCreated,
  entityIsNew,
  entityView,
  factAsserted,
  factGuard,
  factsNow,
  factVersions,
  findEntity,
  lookupKey,
  type Entity,
  type EntityKind,
  type FactRow,
  type Statements,
} from '../../context/facts.ts'
import { lower } from '../../context/signals.ts'
import { FactotumError } from '../../lib/errors.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import type { Cause, EventInput, Guard } from '../../store/index.ts'
import type { CallOptions } from '../workflow.ts'
import type { Services } from './services.ts'

type Attributes = Readonly<Record<string, z.ZodType>>

/** What a recorded read refers to: exact versions, never copies. */
interface EntityRefs {
  readonly entity: string
  readonly facts: readonly string[]
}

export function about<A extends Attributes>(
  services: Services,
  kind: EntityKind<A>,
  lookup: string,
  options?: CallOptions,
): Promise<Entity<A>> {
  const { store, driver, seen } = services
  const key = lookupKey(store, lookup)
  return driver.call<Entity<A>>({
    kind: 'facts.about',
    name: options?.name ?? `about ${kind.entity}`,
    key: options?.key,
    input: [kind.entity, key],
    begin: async ({ cause }) => {
      const known = await findEntity(store, kind.entity, key)
      if (known !== undefined) {
        const facts = (await factsNow(store, known)).map((f) => f.id)
        return { done: { refs: { entity: known, facts } } }
      }
      const id = store.newId('ent')
      const created = entityCreated(
        id,
        { kind: kind.entity, lookup: key },
        { private: { label: lookup }, actor: `run:${driver.run.id}`, cause },
      )
      return { done: { refs: { entity: id, facts: [] } }, events: [created], guards: [entityIsNew(kind.entity, key)] }
    },
    read: async (completion) => {
      const refs = completion.refs as unknown as EntityRefs
      const rows = await factVersions(store, refs.facts)
      seen.facts.push(...refs.facts)
      for (const row of rows) services.trust = lower(services.trust, row.trust)
      return entityView(kind, refs.entity, rows)
    },
  })
}

export function assert<A extends Attributes>(
  services: Services,
  entity: Entity<A>,
  statements: Statements<A>,
  options?: CallOptions & { readonly because?: { readonly id: string } },
): Promise<void> {
  const { store, driver } = services
  const { attributes } = entity[DECLARED]
  const values: [string, Json][] = Object.entries(statements).map(([name, value]) => [
    name,
    checkStatement(entity.kind, attributes, name, value),
  ])
  return driver.call<void>({
    kind: 'facts.assert',
    name: options?.name ?? `assert ${values.map(([name]) => name).join(', ')}`,
    key: options?.key,
    input: [entity.id, values],
    begin: async ({ cause }) => {
      const now = await factsNow(store, entity.id)
      const events: EventInput[] = []
      const guards: Guard[] = []
      for (const [attribute, value] of values) {
        const current = now.find((f) => f.attribute === attribute)
        guards.push(factGuard(entity.id, attribute, current?.id ?? null))
        events.push(
          factEvent(
            services,
            entity.id,
            attribute,
            value,
            current,
            options?.because?.id ?? driver.run.signal,
            events.length === 0 ? cause : { index: events.length - 1 },
          ),
        )
      }
      return { done: { refs: { facts: events.map((e) => (e.body as { fact: string }).fact) } }, events, guards }
    },
    read: () => undefined,
  })
}

function factEvent(
  { store, driver, trust }: Services,
  entity: string,
  attribute: string,
  value: Json,
  current: FactRow | undefined,
  source: string | null,
  cause: Cause,
): EventInput {
  const body = {
    fact: store.newId('fact'),
    attribute,
    validFrom: store.clock.now(),
    ends: current?.id ?? null,
    trust,
    source,
  }
  return factAsserted(entity, body, { private: { value }, actor: `run:${driver.run.id}`, cause })
}

function checkStatement(kind: string, attributes: Attributes, name: string, value: unknown): Json {
  const schema = attributes[name]
  if (!schema)
    throw new FactotumError(
      'fact.unknown_attribute',
      `"${kind}" declares no attribute "${name}". Declare it in facts.ts.`,
    )
  const parsed = schema.safeParse(value)
  if (!parsed.success)
    throw new FactotumError(
      'fact.bad_value',
      `"${name}" of "${kind}" cannot be that: ${parsed.error.issues[0]?.message ?? 'invalid'}.`,
    )
  return jsonCopy(parsed.data, `The fact "${name}"`)
}
