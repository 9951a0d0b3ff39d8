import { StoreError } from './errors.ts'
import type { AnyEventKind } from './events.ts'
import { replayer } from './replay.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'
import { PROJECTIONS } from './tables.ts'

const NAME = 'projections'
const readVersion = sql('select value from meta where name = ?')
const isVersion = sql('select 1 as ok from meta where name = ? and value = ?')
const putVersion = sql(
  'insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
)

/** Which projections wrote the rows of this database: those before there was a number are the first. */
async function projectionsVersion(store: Store): Promise<number> {
  return Number((await store.first<{ value: string }>(readVersion(NAME)))?.value ?? 1)
}

/**
 * Fills every projection again from the ledger, in place, in one transaction: it happens as a whole or not at all. Answers
 * the number of events. Throws `store.newer` for an event that this program does not know.
 */
export async function rebuild(store: Store, kinds: readonly AnyEventKind[], version: number): Promise<number> {
  return (await run(store, kinds, version, false)) ?? 0
}

/**
 * Rebuilds the projections of a company whose rows an older program wrote. Answers the number of events, or null where
 * they are of this version. Throws `store.newer` where a newer program wrote them. `begins` is told before it takes long.
 */
export async function bringUpToDate(
  store: Store,
  kinds: readonly AnyEventKind[],
  version: number,
  begins: (events: number) => void = () => {},
): Promise<number | null> {
  const found = await projectionsVersion(store)
  if (found === version) return null
  if (found > version)
    throw new StoreError(
      'store.newer',
      `The tables of this company were written by a newer Factotum (projections ${found}; this program knows ${version}). Update Factotum; the data was not touched.`,
    )
  const head = await store.engine.head()
  if (head > 0) begins(head)
  return run(store, kinds, version, true)
}

function run(store: Store, kinds: readonly AnyEventKind[], version: number, once: boolean): Promise<number | null> {
  const replay = replayer(kinds)
  return store.engine.rebuild({
    tables: Object.keys(PROJECTIONS),
    project: (row) => {
      const writes = replay(row)
      if (writes) return writes
      throw new StoreError(
        'store.newer',
        `Event ${row.seq} is of kind ${row.kind}, which this program does not know. Update Factotum; the data was not touched.`,
      )
    },
    isDone: once ? isVersion(NAME, String(version)) : null,
    done: putVersion(NAME, String(version)),
  })
}
