import type { Engine, Outcome, Scratch } from './engine.ts'
import { StoreError } from './errors.ts'
import type { AnyEventKind, EventRow } from './events.ts'
import { replayer } from './replay.ts'
import type { Bound, Value } from './sql.ts'

type Row = Record<string, Value>

function readOnly(): StoreError {
  return new StoreError(
    'asof.read_only',
    'The company as it was can be read and not changed. Ask again without "as of" to change it as it is.',
  )
}

/**
 * The company as it was after its first `head` events: the projections rebuilt from them, and the ledger itself seen up
 * to there. What was erased since is gone here as well. It only reads; `drop` removes it.
 */
export class PastEngine implements Engine {
  readonly dialect: Engine['dialect']
  readonly #live: Engine
  readonly #scratch: Scratch
  #head = 0

  private constructor(live: Engine, scratch: Scratch) {
    this.dialect = live.dialect
    this.#live = live
    this.#scratch = scratch
  }

  /** What is personal is in memory (SQLite) or in temporary tables (PostgreSQL), and leaves no trace of the copy. */
  static async open(live: Engine): Promise<PastEngine> {
    return new PastEngine(live, await live.scratch(true))
  }

  /** Goes on to a later head; nobody may be reading meanwhile. Throws `asof.unknown_kind`. */
  async forward(head: number, kinds: readonly AnyEventKind[]): Promise<void> {
    const replay = replayer(kinds)
    for await (const rows of this.#live.events(this.#head, head)) {
      const writes: Bound[] = []
      for (const row of rows) {
        const projected = replay(row)
        if (!projected)
          throw new StoreError(
            'asof.unknown_kind',
            `Event ${row.seq} is of kind ${row.kind}, which this program does not know. Use the version that wrote it, or a newer one.`,
          )
        writes.push(...projected)
      }
      await this.#scratch.apply(writes)
    }
    this.#head = head
    await this.#scratch.show(head)
  }

  query(statement: Bound['statement'], values: readonly Value[]): Promise<Row[]> {
    return this.#scratch.query(statement.text, values)
  }

  queryText(text: string, values: readonly Value[]): Promise<Row[]> {
    return this.#scratch.queryText(text, values)
  }

  async head(): Promise<number> {
    return this.#head
  }

  events(from: number, to: number): AsyncIterable<EventRow[]> {
    return this.#live.events(from, Math.min(to, this.#head))
  }

  async snapshot() {
    return {
      query: (text: string, values: readonly Value[] = []) => this.#scratch.query(text, values),
      head: () => this.head(),
      events: (from: number, to: number) => this.events(from, to),
      close: async () => {},
    }
  }

  scratch(inMemory?: boolean): Promise<Scratch> {
    return this.#live.scratch(inMemory)
  }

  scrub(): Promise<boolean> {
    return Promise.reject(readOnly())
  }

  rebuild(): Promise<number | null> {
    return Promise.reject(readOnly())
  }

  rewrite(): Promise<void> {
    return Promise.reject(readOnly())
  }

  durability(): Promise<Row> {
    return this.#live.durability()
  }

  write(): Promise<Row[][]> {
    return Promise.reject(readOnly())
  }

  commitGroup(members: readonly unknown[]): Outcome[] {
    return members.map(() => ({ ok: false, error: readOnly() }))
  }

  onBell(): void {
    // Nothing happens there any more.
  }

  /** A store over it comes and goes; the copy stays until it is dropped. */
  async close(): Promise<void> {}

  drop(): Promise<void> {
    return this.#scratch.drop()
  }
}
