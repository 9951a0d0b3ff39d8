import type { EventRow } from './events.ts'
import type { Bound, Statement, Value } from './sql.ts'

/**
 * What a database must do for the store; everything above is written once. Two engines pass one conformance suite.
 *
 * Words: a *member* is one caller's commit; a *group* is the members that share a transaction and an fsync.
 */
export interface Engine {
  readonly dialect: 'sqlite' | 'postgres'
  query(statement: Statement, values: readonly Value[]): Promise<Record<string, Value>[]>
  /** For query builders that make their own text, in this engine's own placeholders. */
  queryText(text: string, values: readonly Value[]): Promise<Record<string, Value>[]>
  /** Writes to tables that are not projections, in one transaction. Returns the rows of each `returning`. */
  write(writes: readonly Bound[]): Promise<Record<string, Value>[][]>
  /**
   * Runs a group in one transaction: an outcome per member, in order, after all that succeeded are durable.
   * A group that fails as a whole is rolled back and its members are rerun singly.
   */
  commitGroup(members: readonly Member[]): Outcome[] | Promise<Outcome[]>
  /** The number of events, which is the next `seq`. */
  head(): Promise<number>
  /** Reads large parts of the ledger in order without holding them: rows with `from <= seq < to`. */
  events(from: number, to: number): AsyncIterable<EventRow[]>
  /** The settings that a durable commit rests on, as the database has them. */
  durability(): Promise<Record<string, Value>>
  /** The company as of this moment, while commits go on beside it. */
  snapshot(): Promise<Snapshot>
  /** An empty copy of the schema to rebuild projections into; `drop` removes it. `inMemory`: small, and never on disk. */
  scratch(inMemory?: boolean): Promise<Scratch>
  /** Writes these tables anew, so that what was erased from them is in none of the database's own files. Takes its time. */
  rewrite(tables: readonly string[]): Promise<void>
  /**
   * Takes what was deleted from these tables out of the files, once nobody reads it any more. False: somebody still does,
   * or has taken a view that includes it. Call again later. PostgreSQL keeps its own log and backups, as its owner set it up.
   */
  scrub(tables: readonly string[]): Promise<boolean>
  /**
   * Empties the projections and fills them again from the ledger, in one transaction that nobody commits beside: killed at
   * any moment, it leaves them as they were. Answers the number of events; null where `isDone` found a row.
   */
  rebuild(plan: Rebuild): Promise<number | null>
  /** Another process may have committed. Never calls back for this process's own commits. */
  onBell(ring: () => void): void
  close(): Promise<void>
}

/** A consistent view. Close it: it keeps the database from cleaning up behind it. Texts have `?` for each value. */
export interface Snapshot {
  query(text: string, values?: readonly Value[]): Promise<Record<string, Value>[]>
  head(): Promise<number>
  events(from: number, to: number): AsyncIterable<EventRow[]>
  close(): Promise<void>
}

export interface Scratch {
  apply(writes: readonly Bound[]): Promise<void>
  query(text: string, values?: readonly Value[]): Promise<Record<string, Value>[]>
  /** For query builders, in this engine's own placeholders. */
  queryText(text: string, values: readonly Value[]): Promise<Record<string, Value>[]>
  /** From now on what is not rebuilt (`SHOWN_AS_OF`) reads as the company's own, up to this head, without a copy of it. */
  show(head: number): Promise<void>
  drop(): Promise<void>
}

export interface Rebuild {
  readonly tables: readonly string[]
  /** What an event writes. What it throws undoes the rebuild. */
  readonly project: (row: EventRow) => readonly Bound[]
  /** Another process may have done it while this one waited for its turn. */
  readonly isDone: Bound | null
  /** Committed together with the rows. */
  readonly done: Bound
}

/** A guard is SQL that must match a row, or the commit is refused with a typed conflict. */
export interface Guard {
  readonly check: Bound
  readonly code: string
  readonly message: string
}

/** Says which lease the caller drives under. A stale holder is refused. */
export interface Fence {
  readonly id: string
  readonly epoch: number
}

export interface Member {
  readonly key: string
  /** Kind and body text of each event: what a second commit under the same key must repeat. */
  readonly content: readonly { readonly kind: string; readonly body: string }[]
  readonly fence: Fence | null
  readonly guards: readonly Guard[]
  readonly also: readonly Bound[]
  /** Bytes that this commit will write, roughly. */
  readonly size: number
  /** Makes the rows once `seq` is known. Pure: a group that is rerun builds again. */
  build(firstSeq: number): Built
}

export interface Built {
  readonly rows: readonly EventRow[]
  readonly writes: readonly Bound[]
}

export type Outcome =
  | {
      readonly ok: true
      readonly seq: number
      readonly duplicate: boolean
      readonly inbox: number
      readonly built: Built | null
    }
  | { readonly ok: false; readonly error: Error }
