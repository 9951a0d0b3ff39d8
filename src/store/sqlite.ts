import { resolve } from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { errorMessage } from '../lib/errors.ts'
import { ConflictError, StoreError, type StoreErrorCode } from './errors.ts'
import { conflict, duplicateOutcome } from './commit.ts'
import type { FillEngine } from './fill.ts'
import type { Engine, Member, Outcome, Rebuild, Scratch, Snapshot } from './engine.ts'
import type { EventRow } from './events.ts'
import { migrate, readMigrations } from './migrate.ts'
import { sql, storable, type Bound, type Statement, type Value } from './sql.ts'
import { EVENTS_PER_READ, eventRange, eventRows, readEvents } from './sqlite-events.ts'
import { SHOWN_AS_OF } from './tables.ts'
import { checkFence } from './work.ts'

type Row = Record<string, Value>

const INSERT_EVENT = `insert into event (seq, key, kind, stream, actor, cause, at, body, private, salt, private_hash, leaf)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (key) where key is not null do nothing`
const LOCK_WAIT_MS = 2_000
/** More would hold everybody up at each sweep; `rewrite` leaves none behind, however many. */
const MAX_REFILLED_ROWS = 2_000
const CHECKPOINT_EVERY_MS = 100
const MAX_CHECKPOINT_TRIES = 100
const fenceStatement = checkFence().statement
const recordedByKey = sql('select seq from event where key = ?')().statement
const recordedFrom = sql('select seq, key, kind, body from event where seq >= ? order by seq limit ?')().statement

/**
 * Makes the connection durable: every commit is in the write-ahead log and fsynced before it is acknowledged, and
 * deleted content is overwritten. Checked, because a build of SQLite may ignore a pragma without a word.
 */
function configure(db: DatabaseSync): void {
  db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on; pragma foreign_keys = on')
  // 16 MiB of log between checkpoints: at 1,000 pages, checkpointing took a fifth of the commit rate.
  db.exec('pragma wal_autocheckpoint = 4000; pragma cache_size = -32000; pragma temp_store = memory')
  const got = durability(db)
  if (got.journal_mode !== 'wal' || got.synchronous !== 2 || got.secure_delete !== 1) {
    throw new StoreError(
      'store.unreachable',
      `SQLite refused its durability settings (${JSON.stringify(got)}). Put the data folder on a local disk.`,
    )
  }
}

function durability(db: DatabaseSync): { journal_mode: Value; synchronous: Value; secure_delete: Value } {
  const pragma = (name: string): Value => Object.values(db.prepare(`pragma ${name}`).get() ?? {})[0] as Value
  return {
    journal_mode: pragma('journal_mode'),
    synchronous: pragma('synchronous'),
    secure_delete: pragma('secure_delete'),
  }
}

const BUSY = 5
/** PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN: not the fault of the statement that met them. */
const NOT_THE_MEMBER = new Set([3, BUSY, 6, 7, 8, 10, 13, 14])

/** SQLite's primary result code; 0 for an error that is not SQLite's. */
function resultCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
}

function unreachable(path: string, cause: unknown): StoreError {
  return new StoreError(
    'store.unreachable',
    `SQLite cannot use ${path}: ${errorMessage(cause)}. Nothing was recorded; check the disk and the rights on its folder, then try again.`,
    { cause },
  )
}

/**
 * One process owns a SQLite company: an exclusive transaction on a file beside it, an OS lock that the kernel lets go
 * when the process dies, whatever way it dies. Waits a little: two commands at once take turns.
 */
function takeLock(path: string): DatabaseSync {
  let lock: DatabaseSync | null = null
  try {
    lock = new DatabaseSync(`${path}-owner`, { timeout: LOCK_WAIT_MS })
    lock.exec('pragma journal_mode = memory; begin exclusive')
    return lock
  } catch (cause) {
    lock?.close()
    if (resultCode(cause) !== BUSY) throw unreachable(path, cause)
    throw new StoreError(
      'store.locked',
      `Another process owns ${path}. Talk to it with the factotum command, or stop it first.`,
      { cause },
    )
  }
}

