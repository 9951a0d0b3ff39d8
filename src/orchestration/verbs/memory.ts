import type { z } from 'zod'
import { messageById, messagesOfParty, type MessageRow } from '../../context/conversations.ts'
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
import { putScratch, scratchOf, type ScratchRow } from '../../context/scratch.ts'
import { FactotumError } from '../../lib/errors.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import { sql, type Cause, type EventInput, type Guard, type Store } from '../../store/index.ts'
import type { CallOptions, Passage } from '../workflow.ts'
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

const addressesOf = sql('select lookup from entity_key where entity = ?')
const CHARACTERS_PER_TOKEN = 4
const DEFAULT_BUDGET_TOKENS = 2_000
const CANDIDATES = 50

/** What was said with a party before: word overlap first, then the newest, cut at the budget. */
export function recall(
  services: Services,
  query: string,
  options: CallOptions & { readonly about: { readonly id: string }; readonly budget?: number },
): Promise<readonly Passage[]> {
  const { store, driver, seen } = services
  const budget = (options.budget ?? DEFAULT_BUDGET_TOKENS) * CHARACTERS_PER_TOKEN
  return driver.call<readonly Passage[]>({
    kind: 'recall',
    name: options.name ?? 'recall',
    key: options.key,
    input: [options.about.id, budget],
    begin: async () => {
      const keys = await store.read<{ lookup: string }>(addressesOf(options.about.id))
      const found = (
        await Promise.all(keys.map((k) => store.read<MessageRow>(messagesOfParty(k.lookup, CANDIDATES))))
      ).flat()
      const past = found.filter((m) => m.id !== driver.run.signal && m.text !== null)
      return { done: { refs: { messages: nearest(query, past, budget).map((m) => m.id) } } }
    },
    read: async (completion) => {
      const { messages } = completion.refs as { messages: readonly string[] }
      seen.messages.push(...messages)
      const passages = await readPassages(store, messages)
      if (passages.some((p) => p.from === 'them')) services.trust = 'outsider'
      return passages
    },
  })
}

function nearest(query: string, messages: readonly MessageRow[], budget: number): MessageRow[] {
  const words = new Set(
    query
      .toLowerCase()
      .match(/[\p{L}\p{N}]{3,}/gu)
      ?.slice(0, 1_000),
  )
  const score = (m: MessageRow) =>
    new Set(
      (m.text ?? '')
        .toLowerCase()
        .match(/[\p{L}\p{N}]{3,}/gu)
        ?.filter((w) => words.has(w)),
    ).size
  const ranked = messages.map((m) => ({ m, score: score(m) })).sort((a, b) => b.score - a.score || b.m.at - a.m.at)
  let left = budget
  return ranked.filter(({ m }) => (left -= m.text?.length ?? 0) >= 0).map(({ m }) => m)
}

async function readPassages(store: Store, ids: readonly string[]): Promise<Passage[]> {
  const rows = await Promise.all(ids.map((id) => store.first<MessageRow>(messageById(id))))
  return rows
    .filter((m) => m !== undefined)
    .map(
      (m) =>
        ({
          id: m.id,
          at: m.at,
          from: m.direction === 'in' ? 'them' : 'us',
          subject: m.subject ?? '',
          text: m.text ?? '',
        }) as const,
    )
}

/** Working state of one run. A value that was set is read back from its row, by whichever process drives the run. */
export function scratch({ driver, store }: Services) {
  const values = new Map<string, { value: Json; expiresAt: number }>()
  const sets = new Map<string, number>()
  return {
    set(key: string, value: unknown, options?: { readonly ttl?: Duration }): Promise<void> {
      const ttl = milliseconds(options?.ttl ?? '1d')
      const n = sets.get(key) ?? 0
      sets.set(key, n + 1)
      const copy = jsonCopy(value, `The scratch value "${key}"`)
      return driver.call<void>({
        kind: 'scratch.set',
        name: 'scratch',
        key: n === 0 ? key : `${key}#${n}`,
        input: ttl,
        begin: ({ op }) => {
          const expiresAt = driver.now + ttl
          // A step that is retried leaves its old row behind: the record says which one counts.
          const row = `${driver.run.generation}:${op}`
          return {
            done: { refs: { row, expiresAt } },
            also: [putScratch(driver.run.id, row, key, JSON.stringify(copy), expiresAt)],
          }
        },
        read: async (completion) => {
          const refs = completion.refs as { row: string; expiresAt: number }
          const kept = (await store.read<ScratchRow>(scratchOf(driver.run.id))).find((r) => r.op === refs.row)
          if (kept) values.set(key, { value: JSON.parse(kept.value) as Json, expiresAt: refs.expiresAt })
          else values.delete(key)
        },
      })
    },
    get(key: string): unknown {
      const held = values.get(key)
      return held && held.expiresAt > driver.now ? held.value : undefined
    },
  }
}
