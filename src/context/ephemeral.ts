import { FactotumError } from '../lib/errors.ts'
import { milliseconds, type Duration } from '../lib/durations.ts'
import { jsonCopy, type Json } from '../lib/json.ts'
import { sql, type Bound, type Guard, type Store } from '../store/index.ts'
import type { Trust, Word } from './signals.ts'

/*
 * Ephemeral context: the working state of a run or of a session. It has an owner, a time to live and a trust label, and no
 * history: it is in no event, and what has expired is deleted and taken out of the files. Only a fact, a decision or a
 * document outlives it, with the label that the value had.
 *
 * A run's own values live as long as the run, unless they are given a shorter time. A session's live for a time, whoever reads
 * and writes them. What a run reads of a session it keeps as a value of its own until the same moment, so that it reads
 * the same again when it is driven again, whatever became of the session.
 */

export interface EphemeralRow {
  /** A run's id, or a session's `session:…`. */
  readonly owner: string
  readonly slot: string
  readonly name: string
  readonly label: string | null
  readonly value: string
  readonly trust: Trust
  /** JSON: on whose words it rests, see `Word`. */
  readonly parties: string
  readonly recalled: 0 | 1
  /** Epoch ms; null: as long as its run. */
  readonly expires_at: number | null
  /** The session that a run read it from. */
  readonly origin: string | null
}

/** Of one value, as JSON. What is larger is a step's result, a blob or a document. */
const MAX_VALUE_BYTES = 65_536
/** Of one owner. */
export const MAX_VALUES = 1_000
const MAX_NAME_CHARS = 200
const MAX_TTL_MS = milliseconds('30d')
const DEFAULT_SESSION_TTL: Duration = '1d'

const put = sql(
  `insert into ephemeral (owner, slot, name, label, value, trust, parties, recalled, expires_at, origin)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (owner, slot) do update set value = excluded.value, trust = excluded.trust,
     parties = excluded.parties, recalled = excluded.recalled, expires_at = excluded.expires_at`,
)
const unexpired = '(expires_at is null or expires_at > ?)'
const one = sql(`select * from ephemeral where owner = ? and slot = ? and ${unexpired}`)
const ofOwner = sql(`select * from ephemeral where owner = ? and ${unexpired} order by name, slot limit ${MAX_VALUES}`)
const listed = sql(
  `select * from ephemeral where ${unexpired} and (? = '' or owner = ?) and (owner, name, slot) > (?, ?, ?)
   order by owner, name, slot limit ?`,
)
const room = sql(
  `select 1 as ok where (select count(*) from ephemeral where owner = ? and slot <> ? and ${unexpired}) < ${MAX_VALUES}`,
)
const isStill = sql(
  'select 1 as ok from ephemeral where owner = ? and slot = ? and value = ? and trust = ? and parties = ?',
)
const remove = sql('delete from ephemeral where owner = ? and slot = ?')
const clear = sql('delete from ephemeral where owner = ? or origin = ? returning slot')
const clearSessions = sql(`delete from ephemeral where owner like 'session:%' or origin is not null returning slot`)
const sweep = sql(
  `delete from ephemeral where (owner, slot) in
   (select owner, slot from ephemeral where expires_at <= ? order by expires_at limit ?) returning slot`,
)

/** What a caller says of a value; checked and made into a row by `valueRow`. */
export interface Setting {
  readonly owner: string
  readonly slot: string
  readonly name: string
  readonly label?: string
  readonly value: Json
  readonly trust: Trust
  readonly parties?: Word['parties']
  readonly expiresAt: number | null
  readonly origin?: string
}

export function putValue(s: Setting): Bound {
  const { owner, slot, name, label, value, trust, parties = [], expiresAt, origin } = s
  const recalled = holdsRecalled(value) ? 1 : 0
  return put(
    owner,
    slot,
    name,
    label,
    JSON.stringify(value),
    trust,
    JSON.stringify(parties),
    recalled,
    expiresAt,
    origin,
  )
}

/** The value in a slot, unless it has expired by `now`: also before anything has deleted it. */
export function valueIn(store: Store, owner: string, slot: string): Promise<EphemeralRow | undefined> {
  return store.first<EphemeralRow>(one(owner, slot, store.clock.now()))
}

/** What a run or a session holds, by name. */
export function valuesOf(store: Store, owner: string): Promise<EphemeralRow[]> {
  return store.read<EphemeralRow>(ofOwner(owner, store.clock.now()))
}

/** Refuses one value more than an owner may hold. */
export function hasRoom(owner: string, slot: string, now: number): Guard {
  return { check: room(owner, slot, now), code: 'scratch.too_many', message: `${owner} holds ${MAX_VALUES} values.` }
}

/** Refuses a copy of what somebody changed, deleted or cleared meanwhile, or set again with another label: it would outlive it. */
export function unchanged({ owner, slot, value, trust, parties }: EphemeralRow): Guard {
  return {
    check: isStill(owner, slot, value, trust, parties),
    code: 'scratch.moved',
    message: `${owner} has changed meanwhile.`,
  }
}

/** Everything of a run or a session, and what runs have read of the session. */
export function clearOf(owner: string): Bound {
  return clear(owner, owner)
}

/** Deletes at most `limit` values that have expired, with `returning` for each. */
export function sweepExpired(now: number, limit: number): Bound {
  return sweep(now, limit)
}

/** How far a value may be believed, and on whose words it rests. */
export function wordOfValue({ trust, parties }: Pick<EphemeralRow, 'trust' | 'parties'>): Word {
  return { trust, parties: JSON.parse(parties) as string[] }
}

export const EPHEMERAL_TABLES = ['ephemeral'] as const