/** Opens (or makes, or migrates) the database at `path`. Throws `store.locked`, `store.newer`, `store.unreachable`. */
export function openSqlite(path: string): Engine {
  const lock = takeLock(path)
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(path)
    configure(db)
    migrateTo(db)
    return new Sqlite(path, db, lock)
  } catch (error) {
    db?.close()
    lock.close()
    throw resultCode(error) === 0 ? error : unreachable(path, error)
  }
}

function migrateTo(db: DatabaseSync): void {
  migrate(readMigrations('sqlite'), { exec: (text) => db.exec(text), rows: (text) => db.prepare(text).all() as Row[] })
}

/** Without a log: what is not finished is thrown away with its file. */
export function fillSqlite(path: string): FillEngine {
  if (existsSync(path))
    throw new StoreError('store.not_empty', `There is a ${path} already. Name one that is not there.`)
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -64000; pragma temp_store = memory')
  migrateTo(db)
  const prepared: (StatementSync | undefined)[] = []
  db.exec('begin')
  return {
    apply: async (writes) => {
      for (const w of writes)
        (prepared[w.statement.id] ??= db.prepare(w.statement.text)).run(...(w.values as SQLInputValue[]))
      await turn()
    },
    finish: async () => {
      db.exec('commit')
      db.close()
      const file = openSync(path, 'r')
      fsyncSync(file)
      closeSync(file)
    },
    abandon: async () => {
      if (db.isOpen) db.close()
    },
  }
}

function readOnlyUri(path: string): string {
  return `${pathToFileURL(resolve(path)).href.replaceAll("'", '%27')}?mode=ro`
}

function isCode(error: unknown, code: StoreErrorCode): boolean {
  return error instanceof StoreError && error.code === code
}

class Sqlite implements Engine {
  readonly dialect = 'sqlite'
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #lock: DatabaseSync
  readonly #prepared: (StatementSync | undefined)[] = []
  readonly #texts = new Map<string, StatementSync>()
  readonly #insertEvent: StatementSync
  readonly #checkFence: StatementSync
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  #next: number
  /** How many rows this connection had changed when it was last scrubbed. */
  #scrubbedAt = -1

  constructor(path: string, db: DatabaseSync, lock: DatabaseSync) {
    this.#path = path
    this.#db = db
    this.#lock = lock
    this.#insertEvent = db.prepare(INSERT_EVENT)
    this.#checkFence = db.prepare(fenceStatement.text)
    // Once a commit: a row as an array is 0.5 µs less than an object.
    this.#checkFence.setReturnArrays(true)
    this.#begin = db.prepare('begin immediate')
    this.#commit = db.prepare('commit')
    this.#next = (db.prepare('select coalesce(max(seq) + 1, 0) as n from event').get() as { n: number }).n
  }

  #statement(statement: Statement): StatementSync {
    return (this.#prepared[statement.id] ??= this.#db.prepare(statement.text))
  }

  async query(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    try {
      return this.#statement(statement).all(...(values as SQLInputValue[])) as Row[]
    } catch (error) {
      throw this.#faultOf(error)
    }
  }

