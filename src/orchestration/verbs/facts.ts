import { messageById, type MessageRow } from '../../context/conversations.ts'
import { decisionById, type DecisionRow } from '../../context/decisions.ts'
import {
  Change,
  checkValue,
  DECLARED,
  declaredAttribute,
  entityCreated,
  entityIsNew,
  entityView,
  factsOf,
  factVersions,
  family,
  findFamily,
  findQuote,
  givenSpan,
  instant,
  lookupKey,
  momentOf,
  originOf,
  searchQuote,
  versionsOf,
  type AsOf,
  type Attributes,
  type Came,
  type Entity,
  type EntityKind,
  type QuoteSpan,
  type Statements,
  type Voice,
} from '../../context/facts.ts'
import { parseSpan } from '../../context/recall/citation.ts'
import { conflictGate } from '../../governance/conflicts.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import type { Cause, EventInput } from '../../store/index.ts'
import { runById, type RunRow } from '../events.ts'
import type { CallOptions, Ended, FactVersion, Saying } from '../workflow.ts'
import { hear, type Services } from './services.ts'

/** What a recorded read refers to: exact versions, never copies. */
interface EntityRefs {
  readonly entity: string
  /** The part of a merged entity that the key names; absent where it is the whole. */
  readonly part?: string
  readonly facts: readonly string[]
}

