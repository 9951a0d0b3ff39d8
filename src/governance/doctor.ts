import { setImmediate as turn } from 'node:timers/promises'
import { replayer, type Bound, type AnyEventKind, type Store, type Value } from '../store/index.ts'
import { PROJECTIONS } from '../store/tables.ts'

export interface Diagnosis {
  readonly identical: boolean
  readonly events: number
  readonly tables: number
  readonly rows: number
  /** The first row that differs, and how. */
  readonly difference: string | null
}

/**
 * Rebuilds every projection from the ledger into a scratch copy and compares it with what is there, row by row, as of
 * one moment: the company goes on meanwhile. Throws nothing for what it finds.
 */
export async function diagnose(store: Store, kinds: readonly AnyEventKind[]): Promise<Diagnosis> {
  const replay = replayer(kinds)
  const snapshot = await store.engine.snapshot()
  const scratch = await store.engine.scratch()
  try {
    const head = await snapshot.head()
    for await (const rows of snapshot.events(0, head)) {
      const writes: Bound[] = []
      for (const row of rows) {
        const projected = replay(row)
        if (!projected)
          return {
            identical: false,
            events: head,
            tables: 0,
            rows: 0,
            difference: `event ${row.seq} is of kind ${row.kind}, which this program does not know`,
          }
        writes.push(...projected)
      }
      await scratch.apply(writes)
    }
    return await compare(snapshot, scratch, head)
  } finally {
    await scratch.drop()
    await snapshot.close()
  }
}

/** A row may be large, and between two pages everybody else has a turn. */
const PAGE_ROWS = 200

interface Readable {
  query(text: string, values?: readonly Value[]): Promise<Row[]>
}

async function compare(live: Readable, rebuilt: Readable, events: number): Promise<Diagnosis> {
  let rows = 0
  const tables = Object.entries(PROJECTIONS)
  for (const [table, order] of tables) {
    const keys = order.split(', ')
    const next = `where (${order}) > (${keys.map(() => '?').join(', ')})`
    for (let last: Row | undefined, more = true; more;) {
      const text = `select * from ${table} ${last ? next : ''} order by ${order} limit ${PAGE_ROWS}`
      const after = keys.flatMap((key) => (last ? [last[key]!] : []))
      const [here, there] = await Promise.all([live.query(text, after), rebuilt.query(text, after)])
      for (let i = 0; i < Math.max(here.length, there.length); i++) {
        const difference = differ(table, order, here[i], there[i])
        if (difference) return { identical: false, events, tables: tables.length, rows, difference }
        rows++
      }
      // They are the same up to here, so both go on behind one key.
      last = here.at(-1)
      more = here.length === PAGE_ROWS
      await turn()
    }
  }
  return { identical: true, events, tables: tables.length, rows, difference: null }
}

type Row = Readonly<Record<string, Value>>

function differ(table: string, order: string, live: Row | undefined, rebuilt: Row | undefined): string | null {
  const name = (row: Row) =>
    order
      .split(', ')
      .map((k) => String(row[k]))
      .join(' / ')
  if (!live) return `${table} ${name(rebuilt!)}: missing here, the ledger says it is there`
  if (!rebuilt) return `${table} ${name(live)}: here, but the ledger does not say so`
  if (name(live) !== name(rebuilt)) return `${table}: here is ${name(live)} where the ledger says ${name(rebuilt)}`
  for (const column of Object.keys(live)) {
    if (live[column] !== rebuilt[column])
      return `${table} ${name(live)}, ${column}: here ${brief(live[column])}, the ledger says ${brief(rebuilt[column])}`
  }
  return null
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
