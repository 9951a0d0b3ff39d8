import pg from 'pg'
import { StoreError } from './errors.ts'
import type { Value } from './sql.ts'

export type Row = Record<string, Value>

/** A statement under the name that every connection of this process prepares it by. */
export interface Prepared {
  readonly name: string
  readonly text: string
}

export interface Step {
  readonly prepared: Prepared
  readonly values: readonly Value[]
  /** Whether the rows are wanted. */
  readonly rows?: boolean
}

/** The statement at `index` was refused; those before it ran, those after it did not. The connection lives. */
export class StepError extends Error {
  readonly index: number
  /** The rows of those before it. */
  readonly rows: ReadonlyMap<number, Row[]>
  override readonly cause: pg.DatabaseError

  constructor(index: number, rows: ReadonlyMap<number, Row[]>, cause: pg.DatabaseError) {
    super(cause.message, { cause })
    this.index = index
    this.rows = rows
    this.cause = cause
  }
}

/** The connection is gone. Whether a COMMIT that was sent has happened is not known. */
export class Lost extends Error {}

const ANSWER_MS = 60_000
const INT8 = 20
const NUMERIC = 1700
const BOOL = 16

const toNumber = (text: string): number => Number(text)
const toFlag = (text: string): number => (text === 't' ? 1 : 0)

/** Columns come back as they do from SQLite: whole numbers as numbers, truth as 0 or 1. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text') => {
    if (oid === INT8 || oid === NUMERIC) return toNumber
    if (oid === BOOL) return toFlag
    return pg.types.getTypeParser(oid, format)
  }) as typeof pg.types.getTypeParser,
}

/** Wrong passwords and missing databases do not heal by waiting. */
export function isPermanent(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(28|3D)/.test(error.code ?? '')
}

/**
 * Deadlocks, locks, shutdown, no resources, the disk, a server that went read-only: not the fault of the statement that
 * met them, and not for ever.
 */
export function isPassing(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(08(?!P01)|40|53|55|57|58|25006)/.test(error.code ?? '')
}

/** Whether asking again on a new connection may help. */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return /^(08|57P0|53300)/.test(error.code ?? '')
  // Node's own codes (ECONNREFUSED), and the driver's sentences, which have none.
  if (!(error instanceof Error) || error instanceof StoreError) return false
  return (
    ('code' in error && /^E[A-Z]/.test(String(error.code))) ||
    /connect|terminated|queryable|timeout/i.test(error.message)
  )
}

export async function connect(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    types,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    fallback_application_name: name,
  })
  // A lost connection is told to whoever waits for an answer; without a listener it would end the process.
  client.on('error', () => {})
  await client.connect()
  return client
}

/**
 * One connection that sends many statements with one Sync at their end, so that the server answers in one packet and,
 * by the protocol, skips everything after the first error: a COMMIT in the same batch happens only if all before it
 * did. `pg` (8.23) pipelines too, but with a Sync, and so a packet each way, for every statement.
 */
export class Link {
  readonly #client: pg.Client
  readonly #known = new Set<string>()
  readonly #unsure = new Set<string>()
  #closed = false