export function about<A extends Attributes>(
  services: Services,
  kind: EntityKind<A>,
  lookup: string,
  options?: CallOptions & { readonly asOf?: AsOf },
): Promise<Entity<A>> {
  const { store, driver, seen } = services
  const key = lookupKey(store, lookup)
  const asOf = options?.asOf && plain(options.asOf)
  return driver.call<Entity<A>>({
    kind: 'facts.about',
    name: options?.name ?? `about ${kind.entity}`,
    key: options?.key,
    input: asOf ? [kind.entity, key, asOf] : [kind.entity, key],
    begin: async ({ cause }) => {
      const known = await findFamily(store, kind.entity, key)
      if (known) {
        const moment = await momentOf(store, asOf)
        const then = moment.recorded === null ? known : await family(store, known.part, moment.recorded)
        const facts = (await factsOf(store, then.members, moment)).map((f) => f.id)
        const { whole: entity, part } = known
        return { done: { refs: part === entity ? { entity, facts } : { entity, part, facts } } }
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
      for (const row of rows) hear(services, { trust: row.trust })
      return entityView(kind, refs.entity, rows, refs.part)
    },
  })
}

/** Every version of one attribute that was ever recorded, oldest record first. */
export function history<A extends Attributes>(
  services: Services,
  entity: Entity<A>,
  attribute: keyof A & string,
  options?: CallOptions,
): Promise<readonly FactVersion[]> {
  const { store, driver, seen } = services
  return driver.call<readonly FactVersion[]>({
    kind: 'facts.history',
    name: options?.name ?? `history ${attribute}`,
    key: options?.key,
    input: [entity.id, attribute],
    begin: async () => ({
      done: { refs: { facts: (await versionsOf(store, entity.id, attribute)).map((r) => r.id) } },
    }),
    read: async (completion) => {
      const { facts } = completion.refs as { facts: readonly string[] }
      const rows = await factVersions(store, facts)
      seen.facts.push(...facts)
      for (const row of rows) hear(services, { trust: row.trust })
      const there = new Set(facts)
      return rows.map((row) => ({
        id: row.id,
        value: row.value === null ? null : (JSON.parse(row.value) as Json),
        from: row.valid_from,
        to: row.valid_to,
        recorded: row.recorded_seq,
        // What was closed since is closed in the row: the record says what was there to be read.
        believed: row.ended_seq === null || row.ended_seq > completion.seq,
        trust: row.trust,
        source: row.source,
        saidBy: there.has(originOf(row)) ? originOf(row) : row.id,
      }))
    },
  })
}

export function assert<A extends Attributes>(
  services: Services,
  entity: Entity<A>,
  statements: Statements<A>,
  options: Saying & { readonly from?: AsOf['valid']; readonly until?: AsOf['valid'] } = {},
): Promise<{ readonly [K in keyof A]?: Came }> {
  const { kind } = entity[DECLARED]
  const values = Object.entries(statements).map(([name, value]): [string, Json] => [name, given(kind, name, value)])
  const { from, until } = options
  const when = {
    ...(from === undefined ? {} : { from: instant(from) }),
    ...(until === undefined ? {} : { until: instant(until) }),
  }
  return say(
    services,
    entity,
    'assert',
    options,
    values.map(([name]) => name),
    [values, when],
    async (change) => {
      const span = givenSpan(services.store.clock.now(), when.from, when.until)
      for (const [name, value] of values)
        for (const one of each(kind, name, value)) await change.assert(name, one, span)
    },
  )
}

export function correct<A extends Attributes>(
  services: Services,
  entity: Entity<A>,
  statements: Statements<A>,
  options: Saying & Ended & { readonly was?: unknown },
): Promise<{ readonly [K in keyof A]?: Came }> {
  const { kind } = entity[DECLARED]
  const values = Object.entries(statements).map(([name, value]): [string, Json] => [name, given(kind, name, value)])
  const { at, was } = {
    at: timeOf(options),
    was: options.was === undefined ? undefined : jsonCopy(options.was, 'The value'),
  }
  const input: Json[] = [
    values as unknown as Json,
    { ...(at === undefined ? {} : { at }), ...(was === undefined ? {} : { was }) },
  ]
  return say(
    services,
    entity,
    'correct',
    options,
    values.map(([name]) => name),
    input,
    async (change) => {
      for (const [name, value] of values) await change.correct(name, value, at ?? services.store.clock.now(), was)
    },
  )
}

export function stop<A extends Attributes>(
  services: Services,
  how: 'end' | 'retract',
  entity: Entity<A>,
  attribute: keyof A & string,
  options: Saying & Ended & { readonly value?: unknown } = {},
): Promise<Came> {
  const at = timeOf(options)
  const value = options.value === undefined ? undefined : jsonCopy(options.value, 'The value')
  const input = [attribute, { ...(at === undefined ? {} : { at }), ...(value === undefined ? {} : { value }) }]
  return say(services, entity, how, options, [attribute], input, (change) =>
    change[how](attribute, at ?? services.store.clock.now(), value),
  ).then((came) => (came as Record<string, Came>)[attribute] ?? 'known')
}

/** What every way of saying something shares: who says it, the rules, the gates of what is disputed, and the record. */
function say<A extends Attributes>(
  services: Services,
  entity: Entity<A>,
  how: 'assert' | 'correct' | 'end' | 'retract',
  options: Saying,
  names: readonly string[],
  [what, when]: readonly unknown[],
  work: (change: Change) => Promise<unknown>,
): Promise<{ readonly [K in keyof A]?: Came }> {
  const { store, driver } = services
  const { kind, part } = entity[DECLARED]
  for (const name of names) declaredAttribute(kind, name)
  const more = { ...(when as object), ...(options.quote === undefined ? {} : { quote: options.quote }) }
  return driver.call({
    kind: `facts.${how}`,
    name: options.name ?? `${how} ${names.join(', ')}`,
    key: options.key,
    input: Object.keys(more).length === 0 ? [entity.id, what] : [entity.id, what, more],
    begin: async ({ cause }) => {
      const subject = { kind, family: await family(store, part) }
      const change = await Change.begin(store, subject, await voiceOf(services, options, cause))
      await work(change)
      const events: EventInput[] = [...change.events]
      for (const dispute of change.disputes)
        events.push(conflictGate(dispute, driver.run.id, { index: events.length - 1 }))
      return { done: { refs: { facts: change.facts, came: change.came } }, events, guards: change.guards }
    },
    // A record from before disputes: everything that it said was believed.
    read: (completion) =>
      (completion.refs as { came?: { [K in keyof A]?: Came } }).came ??
      (Object.fromEntries(names.map((name) => [name, 'changed'])) as { [K in keyof A]?: Came }),
  })
}

/**
 * A run speaks with the label of what it has seen, and for all whose words it has seen; where it quotes, for who wrote
 * that. What is believed of somebody, as decisions are, is the company's own by then: it has a label, and no party.
 */
async function voiceOf(services: Services, options: Saying, cause: Cause): Promise<Voice> {
  const { store, driver, trust } = services
  const { run } = driver
  const messages = options.quote === undefined ? [] : await messagesBehind(services)
  const quote = options.quote === undefined ? null : findQuote(store, messages, options.quote)
  const parties = quote ? messages.filter((m) => m.id === quote.message).map((m) => m.party_key) : services.parties
  // Said before, and recalled: there it was said first. Who repeats it now still answers for saying it now.
  const span = quote && ((await saidBefore(services, options.quote!)) ?? quote)
  const because = options.because?.id
  const decision = because?.startsWith('dec_') ? await store.first<DecisionRow>(decisionById(because)) : undefined
  const agent = decision && decision.tier !== 'operator' ? [`agent:${decision.agent}`] : []
  return {
    actor: `run:${run.id}`,
    trust,
    makers: [`workflow:${run.workflow}@${run.version}`, ...agent],
    source: decision || span === quote ? (because ?? run.signal) : span!.message,
    parties,
    span,
    reason: options.reason ?? null,
    cause,
  }
}

/** Where a quote stands in what was recalled of earlier messages: in the oldest of them. */
async function saidBefore({ store, seen }: Services, quote: string): Promise<QuoteSpan | null> {
  const spans = seen.spans.map(parseSpan).filter((s) => s?.version === 0)
  const rows = await Promise.all(spans.map((s) => store.first<MessageRow>(messageById(s!.source))))
  const passages = rows.flatMap((row, i) => {
    const { start, end } = spans[i]!
    return row?.text == null || row.direction !== 'in'
      ? []
      : [{ id: row.id, at: row.at, start, text: row.text.slice(start, end) }]
  })
  for (const passage of passages.toSorted((a, b) => a.at - b.at)) {
    const found = searchQuote(store, [passage], quote)
    if (found) return { ...found, start: found.start + passage.start, end: found.end + passage.start }
  }
  return null
}

/** The messages that led to a run: what started it or the run that it is a child of, and what it waited for and got. */
async function messagesBehind({ store, driver, seen }: Services): Promise<MessageRow[]> {
  const ids = new Set(seen.signals)
  for (let parent = driver.run.parent; parent !== null;) {
    const run: RunRow | undefined = await store.first<RunRow>(runById(parent))
    if (run?.signal) ids.add(run.signal)
    parent = run?.parent ?? null
  }
  const rows = await Promise.all([...ids].map((id) => store.first<MessageRow>(messageById(id))))
  return rows.filter((row) => row !== undefined && row.direction === 'in') as MessageRow[]
}

/** Of a set, several values may be said at once, in an array. */
function each(kind: EntityKind, name: string, value: Json): readonly Json[] {
  return declaredAttribute(kind, name).many && Array.isArray(value) ? (value as readonly Json[]) : [value]
}

function given(kind: EntityKind, name: string, value: unknown): Json {
  const { many } = declaredAttribute(kind, name)
  if (many && Array.isArray(value)) return value.map((one) => checkValue(kind, name, one))
  return checkValue(kind, name, value)
}

function timeOf({ at }: Ended): number | undefined {
  return at === undefined ? undefined : instant(at)
}

/** Times as numbers: what a call is compared by when it is driven again. */
function plain({ valid, recorded }: AsOf): AsOf {
  return {
    ...(valid === undefined ? {} : { valid: instant(valid) }),
    ...(recorded === undefined
      ? {}
      : { recorded: typeof recorded === 'object' && 'seq' in recorded ? { seq: recorded.seq } : instant(recorded) }),
  }
}
