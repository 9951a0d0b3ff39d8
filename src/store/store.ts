import { createHmac } from 'node:crypto'
import { DummyDriver, Kysely, PostgresAdapter, PostgresQueryCompiler, SqliteAdapter, SqliteQueryCompiler } from 'kysely'
import type { CompiledQuery, DatabaseConnection, Dialect, QueryResult } from 'kysely'
import { callerNow, OPERATOR } from '../lib/caller.ts'
import { systemClock, type Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { Committer, type CommitListener, type CommitResult } from './commit.ts'
import type { Engine, Fence } from './engine.ts'
import { fenced, StoreError } from './errors.ts'
import type { CommitInput } from './prepared.ts'
import { sql, type Bound, type Value } from './sql.ts'
import { openSqlite } from './sqlite.ts'
import { checkFence, expireAll } from './work.ts'

export interface StoreOptions {
  /** A file path (SQLite) or a `postgres://` URL. */
  readonly url: string
  /** 32 random bytes, kept outside the database: outside keys are stored as HMACs under it. */
  readonly secret: Uint8Array
  readonly clock?: Clock
  /** For tests that stop the process at a chosen commit. */
  readonly wrapEngine?: (engine: Engine) => Engine
}

const getMeta = sql('select value from meta where name = ?')
const setMeta = sql('insert into meta (name, value) values (?, ?) on conflict (name) do nothing')
const lastAt = sql('select at from event where seq = ?')

/**
 * The company's one store: one write path (`commit`), reads, and maintenance of what is not a projection (`write`).
 * See docs/decisions for why it looks as it does, and `tables.ts` for what lies where.
 */
export class Store {
  readonly engine: Engine
  readonly clock: Clock
  readonly companyId: string
  readonly #committer: Committer
  readonly #secret: Uint8Array
  readonly #kysely: Kysely<unknown>
  #closed = false

  constructor(engine: Engine, clock: Clock, secret: Uint8Array, companyId: string, newestAt: number) {
    this.engine = engine
    this.clock = clock
    this.companyId = companyId
    this.#secret = secret
    this.#committer = new Committer(engine, clock, newestAt)
    this.#kysely = new Kysely<unknown>({ dialect: readDialect(engine) })
  }

  /** Records events. Resolves when they are durable. Throws a guard's conflict, `store.fenced`, `store.key_reused`. */
  commit(input: CommitInput): Promise<CommitResult> {
    if (this.#closed) return Promise.reject(new StoreError('store.closed', 'The store is closed.'))
    const done = this.#committer.commit(inTheirName(input))
    const { fence } = input
    return fence ? done.catch((error: unknown) => this.#overtaken(fence, error)) : done
  }

  /** Where another has taken over and did the same step with another end, the lease is what was lost, and no key misused. */
  async #overtaken({ id, epoch }: Fence, error: unknown): Promise<never> {
    const isUsed = error instanceof StoreError && error.code === 'store.key_reused'
    throw isUsed && !(await this.first(checkFence(id, epoch))) ? fenced(id) : error
  }

  read<R = Record<string, Value>>(query: Bound): Promise<R[]> {
    return this.engine.query(query.statement, query.values) as Promise<R[]>
  }

  async first<R = Record<string, Value>>(query: Bound): Promise<R | undefined> {
    return (await this.read<R>(query))[0]
  }

  /** Writes tables that are not projections, in one transaction. */
  async write(writes: readonly Bound[]): Promise<Record<string, Value>[][]> {
    try {
      return await this.engine.write(writes)
    } catch (error) {
      if (error instanceof StoreError && error.code === 'store.broken') this.#committer.break(error)
      throw error
    }
  }

  /** What to do when a commit failed in a way that leaves unknown what is on disk: stop the process. */
  onBroken(listener: (error: Error) => void): void {
    this.#committer.onBroken = listener
  }

  /** A typed query builder over a layer's own tables, for reading only: the commit path has statements prepared once. */
  select<Tables>(): Kysely<Tables> {
    return this.#kysely as Kysely<Tables>
  }

  /** Hears of every event that this process committed, after it is durable, in order. */
  onCommit(listener: CommitListener): () => void {
    return this.#committer.onCommit(listener)
  }

  /** A stable stand-in for a key that came from outside (an address, a Message-ID): 132 bits of HMAC-SHA-256. */
  pseudonym(text: string): string {
    return pseudonym(this.#secret, text)
  }

  newId(prefix: string): string {
    return newId(prefix, this.clock.now())
  }

  /** This company through another engine and on another clock: as it was. */
  through(engine: Engine, clock: Clock): Store {
    return new Store(engine, clock, this.#secret, this.companyId, clock.now())
  }

  drain(): Promise<void> {
    return this.#committer.drain()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#committer.drain()
    await this.engine.close()
  }
}

/**
 * The operator's part is played by whoever asks: a program with a token, a guest. Here and nowhere else, so that no way of
 * doing something can forget to say who did it.
 */
function inTheirName(input: CommitInput): CommitInput {
  const actor = callerNow()?.actor ?? OPERATOR
  if (actor === OPERATOR) return input
  return { ...input, events: input.events.map((e) => (e.actor === OPERATOR ? { ...e, actor } : e)) }
}

/** Opens the store, making or migrating it where needed. Throws `store.locked`, `store.newer`, `store.unreachable`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const clock = options.clock ?? systemClock
  const opened = await openEngine(options.url)
  const engine = options.wrapEngine ? options.wrapEngine(opened) : opened
  try {
    await engine.write([setMeta('company', newId('co', clock.now()))])
    if (engine.dialect === 'sqlite') await engine.write([expireAll()])
    await checkOwner(engine, ownerOf(options.secret))
    const id = await engine.query(getMeta().statement, ['company'])
    const head = await engine.head()
    const newest = head === 0 ? undefined : (await engine.query(lastAt().statement, [head - 1]))[0]
    return new Store(engine, clock, options.secret, String(id[0]!.value), Number(newest?.at ?? 0))
  } catch (error) {
    await engine.close()
    throw error
  }
}

/** Which keys a database belongs to, without telling them. */
export function ownerOf(secret: Uint8Array): string {
  return pseudonym(secret, 'factotum')
}

function pseudonym(secret: Uint8Array, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url').slice(0, 22)
}

/** A database belongs to the keys it was made with: under others, no signal would be known and nothing would verify. */
async function checkOwner(engine: Engine, owner: string): Promise<void> {
  await engine.write([setMeta('owner', owner)])
  const recorded = (await engine.query(getMeta().statement, ['owner']))[0]
  if (recorded?.value !== owner) {
    throw new StoreError(
      'store.wrong_database',
      'This database belongs to another company: it was made with other keys. Check DATABASE_URL, or bring back the data/keys it was made with.',
    )
  }
}

async function openEngine(url: string): Promise<Engine> {
  if (!/^postgres(ql)?:\/\//.test(url)) return openSqlite(url)
  // Loaded only where it is used: a SQLite company never pays for the driver.
  const { openPostgres } = await import('./postgres.ts')
  return openPostgres(url)
}

/** Kysely compiles, the engine runs: one pool of connections and one cache of prepared statements. */
function readDialect(engine: Engine): Dialect {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      return { rows: (await engine.queryText(query.sql, query.parameters as Value[])) as R[] }
    },
    // eslint-disable-next-line require-yield
    async *streamQuery(): AsyncGenerator<never> {
      throw new StoreError('store.closed', 'Read large parts with the engine instead of a streamed query.')
    },
  }
  class Driver extends DummyDriver {
    override async acquireConnection(): Promise<DatabaseConnection> {
      return connection
    }
  }
  const postgres = engine.dialect === 'postgres'
  return {
    createAdapter: () => (postgres ? new PostgresAdapter() : new SqliteAdapter()),
    createDriver: () => new Driver(),
    createIntrospector: () => {
      throw new StoreError('store.closed', 'The schema is read from the migrations.')
    },
    createQueryCompiler: () => (postgres ? new PostgresQueryCompiler() : new SqliteQueryCompiler()),
  }
}
