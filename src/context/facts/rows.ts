import { sql, type Store } from '../../store/index.ts'
import { rank, type Trust } from '../signals.ts'
import { momentOf, type AsOf, type Moment } from './as-of.ts'
import { family } from './entities.ts'
import { without, type Span } from './spans.ts'

/** One rectangle: what held from `valid_from` until `valid_to`, as it was believed from `recorded_seq` until `ended_seq`. */
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
  /** Which value of a set it is; empty where there is one value at a time. */
  readonly slot: string
  /** The row by which it was said; null in a record from before there were any: the row itself. */
  readonly origin: string | null
  readonly said_seq: number | null
  readonly said_at: number | null
  readonly maker: string | null
  readonly span: string | null
  readonly reason: string | null
  /** The row that says it rightly. */
  readonly corrected_by: string | null
}

export const originOf = (row: FactRow): string => row.origin ?? row.id
export const saidSeq = (row: FactRow): number => row.said_seq ?? row.recorded_seq
export const spanOf = (row: FactRow): Span => ({ from: row.valid_from, to: row.valid_to })

const ORDER = 'order by attribute, valid_from, recorded_seq, id'
const believedAt = sql(
  `select * from fact where entity = ? and ended_seq is null and coalesce(valid_to, 9007199254740991) > ?
   and valid_from <= ? ${ORDER}`,
)
const believedThen = sql(
  `select * from fact where entity = ? and recorded_seq <= ? and (ended_seq is null or ended_seq > ?)
   and valid_from <= ? and (valid_to is null or valid_to > ?) ${ORDER}`,
)
const valueAt = sql(
  `select * from fact where entity = ? and attribute = ? and slot = '' and ended_seq is null
   and coalesce(valid_to, 9007199254740991) > ? and valid_from <= ?`,
)
const valueThen = sql(
  `select * from fact where entity = ? and attribute = ? and slot = '' and recorded_seq <= ?
   and (ended_seq is null or ended_seq > ?) and valid_from <= ? and (valid_to is null or valid_to > ?)`,
)
const factById = sql('select * from fact where id = ?')
const versions = sql('select * from fact where entity = ? and attribute = ? order by recorded_seq, valid_from, id')

function rowsOf(store: Store, entity: string, { valid, recorded }: Moment): Promise<FactRow[]> {
  return store.read<FactRow>(
    recorded === null ? believedAt(entity, valid, valid) : believedThen(entity, recorded, recorded, valid, valid),
  )
}

/** Which of two that are said of one whole counts: the better label, then the newer. */
export function outranks(a: FactRow, b: FactRow): boolean {
  const by = rank(a.trust) - rank(b.trust)
  return by === 0 ? saidSeq(a) > saidSeq(b) : by > 0
}

/** Of what is believed of the parts of a merged entity, what counts for the whole: one row for each value. */
function strongest(rows: readonly FactRow[]): FactRow[] {
  const best = new Map<string, FactRow>()
  for (const row of rows) {
    const key = `${row.attribute}\0${row.slot}`
    const other = best.get(key)
    if (!other || outranks(row, other)) best.set(key, row)
  }
  return [...best.values()].sort((a, b) => (a.attribute < b.attribute ? -1 : a.attribute > b.attribute ? 1 : 0))
}

const history = sql(`select * from fact where entity = ? and slot = '' and ended_seq is null ${ORDER}`)

/** What is believed of the single-valued attributes of the parts of one whole, at any time: over each span what counts. */
export async function historyOf(
  store: Store,
  members: readonly string[],
): Promise<{ readonly row: FactRow; readonly span: Span }[]> {
  const rows = (await Promise.all(members.map((m) => store.read<FactRow>(history(m))))).flat()
  return rows.flatMap((row) =>
    rows
      .filter((other) => other.attribute === row.attribute && other.entity !== row.entity && outranks(other, row))
      .reduce<Span[]>((left, other) => left.flatMap((piece) => without(piece, spanOf(other))), [spanOf(row)])
      .map((span) => ({ row, span })),
  )
}

/** What is believed of an entity (of all it was merged with) at a moment, ordered by attribute. Default: now. */
export async function factsAt(store: Store, entity: string, asOf?: AsOf): Promise<FactRow[]> {
  const moment = await momentOf(store, asOf)
  return factsOf(store, (await family(store, entity, moment.recorded)).members, moment)
}

export async function factsOf(store: Store, members: readonly string[], moment: Moment): Promise<FactRow[]> {
  if (members.length === 1) return rowsOf(store, members[0]!, moment)
  return strongest((await Promise.all(members.map((m) => rowsOf(store, m, moment)))).flat())
}

export function factsNow(store: Store, entity: string): Promise<FactRow[]> {
  return factsAt(store, entity)
}

/** The one value of an attribute of one entity, as it was said of that entity, at a moment: one query. */
export async function factAt(
  store: Store,
  entity: string,
  attribute: string,
  { valid, recorded }: Moment,
): Promise<FactRow | undefined> {
  return store.first<FactRow>(
    recorded === null
      ? valueAt(entity, attribute, valid, valid)
      : valueThen(entity, attribute, recorded, recorded, valid, valid),
  )
}

/** Every version of an attribute of an entity and its parts, in the order of their recording. */
export async function versionsOf(store: Store, entity: string, attribute: string): Promise<FactRow[]> {
  const { members } = await family(store, entity)
  const rows = await Promise.all(members.map((m) => store.read<FactRow>(versions(m, attribute))))
  return rows.flat().sort((a, b) => a.recorded_seq - b.recorded_seq || a.valid_from - b.valid_from)
}

/** Exact fact versions, in the order asked for: what a run's history refers to. */
export async function factVersions(store: Store, ids: readonly string[]): Promise<FactRow[]> {
  const rows = await Promise.all(ids.map((id) => store.first<FactRow>(factById(id))))
  return rows.filter((row) => row !== undefined)
}
