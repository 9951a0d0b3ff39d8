import { z } from 'zod'
import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import { messageById, type MessageRow } from '../../context/conversations.ts'
import { decisionById, type DecisionRow } from '../../context/decisions.ts'
import {
  conflictsAbout,
  isAgainst,
  declaredAttribute,
  factsOf,
  factVersions,
  family,
  getEntity,
  keysOfFamily,
  lookupKey,
  momentOf,
  quotedWords,
  versionsOf,
  type AsOf,
  type ConflictRow,
  type EntityKind,
  type FactRow,
  type QuoteSpan,
} from '../../context/facts.ts'
import { sql, type Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { resolveId } from './ids.ts'
import { bySeq, page, type Paging } from './page.ts'

/** Where a statement comes from, looked up when it is shown: what was erased since is not shown again. */
export interface From {
  /** `operator`, `workflow:answer-mail@1`, `agent:reader`. */
  readonly maker: string
  readonly source: string | null
  /** What the source is, in a line. */
  readonly of: string | null
  /** The words of the message that say so. */
  readonly quote: string | null
  readonly reason: string | null
}

export interface FactShown {
  readonly id: string
  readonly attribute: string
  /** Null: erased. */
  readonly value: Json
  readonly from: number
  readonly to: number | null
  readonly trust: FactRow['trust']
  readonly saidAt: number | null
  readonly recordedSeq: number
  readonly endedSeq: number | null
  readonly retracted: boolean
  /** Of the parts of a merged entity: the one that it was said of. */
  readonly entity: string
  readonly where: From
  /** Gates of open conflicts about it. */
  readonly disputed: readonly string[]
  readonly due: boolean
}

export interface EntityShown {
  readonly id: string
  readonly kind: string
  readonly labels: readonly string[]
  readonly parts: readonly string[]
  /** The moment that was asked for; `recorded` null: as believed now. */
  readonly moment: { readonly valid: number; readonly recorded: number | null }
  readonly facts: readonly FactShown[]
  readonly conflicts: readonly ConflictShown[]
}

export interface ConflictShown {
  readonly id: string
  readonly entity: string
  readonly attribute: string
  readonly says: ConflictRow['says']
  readonly state: ConflictRow['state']
  readonly outcome: string | null
  readonly gate: string | null
  readonly at: number
  readonly value: Json
  readonly from: number
  readonly trust: FactRow['trust']
  readonly where: From
}

const parse = (text: string | null): Json => (text === null ? null : (JSON.parse(text) as Json))

type Sourced = Pick<FactRow, 'source' | 'span' | 'reason' | 'actor'> & { readonly maker: string | null }

/** Where a fact is from, in words where they are known. */
export async function whereFrom(store: Store, row: Sourced): Promise<From> {
  const span = row.span === null ? null : (JSON.parse(row.span) as QuoteSpan)
  const message = await store.first<MessageRow>(messageById(span?.message ?? row.source ?? ''))
  return {
    maker: row.maker ?? row.actor,
    source: row.source,
    of: message ? mailLine(message) : await decisionLine(store, row.source),
    quote: span && quotedWords(store, span, message?.text ?? null),
    reason: row.reason,
  }
}

function mailLine({ direction, party, subject }: MessageRow): string {
  return `${direction === 'in' ? 'message from' : 'message to'} ${party ?? '(erased)'}: ${subject ?? '(erased)'}`
}

async function decisionLine(store: Store, source: string | null): Promise<string | null> {
  const row = source?.startsWith('dec_') ? await store.first<DecisionRow>(decisionById(source)) : undefined
  return row ? `decision of ${row.agent}, by ${row.tier}` : null
}

/** Everything that is believed of an entity at a moment, with where each comes from and what is in dispute. */
export async function entityView(c: OpenCompany, given: string, asOf?: AsOf): Promise<EntityShown> {
  const { store } = c
  const moment = await momentOf(store, asOf)
  const found = await family(store, await entityOf(c, given), moment.recorded)
  const { kind } = await getEntity(store, found.whole)
  const conflicts = (await conflictsAbout(store, found.members)).filter(
    (row) => moment.recorded === null || row.opened_seq <= moment.recorded,
  )
  const rows = await factsOf(store, found.members, moment)
  const facts = await Promise.all(rows.map((row) => factShown(c, kind, row, conflicts, moment.valid)))
  const keys = await keysOfFamily(store, found)
  return {
    id: found.whole,
    kind,
    labels: keys.map((k) => k.label ?? '(erased)'),
    parts: found.members.length > 1 ? found.members : [],
    moment,
    facts,
    conflicts: await Promise.all(conflicts.map((row) => conflictShown(store, row))),
  }
}

/** Every version of an entity's facts, or of one attribute of it: by attribute, in the order of their recording. */
export async function historyView(c: OpenCompany, given: string, attribute: string | undefined, paging: Paging) {
  const found = await family(c.store, await entityOf(c, given))
  const { kind } = await getEntity(c.store, found.whole)
  const known = await Promise.all(found.members.map((m) => c.store.read<{ attribute: string }>(attributesOf(m))))
  const names = attribute === undefined ? [...new Set(known.flat().map((r) => r.attribute))].sort() : [attribute]
  return page(paging, {
    order: z.tuple([z.string(), z.string()]),
    async read(after, limit) {
      const rows: FactRow[] = []
      for (const name of names) {
        if (after !== null && name < after[0]) continue
        const versions = await versionsOf(c.store, found.whole, name)
        const from = name === after?.[0] ? versions.findIndex((row) => row.id === after[1]) + 1 : 0
        rows.push(...versions.slice(from, from + limit - rows.length))
        if (rows.length === limit) break
      }
      return rows
    },
    place: (row) => [row.attribute, row.id],
    show: (row) => factShown(c, kind, row),
  })
}
const attributesOf = sql('select distinct attribute from fact where entity = ?')

async function factShown(
  c: OpenCompany,
  kind: string,
  row: FactRow,
  conflicts: readonly ConflictRow[] = [],
  at = 0,
): Promise<FactShown> {
  const about = conflicts.filter((x) => x.state === 'open' && isAgainst(x, row, at))
  return {
    id: row.id,
    attribute: row.attribute,
    value: parse(row.value),
    from: row.valid_from,
    to: row.valid_to,
    trust: row.trust,
    saidAt: row.said_at,
    recordedSeq: row.recorded_seq,
    endedSeq: row.ended_seq,
    retracted: row.retracted_seq !== null,
    entity: row.entity,
    where: await whereFrom(c.store, row),
    disputed: about.map((x) => x.gate ?? x.id),
    due: isDue(c, kind, row),
  }
}

function isDue(c: OpenCompany, kind: string, row: FactRow): boolean {
  const declared = c.facts.kinds.get(kind)
  if (!declared || !Object.hasOwn(declared.attributes, row.attribute)) return false
  const { reviewMs } = declaredAttribute(declared, row.attribute)
  return reviewMs !== null && row.ended_seq === null && (row.said_at ?? 0) + reviewMs <= c.store.clock.now()
}

async function conflictShown(store: Store, row: ConflictRow): Promise<ConflictShown> {
  return {
    id: row.id,
    entity: row.entity,
    attribute: row.attribute,
    says: row.says,
    state: row.state,
    outcome: row.outcome,
    gate: row.gate,
    at: row.opened_at,
    value: parse(row.value),
    from: row.valid_from,
    trust: row.trust,
    where: await whereFrom(store, row),
  }
}

const TOLD: Readonly<Record<ConflictRow['says'], string>> = {
  value: 'it is',
  end: 'it has ended',
  retract: 'it never was so',
  merge: 'of the other one it is',
}

/** Both sides of a conflict as its gate shows them. */
export async function conflictProposal(store: Store, row: ConflictRow): Promise<Json> {
  const against = await factVersions(store, JSON.parse(row.against) as string[])
  const labels = (await keysOfFamily(store, await family(store, row.entity))).map((k) => k.label ?? '(erased)')
  const day = (at: number) => new Date(at).toISOString().slice(0, 10)
  const side = (value: Json, trust: string, from: number, to: number | null, where: From): Json => ({
    value,
    since: day(from),
    ...(to === null ? {} : { until: day(to) }),
    trust,
    from: where.of ?? where.source ?? where.maker,
    ...(where.quote === null ? {} : { quote: where.quote }),
    ...(where.reason === null ? {} : { reason: where.reason }),
  })
  return {
    about: labels.join(', '),
    attribute: row.attribute,
    believed: await Promise.all(
      against.map(async (f) => side(parse(f.value), f.trust, f.valid_from, f.valid_to, await whereFrom(store, f))),
    ),
    said: {
      claim: TOLD[row.says],
      ...(side(parse(row.value), row.trust, row.valid_from, row.valid_to, await whereFrom(store, row)) as object),
    },
  }
}

const dueRows = sql(
  `select f.* from fact f join entity e on e.id = f.entity where f.attribute = ? and f.said_at <= ? and f.ended_seq is null
   and f.valid_to is null and e.kind = ? and (f.said_at, f.id) > (?, ?) order by f.said_at, f.id limit ?`,
)

/** What was said so long ago that its declaration asks to look at it again, the oldest first. */
export function dueFacts(c: OpenCompany, paging: Paging) {
  return page(paging, {
    order: z.tuple([z.int(), z.string()]),
    async read(after, limit) {
      const [at, id] = after ?? BEFORE_ALL
      const rows: { row: FactRow; kind: string }[] = []
      for (const [kind, name, reviewMs] of reviewed(c.facts.kinds.values())) {
        const before = c.store.clock.now() - reviewMs
        for (const row of await c.store.read<FactRow>(dueRows(name, before, kind, at, id, limit)))
          rows.push({ row, kind })
      }
      rows.sort((a, b) => saidAt(a.row) - saidAt(b.row) || (a.row.id < b.row.id ? -1 : 1))
      return rows.slice(0, limit)
    },
    place: ({ row }) => [saidAt(row), row.id],
    show: async ({ row, kind }) => ({
      ...(await factShown(c, kind, row)),
      labels: (await keysOfFamily(c.store, { members: [row.entity] })).map((k) => k.label ?? '(erased)'),
    }),
  })
}
const BEFORE_ALL = [Number.MIN_SAFE_INTEGER, ''] as const
const saidAt = (row: FactRow) => row.said_at ?? 0

const dueGroup = sql(
  `select count(*) as n, min(f.said_at) as oldest, coalesce(sum(case when f.said_at > ? then 1 else 0 end), 0) as fresh
   from fact f join entity e on e.id = f.entity where f.attribute = ? and f.said_at <= ? and f.ended_seq is null
   and f.valid_to is null and e.kind = ?`,
)

/** Facts of one attribute that are due for review. */
export interface DueGroup {
  readonly kind: string
  readonly attribute: string
  readonly n: number
  /** When the oldest was said, epoch ms. */
  readonly oldest: number
  /** How many became due after `since`. */
  readonly fresh: number
}

/** What is due for review, counted by attribute, in the order of the oldest. `since`: epoch ms. */
export async function dueGroups(c: OpenCompany, since = 0): Promise<DueGroup[]> {
  const groups: DueGroup[] = []
  for (const [kind, attribute, reviewMs] of reviewed(c.facts.kinds.values())) {
    const select = dueGroup(since - reviewMs, attribute, c.store.clock.now() - reviewMs, kind)
    const row = (await c.store.first<Record<'n' | 'oldest' | 'fresh', number>>(select))!
    if (Number(row.n) > 0)
      groups.push({ kind, attribute, n: Number(row.n), oldest: Number(row.oldest), fresh: Number(row.fresh) })
  }
  return groups.sort((a, b) => a.oldest - b.oldest)
}

function* reviewed(kinds: Iterable<EntityKind>): Generator<[string, string, number]> {
  for (const kind of kinds)
    for (const name of Object.keys(kind.attributes)) {
      const { reviewMs } = declaredAttribute(kind, name)
      if (reviewMs !== null) yield [kind.entity, name, reviewMs]
    }
}

const byLookup = sql('select entity from entity_key where lookup = ? order by entity')
const newestEntities = sql(
  'select id, kind, created_seq from entity where created_seq < ? order by created_seq desc limit ?',
)

/** The newest entities; of those that were merged, the whole. */
export async function entityList(c: OpenCompany, paging: Paging) {
  const moment = await momentOf(c.store)
  return page(paging, {
    order: bySeq,
    read: (after, limit) =>
      c.store.read<{ id: string; kind: string; created_seq: number }>(
        newestEntities(after?.[0] ?? Number.MAX_SAFE_INTEGER, limit),
      ),
    place: (row) => [row.created_seq],
    async show({ id, kind }) {
      const found = await family(c.store, id)
      if (found.whole !== id) return null
      const keys = await keysOfFamily(c.store, found)
      const facts = await factsOf(c.store, found.members, moment)
      return { id, kind, labels: keys.map((k) => k.label ?? '(erased)'), facts: facts.length }
    },
  })
}

/** An entity by its id, a part of it, or any key it has. Throws `entity.not_found`, `id.ambiguous`. */
export async function entityOf(c: OpenCompany, given: string): Promise<string> {
  const named = await c.store.read<{ entity: string }>(byLookup(lookupKey(c.store, given)))
  if (named.length === 1) return named[0]!.entity
  if (named.length > 1)
    throw new FactotumError(
      'id.ambiguous',
      `Several entities have that key: ${named.map((n) => n.entity).join(', ')}. Give the id of one.`,
    )
  try {
    return await resolveId(c.store, 'entity', given)
  } catch (error) {
    if (!(error instanceof FactotumError) || error.code !== 'id.not_found') throw error
    throw new FactotumError(
      'entity.not_found',
      `Nothing is known under "${given}". Give an address or another key of an entity, or its id; "factotum facts" lists them.`,
    )
  }
}
