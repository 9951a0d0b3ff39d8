import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { errorMessage } from '../lib/errors.ts'
import { StoreError } from './errors.ts'
import type { FillEngine } from './fill.ts'
import type { Engine, Member, Outcome, Rebuild, Scratch, Snapshot } from './engine.ts'
import type { EventRow } from './events.ts'
import { MIGRATION_TABLE, pendingMigrations, readMigrations } from './migrate.ts'
import {
  BEGIN,
  COMMIT,
  landed,
  LOCK_HEAD,
  ROLLBACK,
  runGroup,
  statementOf,
  type Attempt,
  type Ledger,
} from './postgres-group.ts'
import {
  connect,
  isConnectionLoss,
  isPassing,
  isPermanent,
  Link,
  Lost,
  StepError,
  types,
  type Row,
  type Step,
} from './postgres-link.ts'
import { SHOWN_AS_OF } from './tables.ts'
import { vacuumAll, vacuumDead } from './postgres-vacuum.ts'
import { numbered, storable, sql, type Bound, type Statement, type Value } from './sql.ts'

/** What is read in one go is parsed in one go, and nobody else has a turn meanwhile. */
const EVENTS_PER_READ = 500
const READERS = 8
const BELL = 'factotum_bell'
/** Any two numbers, as long as every Factotum uses the same: they name the lock that migrations take turns on. */
const MIGRATION_LOCK = '70265, 1'
const MAX_DEADLOCKS = 5
/**
 * The write path only touches rows by key, so plans are made once and always use the indexes, however empty a table was
 * then. A process that stops in the middle of a transaction is cut off, so that the others do not wait for it for ever.
 */
const WRITER_SETTINGS = `
  set synchronous_commit = on; set plan_cache_mode = force_generic_plan; set enable_seqscan = off;
  set enable_hashjoin = off; set enable_mergejoin = off; set jit = off;
  set lock_timeout = '30s'; set idle_in_transaction_session_timeout = '15s'`

export interface PostgresOptions {
  /** How long a lost server is waited for before `store.unreachable`. */
  readonly patience_ms?: number
}

const UNKNOWN: Ledger = { head: -1, alone: false }
const DURABILITY = {
  name: 'durability',
  text: `select name, setting from pg_settings where name in ('synchronous_commit', 'fsync', 'full_page_writes') order by name`,
}
const eventRange = sql('select * from event where seq >= ? and seq < ? order by seq')().statement
const headNow = sql('select next from ledger_head where id = 1')().statement

/** Opens (and where needed makes and migrates) the database. Throws `store.newer`, `store.unreachable`. */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Engine> {
  const engine = new Postgres(url, options.patience_ms ?? 30_000)
  try {
    await engine.open()
    return engine
  } catch (error) {
    await engine.close()
    throw error
  }
}

