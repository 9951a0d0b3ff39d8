import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { OPERATOR } from '../../lib/caller.ts'
import { FactotumError } from '../../lib/errors.ts'
import { sql, type Store } from '../../store/index.ts'
import { ACCESS, credentialChanged } from './events.ts'

export interface CredentialRow {
  readonly id: string
  readonly kind: 'password' | 'passkey'
  readonly secret: string
  readonly uses: number
  readonly name: string
  readonly created_at: number
  readonly used_at: number | null
}

const all = sql('select * from access_credential order by created_at, id')
const one = sql('select * from access_credential where id = ? and kind = ?')
const put = sql(
  `insert into access_credential (id, kind, secret, uses, name, created_at) values (?, ?, ?, ?, ?, ?)
   on conflict (id) do update set secret = excluded.secret, created_at = excluded.created_at, used_at = null`,
)
const used = sql('update access_credential set used_at = ?, uses = ? where id = ?')
const remove = sql(`delete from access_credential where id = ? and kind = 'passkey'`)

const PASSWORD = 'password'
/** NIST SP 800-63B-4, 3.1.1.2: where a password is all that is asked. */
const MIN_PASSWORD = 15
const MAX_PASSWORD = 1_000
const MAX_PASSKEYS = 20

/** OWASP Password Storage Cheat Sheet: as hard as N = 2^17 with p = 1, in 32 MiB instead of 128. */
const COST = { N: 2 ** 15, r: 8, p: 3 } as const
const KEY_BYTES = 32

export function credentials(store: Store): Promise<CredentialRow[]> {
  return store.read<CredentialRow>(all())
}

/** Throws `access.weak_password`. */
export function checkPassword(password: string): void {
  const characters = Array.from(password.normalize('NFKC'))
  if (characters.length < MIN_PASSWORD || characters.length > MAX_PASSWORD || new Set(characters).size < 5)
    throw new FactotumError(
      'access.weak_password',
      `A password has at least ${MIN_PASSWORD} characters, not all of a few. A sentence that nobody else would say is good.`,
    )
}

/** Throws `access.weak_password`. */
export async function setPassword(store: Store, password: string): Promise<void> {
  checkPassword(password)
  const salt = randomBytes(16)
  const hash = await stretched(password, salt)
  const text = JSON.stringify({ ...COST, salt: salt.toString('base64url'), hash: hash.toString('base64url') })
  await store.commit({
    key: store.newId('password'),
    events: [credentialChanged(ACCESS, { what: 'password_set' }, { actor: OPERATOR })],
    also: [put(PASSWORD, 'password', text, 0, '', store.clock.now())],
  })
}

/** False also where none was set; that takes as long. */
export async function isPassword(store: Store, password: string): Promise<boolean> {
  const row = await store.first<CredentialRow>(one(PASSWORD, 'password'))
  const kept = row
    ? (JSON.parse(row.secret) as { salt: string; hash: string; N: number; r: number; p: number })
    : { ...COST, salt: '', hash: '' }
  const hash = await stretched(password, Buffer.from(kept.salt, 'base64url'), kept)
  const expected = Buffer.from(kept.hash, 'base64url')
  const right = expected.length === hash.length && timingSafeEqual(expected, hash)
  if (right) await store.write([used(store.clock.now(), 0, PASSWORD)])
  return right
}

/** Throws `access.too_many`. */
export async function addPasskey(
  store: Store,
  passkey: Pick<CredentialRow, 'id' | 'secret' | 'uses' | 'name'>,
): Promise<void> {
  if ((await credentials(store)).length > MAX_PASSKEYS)
    throw new FactotumError('access.too_many', `There are ${MAX_PASSKEYS} passkeys. Remove those that are lost.`)
  await store.commit({
    key: store.newId('passkey'),
    events: [
      credentialChanged(ACCESS, { what: 'passkey_added' }, { private: { name: passkey.name }, actor: OPERATOR }),
    ],
    also: [put(passkey.id, 'passkey', passkey.secret, passkey.uses, passkey.name, store.clock.now())],
  })
}

export function passkey(store: Store, id: string): Promise<CredentialRow | undefined> {
  return store.first<CredentialRow>(one(id, 'passkey'))
}

/** `uses`: what the authenticator counts. */
export async function passkeyUsed(store: Store, id: string, uses: number): Promise<void> {
  await store.write([used(store.clock.now(), uses, id)])
}

/** Throws `access.not_found`. */
export async function removePasskey(store: Store, id: string): Promise<void> {
  const row = await passkey(store, id)
  if (!row) throw new FactotumError('access.not_found', 'There is no such passkey.')
  await store.commit({
    key: store.newId('passkey'),
    events: [credentialChanged(ACCESS, { what: 'passkey_removed' }, { private: { name: row.name }, actor: OPERATOR })],
    also: [remove(id)],
  })
}

let last: Promise<unknown> = Promise.resolve()

/** One at a time: whoever guesses fills neither the memory nor the threads that files are read with. */
function stretched(
  password: string,
  salt: Uint8Array,
  { N, r, p }: { N: number; r: number; p: number } = COST,
): Promise<Buffer> {
  const next = last.then(
    () =>
      new Promise<Buffer>((resolve, reject) =>
        scrypt(password.normalize('NFKC'), salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
          error ? reject(error) : resolve(key),
        ),
      ),
  )
  last = next.catch(() => {})
  return next
}
