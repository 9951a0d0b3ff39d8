import {
  replayer,
  sql,
  type AnyEventKind,
  type Bound,
  type EventRow,
  type Store,
  type Value,
} from '../../store/index.ts'
import { PROJECTIONS } from '../../store/tables.ts'

const streamEvents = sql('select * from event where stream = ? order by seq')

type Row = Record<string, Value>

/**
 * The writes that bring every projected row to what a rebuild from the erased ledger gives. The streams are projected twice
 * beside the company, once as they are and once as they will be, and where the two differ, there stood something that is
 * to go: so no list of personal columns can be forgotten. A value that another stream wrote over since stays as it is.
 */
export async function rowsWithout(
  store: Store,
  kinds: readonly AnyEventKind[],
  streams: readonly string[],
  erased: ReadonlySet<number>,
): Promise<{ readonly writes: Bound[]; readonly tables: string[] }> {
  const events: EventRow[] = []
  for (const stream of new Set(streams)) events.push(...(await store.read<EventRow>(streamEvents(stream))))
  events.sort((a, b) => a.seq - b.seq)
  const without = events.map((e) => (erased.has(e.seq) ? { ...e, private: null, salt: null } : e))
  const [before, after] = await Promise.all([projected(store, kinds, events), projected(store, kinds, without)])
  const writes: Bound[] = []
  const tables: string[] = []
  for (const [table, order] of Object.entries(PROJECTIONS)) {
    const changed = differences(table, order.split(', '), before[table]!, after[table]!)
    if (changed.length > 0) tables.push(table)
    writes.push(...changed)
  }
  return { writes, tables }
}

async function projected(
  store: Store,
  kinds: readonly AnyEventKind[],
  events: readonly EventRow[],
): Promise<Record<string, Row[]>> {
  const replay = replayer(kinds)
  const scratch = await store.engine.scratch(true)
  try {
    for (let at = 0; at < events.length; at += EVENTS_AT_ONCE)
      await scratch.apply(events.slice(at, at + EVENTS_AT_ONCE).flatMap((e) => replay(e) ?? []))
    const tables: Record<string, Row[]> = {}
    for (const [table, order] of Object.entries(PROJECTIONS))
      tables[table] = await scratch.query(`select * from ${table} order by ${order}`)
    return tables
  } finally {
    await scratch.drop()
  }
}

const EVENTS_AT_ONCE = 500

function differences(table: string, keys: readonly string[], before: readonly Row[], after: readonly Row[]): Bound[] {
  const writes: Bound[] = []
  for (const [i, was] of before.entries()) {
    const is = after[i]
    if (!is || keys.some((key) => was[key] !== is[key]))
      throw new TypeError(`The projection of ${table} makes rows depend on what is erasable.`)
    for (const column of Object.keys(was))
      if (was[column] !== is[column])
        writes.push(setColumn(table, keys, column)(is[column], ...keys.map((key) => was[key]), was[column]))
  }
  if (after.length > before.length)
    throw new TypeError(`The projection of ${table} makes rows depend on what is erasable.`)
  return writes
}

const statements = new Map<string, ReturnType<typeof sql>>()

function setColumn(table: string, keys: readonly string[], column: string): ReturnType<typeof sql> {
  const text = `update ${table} set ${column} = ? where ${keys.map((key) => `${key} = ?`).join(' and ')} and ${column} = ?`
  let statement = statements.get(text)
  if (!statement) statements.set(text, (statement = sql(text)))
  return statement
}
