import { OPERATOR } from '../../lib/caller.ts'
import { FactotumError } from '../../lib/errors.ts'
import { sql, type Store } from '../../store/index.ts'
import { devicesOf, removedEvents, type GoneDevice } from './devices.ts'
import { ACCESS, signedIn, signedOut, type Method } from './events.ts'
import { hashOf, newSecret } from './secrets.ts'
import { actorOf, tokenById, type TokenRow } from './tokens.ts'

/** Times in epoch ms. */
export interface SessionRow {
  readonly id: string
  /** The guest's token; null: the operator. */
  readonly token: string | null
  readonly method: Method
  readonly address: string
  readonly agent: string
  readonly created_at: number
  readonly seen_at: number
  readonly expires_at: number
}

const COLUMNS = 'id, token, method, address, agent, created_at, seen_at, expires_at'
const insert = sql(
  'insert into access_session (id, hash, token, method, address, agent, created_at, seen_at, expires_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
)
const byHash = sql(`select ${COLUMNS} from access_session where hash = ? and expires_at > ?`)
const current = sql(`select ${COLUMNS} from access_session where expires_at > ? order by seen_at desc, id desc`)
const lives = sql('select 1 as ok from access_session where id = ? and expires_at > ?')
const seen = sql('update access_session set seen_at = ?, expires_at = ? where id = ?')
const remove = sql('delete from access_session where id = ? returning id, token')
const removeOthers = sql('delete from access_session where token is null and id <> ? returning id, token')
const removeOfToken = sql('delete from access_session where token = ? returning id, token')
const removeExpired = sql('delete from access_session where expires_at <= ?')
const removeOldest = sql(
  `delete from access_session where id in (select id from access_session where token is not distinct from ?
   order by seen_at desc, id desc limit 1000 offset ?)`,
)

/** Somebody who does not come back for so long signs in again; and everybody does after a month. */
const IDLE_MS = 7 * 86_400_000
const LONGEST_MS = 30 * 86_400_000
/** A look does not write: when somebody was last seen is known to so much. */
const SEEN_EVERY_MS = 5 * 60_000
/** Of the operator, and of each guest: whoever comes in again and again signs out themselves and nobody else. */
const MAX_SESSIONS = 50
const MAX_AGENT = 300

export interface NewSession {
  readonly method: Method
  /** The guest's; null: the operator. */
  readonly token: TokenRow | null
  readonly address: string
  readonly agent: string
}

/** Signs somebody in, with a secret that is new: one that was there before is never taken over. */
export async function beginSession(
  store: Store,
  { method, token, address, agent }: NewSession,
): Promise<{ row: SessionRow; secret: string }> {
  const now = store.clock.now()
  const secret = newSecret('fcs')
  const row: SessionRow = {
    id: store.newId('ses'),
    token: token?.id ?? null,
    method,
    address,
    agent: agent.slice(0, MAX_AGENT),
    created_at: now,
    seen_at: now,
    expires_at: Math.min(now + IDLE_MS, token?.expires_at ?? Infinity),
  }
  await store.commit({
    key: `session:${row.id}`,
    events: [
      signedIn(
        ACCESS,
        { session: row.id, method },
        { private: { address, agent: row.agent }, actor: token ? actorOf(token) : OPERATOR },
      ),
    ],
    also: [
      removeExpired(now),
      insert(row.id, hashOf(secret), row.token, method, address, row.agent, now, now, row.expires_at),
      removeOldest(row.token, MAX_SESSIONS),
    ],
  })
  return { row, secret }
}

/** Whose secret it is; undefined where that session is over. */
export async function sessionOf(store: Store, secret: string): Promise<SessionRow | undefined> {
  const now = store.clock.now()
  const row = await store.first<SessionRow>(byHash(hashOf(secret), now))
  if (!row || now < row.seen_at + SEEN_EVERY_MS) return row
  const token = row.token === null ? null : await tokenById(store, row.token)
  const until = Math.min(now + IDLE_MS, row.created_at + LONGEST_MS, token?.expires_at ?? Infinity)
  await store.write([seen(now, until, row.id)])
  return { ...row, seen_at: now, expires_at: until }
}

/** Whether somebody is signed in there still. */
export async function sessionLives(store: Store, id: string): Promise<boolean> {
  return (await store.first(lives(id, store.clock.now()))) !== undefined
}

/** Who is signed in, last seen first. */
export function listSessions(store: Store): Promise<SessionRow[]> {
  return store.read<SessionRow>(current(store.clock.now()))
}

type Because = 'asked' | 'ended' | 'password' | 'replaced'

/** Signs out one session. Throws `access.not_found`. */
export async function endSession(store: Store, id: string, because: Because): Promise<void> {
  const [gone, devices] = await store.write([remove(id), devicesOf.remove(id)])
  if (gone!.length === 0)
    throw new FactotumError(
      'access.not_found',
      `Nobody is signed in as ${id}. "factotum access sessions" lists who is.`,
    )
  await record(store, gone as unknown as Gone[], because, devices as unknown as GoneDevice[])
}

/** Signs the operator out everywhere but here (`except`, or nowhere). Answers how many that were. */
export async function endOtherSessions(store: Store, except: string | null, because: Because): Promise<number> {
  // Also of those sessions that ended by themselves.
  const [gone, devices] = await store.write([removeOthers(except ?? ''), devicesOf.removeOthers(except ?? '')])
  await record(store, gone as unknown as Gone[], because, devices as unknown as GoneDevice[])
  return gone!.length
}

/** Signs out whoever came with a guest's link. */
export async function endSessionsOf(store: Store, token: string): Promise<void> {
  const [gone] = await store.write([removeOfToken(token)])
  await record(store, gone as unknown as Gone[], 'ended')
}

interface Gone {
  readonly id: string
  readonly token: string | null
}

/** They are over before it is recorded: a session that outlived its end would be worse than an end without a record. */
async function record(
  store: Store,
  gone: readonly Gone[],
  because: Because,
  devices: readonly GoneDevice[] = [],
): Promise<void> {
  const ended = gone.map(({ id, token }) =>
    signedOut(
      ACCESS,
      { session: id, because },
      { actor: token !== null && because === 'asked' ? `guest:${token}` : OPERATOR },
    ),
  )
  const events = [...ended, ...removedEvents(devices, 'signed_out')]
  const first = gone[0]?.id ?? devices[0]?.id
  if (first !== undefined) await store.commit({ key: `session:${first}:end`, events })
}