/** The owner that a session's key stands for: the key may be an address, so that only its HMAC is on the record. */
export function sessionOwner(store: Store, key: string): string {
  checkName(key, 'A session')
  return `session:${store.pseudonym(`session:${key}`)}`
}

/** What a value is recognised by, in a record that outlives it: nobody can guess a short value from it. */
export function valueMark(store: Store, text: string): string {
  return store.pseudonym(`ephemeral:${text}`)
}

/** Throws `scratch.bad_name`. */
export function checkName(name: string, what: string): void {
  if (name !== '' && name.length <= MAX_NAME_CHARS && name.isWellFormed() && !name.includes('\0')) return
  throw new FactotumError(
    'scratch.bad_name',
    `${what} is named ${JSON.stringify(name.slice(0, 60))}. Names are plain text of 1 to ${MAX_NAME_CHARS} characters.`,
  )
}

/** A copy of what is to be kept. Throws `scratch.too_large`, `json.not_json`. */
export function checkValue(name: string, value: unknown): Json {
  checkName(name, 'A value')
  try {
    return jsonCopy(value, `The value "${name}"`, MAX_VALUE_BYTES)
  } catch (error) {
    if (!(error instanceof FactotumError && error.code === 'json.too_large')) throw error
    throw new FactotumError(
      'scratch.too_large',
      `The value "${name}" is larger than ${MAX_VALUE_BYTES} bytes of JSON. Keep a reference to it, or let a step return it.`,
    )
  }
}

/** How long a value lives, ms. Throws `scratch.too_long`, `duration.invalid`. */
export function checkTtl(ttl: Duration = DEFAULT_SESSION_TTL): number {
  const ms = milliseconds(ttl)
  if (ms <= MAX_TTL_MS) return ms
  throw new FactotumError(
    'scratch.too_long',
    `"${ttl}" is longer than 30 days, which is no short-lived state. Assert a fact, or keep it as long as the run: set it without a ttl.`,
  )
}

/** Whether some of it is text that `recall` gave: marked there, and nothing new wherever it turns up again. */
function holdsRecalled(value: Json): boolean {
  if (value === null || typeof value !== 'object') return false
  if (Array.isArray(value)) return (value as readonly Json[]).some(holdsRecalled)
  const object = value as { readonly [key: string]: Json }
  return object.recalled === true || Object.values(object).some(holdsRecalled)
}

/** A value as its reader gets it. */
export interface Held {
  readonly owner: string
  /** What the session is called by whoever made it; null for a run's. */
  readonly session: string | null
  readonly name: string
  readonly value: Json
  readonly trust: Trust
  /** Some of it is recalled text: no source of its own. */
  readonly recalled: boolean
  /** Epoch ms; null: until its run ends. */
  readonly expiresAt: number | null
}

export function held(row: EphemeralRow): Held {
  return {
    owner: row.owner,
    session: row.label,
    name: row.name,
    value: JSON.parse(row.value) as Json,
    trust: row.trust,
    recalled: row.recalled === 1,
    expiresAt: row.expires_at,
  }
}

/** Sessions, for the operator, an API and whatever else is no run: a sitting at the console, a chat. */
export class Ephemeral {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** `trust`: of whoever's word the value is. Throws `scratch.too_large`, `scratch.too_many`, `scratch.too_long`. */
  async set(
    session: string,
    name: string,
    value: unknown,
    options: { readonly trust: Trust; readonly ttl?: Duration },
  ): Promise<void> {
    const owner = sessionOwner(this.#store, session)
    const copy = checkValue(name, value)
    const now = this.#store.clock.now()
    const expiresAt = now + checkTtl(options.ttl)
    if (!(await this.#store.first(room(owner, name, now)))) throw tooMany(`The session "${session}"`)
    const setting = { owner, slot: name, name, label: session, value: copy, trust: options.trust, expiresAt }
    await this.#store.write([putValue(setting)])
  }

  async get(session: string, name: string): Promise<Held | undefined> {
    const row = await valueIn(this.#store, sessionOwner(this.#store, session), name)
    return row && held(row)
  }

  async delete(session: string, name: string): Promise<void> {
    await this.#store.write([removeValue(sessionOwner(this.#store, session), name)])
  }

  /** What a session or a run holds (by `session:…`, the session's own name, or a run's id), or what all hold. */
  async list(owner?: string): Promise<Held[]> {
    return (await this.rows(owner, null, MAX_VALUES)).map(held)
  }

  /** The same as rows, those that come after a place in the list (its owner, name and slot). */
  rows(owner: string | undefined, after: readonly [string, string, string] | null, limit: number) {
    const of = owner === undefined ? '' : this.#ownerOf(owner)
    const now = this.#store.clock.now()
    return this.#store.read<EphemeralRow>(listed(now, of, of, ...(after ?? (['', '', ''] as const)), limit))
  }

  #ownerOf(name: string): string {
    return /^(session:[\w-]{22}|run_[a-z0-9]+)$/.test(name) ? name : sessionOwner(this.#store, name)
  }

  /**
   * Everything of a session, or of all sessions, with what runs have read of them; or of a run. It is out of the files when
   * this resolves, unless somebody reads a snapshot: then with the next sweep. Answers how many values it were.
   */
  async clear(owner?: string): Promise<number> {
    const gone = await this.#store.write([owner === undefined ? clearSessions() : clearOf(this.#ownerOf(owner))])
    await this.#store.engine.scrub(EPHEMERAL_TABLES)
    return gone[0]!.length
  }
}

export function removeValue(owner: string, slot: string): Bound {
  return remove(owner, slot)
}

export function tooMany(who: string): FactotumError {
  return new FactotumError(
    'scratch.too_many',
    `${who} holds ${MAX_VALUES} values, and this is one more. Keep what belongs together in one value.`,
  )
}
