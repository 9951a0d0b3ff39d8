import type { Scope } from '../../lib/caller.ts'
import { eventKind, sql } from '../../store/index.ts'

const insertToken = sql(
  `insert into access_token (id, guest, scope, hash, name, made_by, made_at, expires_at) values (?, ?, ?, ?, ?, ?, ?, ?)`,
)
const revoke = sql('update access_token set revoked_at = ?, revoked_by = ? where id = ?')

/** Somebody else may ask from now on: a program, or a person who only looks. */
export const tokenMade = eventKind<
  {
    readonly scope: Scope
    readonly guest: boolean
    /** Of 256 random bits: it can be told. */
    readonly hash: string
    /** Epoch ms; null: until it is revoked. */
    readonly expiresAt: number | null
  },
  { readonly name: string }
>('token.made@1', ({ stream, body, private: own, actor, at }) => [
  insertToken(stream, body.guest ? 1 : 0, body.scope, body.hash, own?.name, actor, at, body.expiresAt),
])

export const tokenRevoked = eventKind<Record<never, never>>('token.revoked@1', (e) => [revoke(e.at, e.actor, e.stream)])

/** How somebody signed in. */
export type Method = 'link' | 'password' | 'passkey' | 'guest'

/** From where, and with what, is erasable. */
export const signedIn = eventKind<
  { readonly session: string; readonly method: Method },
  { readonly address: string; readonly agent: string }
>('access.signed_in@1', () => [])

export const signedOut = eventKind<{
  readonly session: string
  readonly because: 'asked' | 'ended' | 'password' | 'replaced'
}>('access.signed_out@1', () => [])

/** The operator signs in another way from now on. */
export const credentialChanged = eventKind<
  { readonly what: 'password_set' | 'passkey_added' | 'passkey_removed' },
  { readonly name: string }
>('access.credential@1', () => [])

/** Why a device is told nothing any more: it was removed, it or its session said so, its push service knows it no more. */
export type Removed = 'asked' | 'signed_out' | 'gone'

/** A browser is told from now on what waits, or no more. Where its messages go is in no event. */
export const deviceChanged = eventKind<
  { readonly what: 'added' } | { readonly what: 'removed'; readonly because: Removed },
  { readonly name: string }
>('access.device@1', () => [])

/** A key that signs in once was asked for. The one that every start prints is nobody's decision, and in no event. */
export const linkMade = eventKind<{ readonly expiresAt: number }>('access.link_made@1', () => [])

/** What is refused: a sign-in that failed, a token that is not (or no more) one, a scope, a foreign page, too much. */
export type Refused = 'sign_in' | 'token' | 'expired' | 'revoked' | 'scope' | 'guest' | 'origin' | 'host' | 'rate'

/**
 * Counted, for an attacker chooses how many there are: `count` of them since `since` (epoch ms), from so many addresses
 * (at most 1,000 are told apart). Told at 1, 2, 4, 8, … and when the hour ends: a million attempts are about twenty events.
 */
export const accessRefused = eventKind<{
  readonly what: Refused
  /** A token's or guest's actor; null: nobody that is known. */
  readonly who: string | null
  readonly count: number
  readonly addresses: number
  readonly since: number
}>('access.refused@1', () => [])

/** The one stream of what concerns access as a whole; a token has its own. */
export const ACCESS = 'access'

export const ACCESS_EVENTS = [
  tokenMade,
  tokenRevoked,
  signedIn,
  signedOut,
  credentialChanged,
  linkMade,
  deviceChanged,
  accessRefused,
] as const