  async queryText(text: string, values: readonly Value[]): Promise<Row[]> {
    try {
      let prepared = this.#texts.get(text)
      if (!prepared) {
        prepared = this.#db.prepare(text)
        if (this.#texts.size < 500) this.#texts.set(text, prepared)
      }
      return prepared.all(...(values.map(storable) as SQLInputValue[])) as Row[]
    } catch (error) {
      throw this.#faultOf(error)
    }
  }

  /** What the database cannot do now (a full disk) is `store.unreachable` and passes; everything else stays itself. */
  #faultOf(error: unknown): unknown {
    return NOT_THE_MEMBER.has(resultCode(error)) ? unreachable(this.#path, error) : error
  }

  /**
   * Without an fsync: what is no projection is durable with the next commit, for the log is written and read in order. A
   * power cut takes back a lease only together with everything that was done under it.
   */
  async write(writes: readonly Bound[]): Promise<Row[][]> {
    this.#db.exec('pragma synchronous = normal')
    try {
      this.#begin.run()
      const rows = writes.map((w) => this.#statement(w.statement).all(...(w.values as SQLInputValue[])) as Row[])
      this.#commitNow()
      return rows
    } catch (error) {
      this.#rollback()
      throw this.#faultOf(error)
    } finally {
      this.#db.exec('pragma synchronous = full')
    }
  }

  commitGroup(members: readonly Member[]): Outcome[] {
    try {
      return this.#runGroup(members)
    } catch (error) {
      if (isCode(error, 'store.broken')) throw error
      if (members.length === 1 || isCode(error, 'store.unreachable'))
        return members.map(() => ({ ok: false, error: error as Error }))
      // Somebody's write failed. Each runs alone, so that only the one that is wrong fails.
      return members.map((member) => {
        try {
          return this.#runGroup([member])[0]!
        } catch (single) {
          if (isCode(single, 'store.broken')) throw single
          return { ok: false, error: single as Error }
        }
      })
    }
  }

  #runGroup(members: readonly Member[]): Outcome[] {
    const start = this.#next
    let outcomes: Outcome[]
    try {
      this.#begin.run()
      outcomes = members.map((member) => this.#runMember(member))
    } catch (error) {
      this.#next = start
      this.#rollback()
      throw this.#faultOf(error)
    }
    this.#commitNow()
    return outcomes
  }

  /**
   * Everything is checked before the first write, so a refused member leaves nothing behind in the group. That the key is
   * new shows as its row goes in, which spares every commit a look-up; one that is refused may have been recorded before.
   */
  #runMember(member: Member): Outcome {
    let inbox = -1
    if (member.fence) {
      const row = this.#checkFence.get(member.fence.id, member.fence.epoch) as [inbox: number] | undefined
      if (!row) return this.#recorded(member) ?? conflict(member, 'fence', () => new Error())
      inbox = row[0]
    }
    for (const guard of member.guards) {
      if (this.#statement(guard.check.statement).get(...(guard.check.values as SQLInputValue[])) === undefined) {
        return this.#recorded(member) ?? conflict(member, guard, (code, message) => new ConflictError(code, message))
      }
    }
    const seq = this.#next
    const built = member.build(seq)
    for (const r of built.rows) {
      const { changes } = this.#insertEvent.run(
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
      if (changes === 0) return this.#recorded(member)!
    }
    for (const write of built.writes) this.#run(write)
    for (const write of member.also) this.#run(write)
    this.#next = seq + built.rows.length
    return { ok: true, seq, duplicate: false, inbox, built }
  }

  /** What was recorded under this key before, if anything. */
  #recorded(member: Member): Outcome | undefined {
    const first = this.#statement(recordedByKey).get(member.key) as { seq: number } | undefined
    if (!first) return undefined
    return duplicateOutcome(member, this.#statement(recordedFrom).all(first.seq, member.content.length + 1) as never)
  }

  #run(write: Bound): void {
    this.#statement(write.statement).run(...(write.values as SQLInputValue[]))
  }

