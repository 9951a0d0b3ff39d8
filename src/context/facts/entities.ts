import { FactotumError } from '../../lib/errors.ts'
import { eventKind, sql, type Guard, type Store } from '../../store/index.ts'

const insertEntity = sql('insert into entity (id, kind, created_seq) values (?, ?, ?)')
const insertKey = sql('insert into entity_key (kind, lookup, entity, label) values (?, ?, ?, ?)')
const insertMerge = sql(
  'insert into entity_merge (entity, merged_seq, into_entity, split_seq, reason) values (?, ?, ?, null, ?)',
)
const endMerge = sql('update entity_merge set split_seq = ? where entity = ? and split_seq is null')

export const entityCreated = eventKind<{ readonly kind: string; readonly lookup: string }, { readonly label: string }>(
  'entity.created@1',
  (e) => [
    insertEntity(e.stream, e.body.kind, e.seq),
    insertKey(e.body.kind, e.body.lookup, e.stream, e.private?.label),
  ],
)

/** One more key by which an entity is found. */
const entityKeyAdded = eventKind<{ readonly kind: string; readonly lookup: string }, { readonly label: string }>(
  'entity.key_added@1',
  (e) => [insertKey(e.body.kind, e.body.lookup, e.stream, e.private?.label)],
)

/** Two are one: the stream goes on as the whole, `member` as a part of it. Facts stay with the one they were said of. */
const entityMerged = eventKind<{ readonly member: string }, { readonly reason: string | null }>(
  'entity.merged@1',
  (e) => [insertMerge(e.body.member, e.seq, e.stream, e.private?.reason)],
)

/** They are two after all. */
const entitySplit = eventKind<{ readonly member: string }, { readonly reason: string | null }>(
  'entity.split@1',
  (e) => [endMerge(e.seq, e.body.member)],
)

const keyIsFree = sql('select 1 as ok where not exists (select 1 from entity_key where kind = ? and lookup = ?)')
const WALK = (start: string, holds: string) => `with recursive up (id) as (
    ${start} union select m.into_entity from entity_merge m join up on m.entity = up.id where ${holds}
  ), whole (id) as (
    select id from up union select m.entity from entity_merge m join whole on m.into_entity = whole.id where ${holds}
  ) select whole.id, (select m.into_entity from entity_merge m where m.entity = whole.id and ${holds}) as part_of from whole`
const NOW = 'm.split_seq is null'
const THEN = 'm.merged_seq <= ? and (m.split_seq is null or m.split_seq > ?)'
const familyByKey = sql(WALK('select entity from entity_key where kind = ? and lookup = ?', NOW))
const familyNow = sql(WALK('select id from entity where id = ?', NOW))
const familyThen = sql(WALK('select id from entity where id = ?', THEN))
const entityByKey = sql('select entity from entity_key where kind = ? and lookup = ?')
const joinsOf = sql(
  'select 1 as ok where (select count(*) from entity_merge where split_seq is null and (entity = ? or into_entity = ?)) = ?',
)

/**
 * Lookup keys are compared as people write them: trimmed, without regard to case. An address has one key, whether it
 * names an entity or the party of a message: that is how a customer's messages are found.
 */
export function lookupKey(store: Store, lookup: string): string {
  return store.pseudonym(lookup.trim().toLowerCase().normalize('NFC'))
}

/** An entity with all that it was merged with: each of them, found by whatever key, reads as the `whole`. */
export interface Family {
  readonly whole: string
  readonly members: readonly string[]
  /** The part that was asked for. */
  readonly part: string
}

type Walked = readonly { readonly id: string; readonly part_of: string | null }[]

function toFamily(part: string, rows: Walked): Family {
  const whole = rows.find((r) => r.part_of === null)?.id ?? part
  return { whole, part, members: rows.length === 0 ? [part] : rows.map((r) => r.id).sort() }
}

/** What an entity is part of, now or as recorded until an event. Everything that looks entities up goes through here. */
export async function family(store: Store, entity: string, recorded: number | null = null): Promise<Family> {
  const r = recorded
  const rows = await store.read<Walked[number]>(r === null ? familyNow(entity) : familyThen(entity, r, r, r, r, r, r))
  return toFamily(entity, rows)
}

/** The entity that a key names, with what it is part of. */
export async function findFamily(store: Store, kind: string, key: string): Promise<Family | undefined> {
  const rows = await store.read<Walked[number]>(familyByKey(kind, key))
  // Walked upwards first: the one that the key names comes first.
  if (rows.length <= 1) return rows[0] && toFamily(rows[0].id, rows)
  const part = (await store.first<{ entity: string }>(entityByKey(kind, key)))?.entity
  return part === undefined ? undefined : toFamily(part, rows)
}

export function entityIsNew(kind: string, key: string): Guard {
  return { check: keyIsFree(kind, key), code: 'entity.exists', message: 'This entity exists already.' }
}

/** Refuses what was decided by what is believed of a whole that has become another meanwhile. */
export async function familyGuards(store: Store, { members }: Family): Promise<Guard[]> {
  const joins = await Promise.all(
    members.map(async (m) =>
      members.length === 1 ? 0 : Number((await store.first<{ n: number }>(countJoins(m, m)))?.n),
    ),
  )
  return members.map((m, i) => ({
    check: joinsOf(m, m, joins[i]!),
    code: 'fact.moved',
    message: 'This entity was merged or split in the meantime.',
  }))
}
const countJoins = sql(
  'select count(*) as n from entity_merge where split_seq is null and (entity = ? or into_entity = ?)',
)

const keysOf = sql('select lookup, label from entity_key where entity = ? order by label, lookup')

/** Every key under which an entity and its parts are known: HMACs, with the text where it was not erased. */
export async function keysOfFamily(
  store: Store,
  { members }: Pick<Family, 'members'>,
): Promise<{ lookup: string; label: string | null }[]> {
  return (await Promise.all(members.map((m) => store.read<{ lookup: string; label: string | null }>(keysOf(m))))).flat()
}

export interface EntityRow {
  readonly id: string
  readonly kind: string
  readonly created_seq: number
}

const entityById = sql('select * from entity where id = ?')

/** Throws `entity.not_found`. */
export async function getEntity(store: Store, id: string): Promise<EntityRow> {
  const row = await store.first<EntityRow>(entityById(id))
  if (!row) throw new FactotumError('entity.not_found', `There is no entity ${id}. "factotum facts" lists them.`)
  return row
}

/** One more key (an address, a customer number) for an entity. Throws `entity.not_found`, `entity.key_taken`. */
export async function addKey(store: Store, id: string, label: string, actor = 'operator'): Promise<void> {
  const { kind } = await getEntity(store, id)
  const lookup = lookupKey(store, label)
  const taken = await store.first<{ entity: string }>(entityByKey(kind, lookup))
  if (taken?.entity === id) return
  if (taken)
    throw new FactotumError(
      'entity.key_taken',
      `${taken.entity} has that key. If the two are one, merge them: factotum entity merge ${id} ${taken.entity}.`,
    )
  await store.commit({
    key: `entity:${id}:key:${store.newId('key')}`,
    events: [entityKeyAdded(id, { kind, lookup }, { private: { label }, actor })],
    guards: [entityIsNew(kind, lookup)],
  })
}

export { entityMerged, entitySplit }
export const ENTITY_EVENTS = [entityCreated, entityKeyAdded, entityMerged, entitySplit]