/** The schema too is made in the transaction, so that a restore that did not finish leaves an empty database. */
export async function fillPostgres(url: string): Promise<FillEngine> {
  const client = await connect(url, 'factotum-restore')
  const plainly = async <T>(run: () => Promise<T>): Promise<T> =>
    run().catch((error: unknown) => {
      throw error instanceof StepError ? error.cause : error
    })
  try {
    await client.query(`begin; select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
    const found = await client.query<Row>(
      `select 1 from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace limit 1`,
    )
    if (found.rows.length > 0)
      throw new StoreError(
        'store.not_empty',
        `The database ${new URL(url).pathname} has tables already. Make an empty one.`,
      )
    await migrateClient(client)
    await client.query(`set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off`)
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  const link = new Link(client)
  return {
    apply: (writes) =>
      plainly(async () => {
        await link.send(writes.map((w) => ({ prepared: statementOf(w.statement), values: w.values })))
      }),
    finish: async (head) => {
      await client.query('update ledger_head set next = $1 where id = 1', [head])
      await client.query('commit')
      await client.query('analyze').catch(() => {}) // the planner does better; it is finished without
      await client.end()
    },
    abandon: () => client.end().catch(() => {}),
  }
}

export async function metaOf(url: string, name: string): Promise<string | null> {
  const client = await connect(url, 'factotum-restore')
  try {
    if ((await client.query<Row>(`select to_regclass('meta') is null as absent`)).rows[0]!.absent) return null
    const found = await client.query<Row>('select value from meta where name = $1', [name])
    return found.rows.length === 0 ? null : String(found.rows[0]!.value)
  } finally {
    await client.end()
  }
}

class Postgres implements Engine {
  readonly dialect = 'postgres'
  readonly #url: string
  readonly #patience: number
  readonly #pool: pg.Pool
  readonly #texts = new Map<string, string>()
  /** Marks the bells that this process rings, so that it does not wake itself. */
  readonly #me = randomBytes(8).toString('hex')
  readonly #bell: Step = { prepared: { name: 'bell', text: 'select pg_notify($1, $2)' }, values: [BELL, this.#me] }
  #link: Link | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #ledger: Ledger = UNKNOWN
  readonly #rings: (() => void)[] = []
  #listener: pg.Client | null = null
  #closed = false

  constructor(url: string, patience: number) {
    this.#url = url
    this.#patience = patience
    this.#pool = new pg.Pool({
      connectionString: url,
      types,
      max: READERS,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      fallback_application_name: 'factotum-read',
    })
    this.#pool.on('error', () => {}) // an idle reader was cut off; the next query makes a new one
  }

  async open(): Promise<void> {
    const client = await this.#patiently(() => connect(this.#url, 'factotum-migrate'))
    try {
      const encoding = (await client.query<{ server_encoding: string }>('show server_encoding')).rows[0]
        ?.server_encoding
      if (encoding !== 'UTF8') {
        throw new StoreError(
          'store.unreachable',
          `The database ${this.#where()} is encoded in ${encoding ?? 'nothing'}; mail needs UTF8. Make it with ENCODING 'UTF8'.`,
        )
      }
      await client.query(`select pg_advisory_lock(${MIGRATION_LOCK})`)
      await migrateClient(client)
    } finally {
      await client.end().catch(() => {}) // and with it the lock
    }
    const got = await this.durability()
    if (!got.synchronous_commit || got.synchronous_commit === 'off') {
      throw new StoreError('store.unreachable', `PostgreSQL refused its durability settings (${JSON.stringify(got)}).`)
    }
  }

  async durability(): Promise<Row> {
    const rows = await this.#write([{ prepared: DURABILITY, values: [], rows: true }])
    return Object.fromEntries(rows[0]!.map((row) => [String(row.name), row.setting ?? null]))
  }

  query(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    const { name, text } = statementOf(statement)
    return this.#read(name, text, values)
  }

  queryText(text: string, values: readonly Value[]): Promise<Row[]> {
    let name = this.#texts.get(text)
    if (!name && this.#texts.size < 500) this.#texts.set(text, (name = `t${this.#texts.size}`))
    return this.#read(name, text, values.map(storable))
  }

  async #read(name: string | undefined, text: string, values: readonly Value[]): Promise<Row[]> {
    const query = name === undefined ? { text, values: values as Value[] } : { name, text, values: values as Value[] }
    return (await this.#patiently(() => this.#pool.query<Row>(query))).rows
  }

  /** Under the head's lock like commits, so that a lease and the fences on it never disagree. */
  async write(writes: readonly Bound[]): Promise<Row[][]> {
    return this.#write(writes.map((w) => ({ prepared: statementOf(w.statement), values: w.values, rows: true })))
  }

  #write(steps: readonly Step[]): Promise<Row[][]> {
    return this.#inTurn(() =>
      this.#onLink(async (link) => {
        const got = await this.#refusing(link, () => link.send([BEGIN, LOCK_HEAD, ...steps, COMMIT]))
        return steps.map((_, i) => got.get(i + 2) ?? [])
      }),
    )
  }

  commitGroup(members: readonly Member[]): Promise<Outcome[]> {
    return this.#inTurn(async () => {
      // What was sent with a COMMIT that was not answered.
      let doubt: Attempt | null = null
      const commit = (link: Link): Promise<Outcome[]> =>
        this.#refusing(link, async () => {
          if (doubt && (await landed(link, doubt))) return doubt.outcomes
          doubt = null
          const done = await runGroup(link, members, this.#ledger, this.#bell, (sent) => (doubt = sent))
          this.#ledger = done
          return done.outcomes
        })
      try {
        return await this.#onLink(commit)
      } catch (cause) {
        if (doubt === null || !(cause instanceof StoreError)) throw cause
        throw new StoreError(
          'store.broken',
          `The connection to ${this.#where()} was lost during a COMMIT and cannot be made again, so it is not known whether it happened. Factotum stops; start it again when the database is back.`,
          { cause },
        )
      }
    })
  }

  /** A refused transaction is undone; a deadlock with somebody else's session is tried again. */
  async #refusing<T>(link: Link, run: () => Promise<T>): Promise<T> {
    for (let deadlocks = 0; ; deadlocks++) {
      try {
        return await run()
      } catch (error) {
        this.#ledger = UNKNOWN
        if (!(error instanceof StepError)) throw error
        await link.send([ROLLBACK])
        if (error.cause.code?.startsWith('40') && deadlocks < MAX_DEADLOCKS) continue
        if (error.cause.code === '55P03') {
          throw new StoreError(
            'store.unreachable',
            `Somebody else has held the head of the ledger in ${this.#where()} for 30 s. Look for a stuck session in pg_stat_activity.`,
            { cause: error.cause },
          )
        }
        throw isPassing(error.cause) ? this.#refused(error.cause) : error.cause
      }
    }
  }

  /** One after another: this process has one write connection. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** Runs on the write connection; made again when it is lost. What runs must bear being run again. */
  async #onLink<T>(run: (link: Link) => Promise<T>): Promise<T> {
    const until = Date.now() + this.#patience
    for (let pause = 10; ; pause = Math.min(500, pause * 2)) {
      if (!this.#link || this.#link.closed) {
        this.#ledger = UNKNOWN
        this.#link = await this.#patiently(() => Link.open(this.#url, WRITER_SETTINGS))
      }
      try {
        return await run(this.#link)
      } catch (cause) {
        if (!(cause instanceof Lost)) throw cause
        // Not a number of losses: a COMMIT in doubt is worth waiting for as long as the server is.
        if (Date.now() + pause > until) throw this.#unreachable(cause)
        await sleep(pause)
      }
    }
  }

  async #patiently<T>(run: () => Promise<T>): Promise<T> {
    const until = Date.now() + this.#patience
    for (let pause = 20; ; pause = Math.min(1_000, pause * 2)) {
      if (this.#closed) throw new StoreError('store.closed', 'The store is closed.')
      try {
        return await run()
      } catch (cause) {
        if (isPermanent(cause)) throw this.#unreachable(cause)
        if (!isConnectionLoss(cause)) throw isPassing(cause) ? this.#refused(cause) : cause
        if (Date.now() + pause > until) throw this.#unreachable(cause)
        await sleep(pause * (0.5 + Math.random() / 2))
      }
    }
  }

  #where(): string {
    const { host, pathname } = new URL(this.#url)
    return `${host}${pathname}`
  }

  #unreachable(cause: unknown): StoreError {
    return new StoreError(
      'store.unreachable',
      `PostgreSQL at ${this.#where()} cannot be used: ${errorMessage(cause)}. Check DATABASE_URL and that the server runs.`,
      { cause },
    )
  }

  /** The server lives and cannot do it now: its disk is full, it has no memory, it is shutting down. */
  #refused(cause: unknown): StoreError {
    return new StoreError(
      'store.unreachable',
      `PostgreSQL at ${this.#where()} cannot do this now: ${errorMessage(cause)}. Nothing was recorded; try again when that is put right.`,
      { cause },
    )
  }

  async head(): Promise<number> {
    return Number((await this.query(headNow, []))[0]!.next)
  }

  async *events(from: number, to: number): AsyncGenerator<EventRow[]> {
    for (let at = from; at < to; at += EVENTS_PER_READ) {
      yield (await this.query(eventRange, [at, Math.min(to, at + EVENTS_PER_READ)])) as unknown as EventRow[]
    }
  }

  async snapshot(): Promise<Snapshot> {
    const client = await this.#patiently(() => connect(this.#url, 'factotum-snapshot'))
    await client.query('begin isolation level repeatable read read only')
    const range = statementOf(eventRange)
    // The view is taken by the first read.
    const head = Number((await client.query<Row>(headNow.text)).rows[0]!.next)
    return {
      query: async (text, values = []) => (await client.query<Row>(numbered(text), values as Value[])).rows,
      head: async () => head,
      async *events(from, to) {
        for (let at = from; at < to; at += EVENTS_PER_READ) {
          yield (await client.query<Row>({ ...range, values: [at, Math.min(to, at + EVENTS_PER_READ)] }))
            .rows as unknown as EventRow[]
        }
      },
      close: () => client.end(),
    }
  }

  async scrub(tables: readonly string[]): Promise<boolean> {
    await using client = await this.#maintenance()
    return await vacuumDead(client, tables)
  }

  /** Temporary tables: they hide the company's own on this connection, are not logged and end with it. */
  async scratch(): Promise<Scratch> {
    const client = await this.#patiently(() => connect(this.#url, 'factotum-scratch'))
    const { own } = (await client.query<{ own: string }>('select quote_ident(current_schema()) as own')).rows[0]!
    await client.query('set search_path to pg_temp')
    await migrateClient(client)
    const link = new Link(client)
    let shown = false
    // One connection answers one after the other; whoever reads asks for many at once.
    let turn: Promise<unknown> = Promise.resolve()
    const rows = (text: string, values: readonly Value[]): Promise<Row[]> => {
      const answer = turn.then(async () => (await client.query<Row>(text, values as Value[])).rows)
      turn = answer.catch(() => {})
      return answer
    }
    return {
      apply: async (writes) => {
        try {
          await link.send([
            BEGIN,
            ...writes.map((w) => ({ prepared: statementOf(w.statement), values: w.values })),
            COMMIT,
          ])
        } catch (error) {
          throw error instanceof StepError ? error.cause : error
        }
      },
      query: (text, values = []) => rows(numbered(text), values),
      queryText: (text, values) => rows(text, values.map(storable)),
      show: async (head) => {
        const tables = Object.entries(SHOWN_AS_OF)
        // The empty tables of the copy make room once; from then on the views are only moved.
        if (!shown) await client.query(`drop table ${tables.map(([table]) => `pg_temp.${table}`).join(', ')}`)
        shown = true
        const views = tables.map(
          ([table, upTo]) =>
            `create or replace temp view ${table} as select * from ${own}.${table} where ${upTo(head)}`,
        )
        await client.query(`${views.join('; ')}; analyze`)
      },
      drop: () => client.end(),
    }
  }

  /**
   * Writes the tables anew, and with them the statistics of their columns, which hold samples of values. The server's own
   * log and its backups are not in our hands.
   */
  async rewrite(tables: readonly string[]): Promise<void> {
    await using client = await this.#maintenance()
    await vacuumAll(client, tables).catch((cause: unknown) => {
      throw this.#refused(cause)
    })
  }

  async #maintenance(): Promise<pg.Client & AsyncDisposable> {
    const client = await this.#patiently(() => connect(this.#url, 'factotum-scrub'))
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => {}) })
  }

  /** On a connection of its own that holds the head's lock: commits of every process wait, reads see what was there. */
  async rebuild(plan: Rebuild): Promise<number | null> {
    const link = await this.#patiently(() => Link.open(this.#url, WRITER_SETTINGS))
    const step = ({ statement, values }: Bound, rows = false): Step => ({
      prepared: statementOf(statement),
      values,
      rows,
    })
    try {
      const begun = await link.send([BEGIN, LOCK_HEAD, ...(plan.isDone ? [step(plan.isDone, true)] : [])])
      if (begun.get(2)?.length) return null
      const head = Number(begun.get(1)![0]!.next)
      await link.send(
        plan.tables.map((t) => ({ prepared: { name: `empty_${t}`, text: `delete from ${t}` }, values: [] })),
      )
      let writes: Step[] = []
      for (let at = 0; at < head; at += EVENTS_PER_READ) {
        const range = step({ statement: eventRange, values: [at, at + EVENTS_PER_READ] }, true)
        const rows = (await link.send([...writes, range])).get(writes.length) as unknown as EventRow[]
        writes = rows.flatMap((row) => plan.project(row).map((write) => step(write)))
      }
      await link.send([...writes, step(plan.done), COMMIT])
      return head
    } catch (error) {
      if (error instanceof Lost) throw this.#unreachable(error)
      throw error instanceof StepError ? error.cause : error
    } finally {
      // Ends the transaction where it did not come to its end.
      await link.close()
    }
  }

  onBell(ring: () => void): void {
    this.#rings.push(ring)
    if (this.#rings.length === 1) void this.#listen()
  }

  async #listen(): Promise<void> {
    const ring = () => this.#rings.forEach((each) => each())
    for (let again = false; !this.#closed; again = true) {
      try {
        const client = (this.#listener = await connect(this.#url, 'factotum-bell'))
        const lost = new Promise<void>((resolve) => client.on('end', resolve))
        client.on('notification', (bell) => {
          if (bell.payload !== this.#me) ring()
        })
        await client.query(`listen ${BELL}`)
        if (again) ring() // one may have been missed
        await lost
      } catch {
        // The same as a lost connection: wait and listen again. The sweep of overdue work does not need the bell.
      }
      if (!this.#closed) await sleep(1_000, undefined, { ref: false })
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.#turn
    this.#closed = true
    await Promise.all([this.#link?.close(), this.#listener?.end().catch(() => {}), this.#pool.end()])
  }
}

async function migrateClient(client: pg.Client): Promise<void> {
  await client.query(MIGRATION_TABLE)
  const applied = await client.query<Row>('select version, checksum from migration order by version')
  for (const m of pendingMigrations(readMigrations('postgres'), applied.rows)) {
    // One simple query is one transaction: all of it or nothing.
    await client.query(`${m.text}\n; insert into migration values (${m.version}, '${m.name}', '${m.checksum}')`)
  }
}