  /** After a failed COMMIT or fsync nobody knows what is on disk: the process must stop and read it afresh. */
  #commitNow(): void {
    try {
      this.#commit.run()
    } catch (cause) {
      throw new StoreError(
        'store.broken',
        `SQLite could not make a commit durable at ${this.#path}. Factotum stops; check the disk, then start it again.`,
        { cause },
      )
    }
  }

  #rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('rollback')
  }

  async durability(): Promise<Row> {
    return durability(this.#db)
  }

  async head(): Promise<number> {
    return this.#next
  }

  events(from: number, to: number): AsyncGenerator<EventRow[]> {
    return readEvents(this.#statement(eventRange), from, to)
  }

  async snapshot(): Promise<Snapshot> {
    const db = new DatabaseSync(this.#path, { readOnly: true })
    const range = db.prepare(eventRange.text)
    db.exec('begin')
    // The view is taken by the first read.
    const { n } = db.prepare('select coalesce(max(seq) + 1, 0) as n from event').get() as { n: number }
    return {
      query: async (text, values = []) => db.prepare(text).all(...(values as SQLInputValue[])) as Row[],
      head: async () => n,
      events: (from, to) => readEvents(range, from, to),
      close: async () => db.close(),
    }
  }

  /**
   * `secure_delete` empties what is deleted, but not what moved when a page was divided: tables that are small are emptied
   * as a whole and filled again. What is left is in the log, which is written back and cut to nothing.
   */
  async scrub(tables: readonly string[]): Promise<boolean> {
    try {
      const { n } = this.#db.prepare('select total_changes() as n').get() as { n: number }
      if (n === this.#scrubbedAt) return true
      for (const table of tables) {
        if (this.#db.prepare(`select 1 from ${table} limit 1 offset ${MAX_REFILLED_ROWS}`).get()) continue
        this.#db.exec(
          `begin immediate; create temp table kept as select * from ${table}; delete from ${table};
           insert into ${table} select * from kept; drop table kept; commit`,
        )
      }
      const { busy } = this.#db.prepare('pragma wal_checkpoint(truncate)').get() as { busy: number }
      if (busy === 0) this.#scrubbedAt = (this.#db.prepare('select total_changes() as n').get() as { n: number }).n
      return busy === 0
    } catch (error) {
      this.#rollback()
      throw this.#faultOf(error)
    }
  }

  async scratch(inMemory = false): Promise<Scratch> {
    return copyIn(inMemory ? ':memory:' : '', this.#path)
  }

  /**
   * `secure_delete` overwrites what is deleted, but not what moved when a page was divided, and the log keeps old pages. So
   * the file is written anew and the log cut off. Readers that began before are waited for, for they still need the log.
   */
  async rewrite(): Promise<void> {
    try {
      // What is left after the erasure goes through a temporary file: in memory, the whole company would have to fit.
      this.#db.exec('pragma temp_store = file; vacuum; pragma temp_store = memory')
      for (let tries = 0; ; tries++) {
        const { busy } = this.#db.prepare('pragma wal_checkpoint(truncate)').get() as { busy: number }
        if (busy === 0) return
        if (tries === MAX_CHECKPOINT_TRIES) throw new Error('somebody has been reading for too long')
        await sleep(CHECKPOINT_EVERY_MS)
      }
    } catch (error) {
      throw unreachable(this.#path, error)
    }
  }

  /** In one go, for whoever had a turn meanwhile would commit into this transaction. The log holds it, not the memory. */
  async rebuild(plan: Rebuild): Promise<number | null> {
    const range = this.#statement(eventRange)
    try {
      this.#begin.run()
      if (plan.isDone && this.#statement(plan.isDone.statement).get(...(plan.isDone.values as SQLInputValue[]))) {
        this.#rollback()
        return null
      }
      for (const table of plan.tables) this.#db.exec(`delete from ${table}`)
      for (let at = 0; at < this.#next; at += EVENTS_PER_READ)
        for (const row of eventRows(range, at, at + EVENTS_PER_READ))
          for (const write of plan.project(row)) this.#run(write)
      this.#run(plan.done)
    } catch (error) {
      this.#rollback()
      throw this.#faultOf(error)
    }
    this.#commitNow()
    return this.#next
  }

  onBell(): void {
    // One process owns the company, so nobody else can commit.
  }

  async close(): Promise<void> {
    this.#db.close()
    this.#lock.close()
  }
}

/** An empty copy of the schema, in memory, of no company. */
export function memoryCopy(): Scratch {
  return copyIn(':memory:')
}

/** `file`: in memory, or one that has no name and is gone when it is closed. `company`: the path of what `show` shows. */
function copyIn(file: ':memory:' | '', company?: string): Scratch {
  const db = new DatabaseSync(file)
  migrateTo(db)
  const prepared: (StatementSync | undefined)[] = []
  const read = (text: string, values: readonly Value[]) => db.prepare(text).all(...(values as SQLInputValue[])) as Row[]
  return {
    apply: async (writes) => {
      db.exec('begin')
      for (const w of writes)
        (prepared[w.statement.id] ??= db.prepare(w.statement.text)).run(...(w.values as SQLInputValue[]))
      db.exec('commit')
      await turn()
    },
    query: async (text, values = []) => read(text, values),
    queryText: async (text, values) => read(text, values.map(storable)),
    show: async (head) => {
      if (!db.location('company')) db.exec(`attach '${readOnlyUri(company!)}' as company`)
      // A temporary view goes before the table of its name, and may look into an attached database.
      for (const [table, upTo] of Object.entries(SHOWN_AS_OF))
        db.exec(
          `drop view if exists temp.${table};
           create temp view ${table} as select * from company.${table} where ${upTo(head)}`,
        )
    },
    drop: async () => db.close(),
  }
}