  constructor(client: pg.Client) {
    this.#client = client
    client.on('end', () => (this.#closed = true))
    client.on('error', () => (this.#closed = true))
  }

  static async open(url: string, settings: string): Promise<Link> {
    const client = await connect(url, 'factotum-commit')
    await client.query(settings)
    return new Link(client)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Runs the steps in order; answers the rows of those that want them. Throws `StepError`, `Lost`. */
  send(steps: readonly Step[]): Promise<ReadonlyMap<number, Row[]>> {
    return new Promise((resolve, reject) => {
      const watchdog = setTimeout(() => this.#client.connection.stream.destroy(), ANSWER_MS)
      this.#client.query(
        new Batch(steps, this.#known, this.#unsure, (error, rows) => {
          clearTimeout(watchdog)
          if (error instanceof Lost) this.#closed = true
          if (error) reject(error)
          else resolve(rows)
        }),
      )
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#client.end().catch(() => {})
  }
}

interface Field {
  readonly name: string
  readonly dataTypeID: number
}

type Done = (error: StepError | Lost | null, rows: ReadonlyMap<number, Row[]>) => void

/** What `pg` calls a submittable query: it writes the messages and is handed the answers. */
class Batch implements pg.Submittable {
  readonly #steps: readonly Step[]
  readonly #known: Set<string>
  readonly #unsure: Set<string>
  readonly #fresh = new Map<string, number>()
  readonly #rows = new Map<number, Row[]>()
  readonly #done: Done
  #fields: readonly Field[] = []
  #at = 0
  #settled = false

  constructor(steps: readonly Step[], known: Set<string>, unsure: Set<string>, done: Done) {
    this.#steps = steps
    this.#known = known
    this.#unsure = unsure
    this.#done = done
  }

  submit(connection: pg.Connection): void {
    connection.stream.cork()
    try {
      for (let i = 0; i < this.#steps.length; i++) this.#write(connection, this.#steps[i]!, i)
      connection.sync()
    } finally {
      connection.stream.uncork()
    }
  }

  #write(connection: pg.Connection, { prepared, values, rows }: Step, index: number): void {
    const { name, text } = prepared
    if (!this.#known.has(name)) {
      // Whether it was prepared before an error is not known: closing what is not there is no error.
      if (this.#unsure.delete(name)) connection.close({ type: 'S', name }, true)
      connection.parse({ name, text, types: [] }, true)
      this.#known.add(name)
      this.#fresh.set(name, index)
    }
    connection.bind({ statement: name, values: values as string[], valueMapper: wire }, true)
    if (rows) connection.describe({ type: 'P', name: '' }, true)
    connection.execute(null, true)
  }

  handleRowDescription(message: { fields: readonly Field[] }): void {
    this.#fields = message.fields
    this.#rows.set(this.#at, [])
  }

  handleDataRow(message: { fields: readonly (string | null)[] }): void {
    const rows = this.#rows.get(this.#at)
    if (!rows) return
    const row: Row = {}
    for (let i = 0; i < this.#fields.length; i++) {
      const text = message.fields[i] ?? null
      const { name, dataTypeID } = this.#fields[i]!
      row[name] = text === null ? null : (types.getTypeParser(dataTypeID, 'text')(text) as Value)
    }
    rows.push(row)
  }

  handleCommandComplete(): void {
    this.#at++
  }

  handleEmptyQuery(): void {
    this.#at++
  }

  handleReadyForQuery(): void {
    this.#settle(null)
  }

  handleError(error: Error, connection: pg.Connection): void {
    if (!(error instanceof pg.DatabaseError)) return this.#settle(new Lost(error.message, { cause: error }))
    for (const [name, index] of this.#fresh) {
      if (index < this.#at) continue
      this.#known.delete(name)
      this.#unsure.add(name)
    }
    // The server says ReadyForQuery after an error of a statement, and hangs up after one that ends the connection.
    const ready = (): void => settle(new StepError(this.#at, this.#rows, error))
    const end = (): void => settle(new Lost(error.message, { cause: error }))
    const settle = (outcome: StepError | Lost): void => {
      connection.off('readyForQuery', ready).off('end', end)
      this.#settle(outcome)
    }
    connection.once('readyForQuery', ready).once('end', end)
  }

  #settle(error: StepError | Lost | null): void {
    if (this.#settled) return
    this.#settled = true
    this.#done(error, this.#rows)
  }
}

function wire(value: Value): Buffer | string | null {
  if (typeof value === 'string' || value === null) return value
  if (typeof value === 'number') return String(value)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/** PostgreSQL's binary array format: what a set-based insert costs least in. */
export function binaryArray(type: 'int8' | 'text' | 'bytea', values: readonly Value[]): Buffer {
  let size = 20 + 4 * values.length
  let nulls = 0
  const lengths = values.map((v) => {
    if (v === null) {
      nulls = 1
      return -1
    }
    const length = typeof v === 'number' ? 8 : typeof v === 'string' ? Buffer.byteLength(v) : v.byteLength
    size += length
    return length
  })
  const out = Buffer.allocUnsafe(size)
  let at = 0
  const int = (n: number): void => void (at = out.writeInt32BE(n, at))
  int(values.length === 0 ? 0 : 1)
  int(nulls)
  int({ int8: INT8, text: 25, bytea: 17 }[type])
  if (values.length === 0) return out.subarray(0, at)
  int(values.length)
  int(1)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    int(lengths[i]!)
    if (value === null) continue
    if (typeof value === 'number') at = out.writeBigInt64BE(BigInt(value), at)
    else if (typeof value === 'string') at += out.write(value, at)
    else {
      out.set(value, at)
      at += value.byteLength
    }
  }
  return out
}
