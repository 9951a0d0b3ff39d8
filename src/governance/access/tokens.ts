import type { Scope } from '../../lib/caller.ts'
import { OPERATOR } from '../../lib/caller.ts'
import { FactotumError } from '../../lib/errors.ts'
import { ConflictError, sql, type Store } from '../../store/index.ts'
import { tokenMade, tokenRevoked } from './events.ts'
import { hashOf, newSecret } from './secrets.ts'

/** Times in epoch ms. `hash` never leaves this folder. */
export interface TokenRow {
  readonly id: string
  readonly guest: 0 | 1
  readonly scope: Scope
  readonly name: string | null
  readonly made_by: string
  readonly made_at: number
  readonly expires_at: number | null
  readonly revoked_at: number | null
  readonly revoked_by: string | null
}

const COLUMNS = 'id, guest, scope, name, made_by, made_at, expires_at, revoked_at, revoked_by'
const byHash = sql(`select ${COLUMNS} from access_token where hash = ?`)
const byId = sql(`select ${COLUMNS} from access_token where id = ?`)
const newestTokens = sql(`select ${COLUMNS} from access_token order by made_at desc, id desc limit ?`)
const activeTokens = sql(
  'select count(*) as n from access_token where revoked_at is null and (expires_at is null or expires_at > ?)',
)
const stillActive = sql('select 1 as ok from access_token where id = ? and revoked_at is null')

/** So that whoever looks through them can. */
const MAX_ACTIVE = 200

export interface NewToken {
  readonly name: string
  readonly scope: Scope
  /** A person who only looks: the secret is for a link, and no program can use it. */
  readonly guest: boolean
  /** Epoch ms; null: until it is revoked. */
  readonly expiresAt: number | null
}

/**
 * Lets a program or a guest in. The secret is told here, once: only its hash is kept. Throws `access.past`,
 * `access.too_many`.
 */
export async function makeToken(store: Store, token: NewToken): Promise<{ row: TokenRow; secret: string }> {
  const now = store.clock.now()
  if (token.expiresAt !== null && token.expiresAt <= now)
    throw new FactotumError('access.past', 'That time is over. Give one that is still to come, such as 90d.')
  if (Number((await store.first<{ n: number }>(activeTokens(now)))?.n) >= MAX_ACTIVE)
    throw new FactotumError(
      'access.too_many',
      `There are ${MAX_ACTIVE} tokens that work. Revoke those that nobody needs: factotum access token list.`,
    )
  const id = store.newId('tok')
  const secret = newSecret(token.guest ? 'fcg' : 'fct')
  const { scope, guest, expiresAt, name } = token
  await store.commit({
    key: `token:${id}`,
    events: [tokenMade(id, { scope, guest, hash: hashOf(secret), expiresAt }, { private: { name }, actor: OPERATOR })],
  })
  return { row: await tokenById(store, id), secret }
}

/** From now on it opens nothing, and whoever is signed in with it is not. Throws `access.not_found`, `access.revoked`. */
export async function revokeToken(store: Store, id: string): Promise<TokenRow> {
  const row = await tokenById(store, id)
  const gone = new FactotumError('access.revoked', `${id} was revoked already.`)
  if (row.revoked_at !== null) throw gone
  try {
    await store.commit({
      key: `token:${id}:revoked`,
      events: [tokenRevoked(id, {}, { actor: OPERATOR })],
      guards: [{ check: stillActive(id), code: gone.code, message: gone.message }],
    })
  } catch (error) {
    if (error instanceof ConflictError) throw gone
    throw error
  }
  return tokenById(store, id)
}

/** Throws `access.not_found`. */
export async function tokenById(store: Store, id: string): Promise<TokenRow> {
  const row = await store.first<TokenRow>(byId(id))
  if (!row)
    throw new FactotumError('access.not_found', `There is no token ${id}. "factotum access token list" lists them.`)
  return row
}

/** Whose secret it is, whether or not it still works. */
export function tokenOf(store: Store, secret: string): Promise<TokenRow | undefined> {
  return store.first<TokenRow>(byHash(hashOf(secret)))
}

/** Newest first. */
export function listTokens(store: Store, limit: number): Promise<TokenRow[]> {
  return store.read<TokenRow>(newestTokens(limit))
}

export function tokenState(row: TokenRow, now: number): 'active' | 'expired' | 'revoked' {
  if (row.revoked_at !== null) return 'revoked'
  return row.expires_at !== null && row.expires_at <= now ? 'expired' : 'active'
}

/** How the ledger names whoever comes with it. */
export function actorOf(row: TokenRow): string {
  return `${row.guest === 1 ? 'guest' : 'token'}:${row.id}`
}
