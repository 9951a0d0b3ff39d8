import type { CommitInput } from './prepared.ts'
import { PreparedCommit } from './prepared.ts'
import { StoreError } from './errors.ts'
import type { AnyEventKind, EventRow } from './events.ts'
import { replayer } from './replay.ts'
import { sql, type Bound } from './sql.ts'

/** An empty database that is filled in one transaction: nobody sees any of it before `finish`, or anything without it. */
export interface FillEngine {
  apply(writes: readonly Bound[]): Promise<void>
  /** `head`: the number of events. */
  finish(head: number): Promise<void>
  abandon(): Promise<void>
}

const insertEvent = sql(
  `insert into event (seq, key, kind, stream, actor, cause, at, body, private, salt, private_hash, leaf)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const insertMeta = sql('insert into meta (name, value) values (?, ?)')

/** Fills an empty database from a ledger: its events as they are, and what they write. */
export class Fill {
  readonly #engine: FillEngine
  readonly #replay: (row: EventRow) => readonly Bound[] | undefined
  #head = 0
  #newestAt = 0

  constructor(engine: FillEngine, kinds: readonly AnyEventKind[]) {
    this.#engine = engine
    this.#replay = replayer(kinds)
  }

  /** The next events. Throws `store.newer` for one that this program does not know. */
  async events(rows: readonly EventRow[]): Promise<void> {
    const writes: Bound[] = []
    for (const row of rows) {
      const projected = this.#replay(row)
      if (!projected)
        throw new StoreError(
          'store.newer',
          `Event ${row.seq} is of kind ${row.kind}, which this program does not know. Update Factotum, and restore again.`,
        )
      writes.push(eventRow(row), ...projected)
      this.#newestAt = row.at
    }
    this.#head += rows.length
    await this.#engine.apply(writes)
  }

  /** One commit more, at the end. */
  async commit(input: CommitInput, at: number): Promise<void> {
    const member = new PreparedCommit(input)
    member.at = Math.max(at, this.#newestAt)
    const built = member.build(this.#head)
    this.#head += built.rows.length
    await this.#engine.apply([...built.rows.map(eventRow), ...built.writes, ...member.also])
  }

  /** What is no projection: blobs, checkpoints. */
  write(writes: readonly Bound[]): Promise<void> {
    return this.#engine.apply(writes)
  }

  async finish(meta: Readonly<Record<string, string>>): Promise<void> {
    await this.#engine.apply(Object.entries(meta).map(([name, value]) => insertMeta(name, value)))
    await this.#engine.finish(this.#head)
  }

  abandon(): Promise<void> {
    return this.#engine.abandon()
  }
}

function eventRow(r: EventRow): Bound {
  return insertEvent(
    r.seq,
    r.key,
    r.kind,
    r.stream,
    r.actor,
    r.cause,
    r.at,
    r.body,
    r.private,
    r.salt,
    r.private_hash,
    r.leaf,
  )
}

/** Begins to fill the database at `url`. Throws `store.not_empty` where there is one already. */
export async function fillStore(url: string, kinds: readonly AnyEventKind[]): Promise<Fill> {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    const { fillSqlite } = await import('./sqlite.ts')
    return new Fill(fillSqlite(url), kinds)
  }
  const { fillPostgres } = await import('./postgres.ts')
  return new Fill(await fillPostgres(url), kinds)
}

/** What a database says of itself, without opening it as a company's; null where it is empty. */
export async function readMeta(url: string, name: string): Promise<string | null> {
  if (!/^postgres(ql)?:\/\//.test(url)) return null
  const { metaOf } = await import('./postgres.ts')
  return metaOf(url, name)
}
