import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import {
  checkPassword,
  credentials,
  isPassword,
  removePasskey,
  setPassword,
} from '../../governance/access/credentials.ts'
import { devicesOf } from '../../governance/access/devices.ts'
import type { Method } from '../../governance/access/events.ts'
import { useLink } from '../../governance/access/links.ts'
import {
  beginSession,
  endOtherSessions,
  endSession,
  listSessions,
  type SessionRow,
} from '../../governance/access/sessions.ts'
import { tokenById, tokenOf, tokenState, type TokenRow } from '../../governance/access/tokens.ts'
import type { Caller } from '../../lib/caller.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Access, Known } from './access.ts'
import { Passkeys, type Party } from './passkeys.ts'
import { refuse } from './refuse.ts'

const MAX_BODY_BYTES = 64 * 1024
/** What changes how one signs in takes a sign-in that is no older. */
const FRESH_MS = 15 * 60_000

const text = z.string().min(1).max(4_000)
const Key = z.object({ key: text, password: text.optional() })
const Password = z.object({ password: text })
const Registration = z.object({ response: z.looseObject({ id: text }), name: z.string().trim().min(1).max(100) })
const Authentication = z.object({ response: z.looseObject({ id: text }) })
const One = z.object({ id: text })

/** What a page is told of who looks at it. */
interface State {
  readonly signedIn: boolean
  /** The operator has set up no way to sign in yet, but for the link that a start prints. */
  readonly firstStart: boolean
  readonly caller: {
    readonly actor: string
    readonly scopes: string
    readonly name: string | null
    /** The operations that are open to it. */
    readonly may: readonly string[]
  } | null
  /** How the operator can sign in here. */
  readonly methods: readonly Method[]
  /** Whether a passkey can be made and used under this name; else where one could be, or null. */
  readonly passkeys: { readonly here: boolean; readonly at: string | null }
}

/** The names of the operations that somebody may ask for. */
type OpenTo = (caller: Caller) => readonly string[]

/**
 * How people come in and go: `/access/*`. Everything but GET is JSON from a page of ours; whoever fails too often waits.
 */
export function accessRoutes(http: Hono, access: Access, openTo: OpenTo): void {
  const { store } = access
  const passkeys = new Passkeys(store)
  http.use('/access/*', bodyLimit({ maxSize: MAX_BODY_BYTES }))

  http.get('/access/state', async (c) => c.json(await stateOf(access, c, openTo)))

  http.post('/access/first', (c) =>
    signIn(access, c, async () => {
      const { key, password } = await bodyOf(c, Key)
      if (password !== undefined) checkPassword(password)
      if (!(await useLink(store, key))) return null
      if (password !== undefined) await replacePassword(access, password, null)
      return { method: 'link', token: null }
    }),
  )
  http.post('/access/sign-in', (c) =>
    signIn(access, c, async () => {
      const { password } = await bodyOf(c, Password)
      const now = store.clock.now()
      const wait = access.guesses.take('operator', now)
      if (wait > 0) return wait
      return (await isPassword(store, password)) ? { method: 'password', token: null } : null
    }),
  )
  http.post('/access/guest', (c) =>
    signIn(access, c, async () => {
      const { key } = await bodyOf(c, Key)
      const token = await tokenOf(store, key)
      const now = store.clock.now()
      if (token?.guest !== 1 || tokenState(token, now) !== 'active') return null
      return access.arrivals.take(token.id, now) || { method: 'guest', token }
    }),
  )
  http.post('/access/passkey/options', async (c) => c.json(await passkeys.options(partyOf(access, c))))
  http.post('/access/passkey/sign-in', (c) =>
    signIn(access, c, async () => {
      const { response } = await bodyOf(c, Authentication)
      const good = await passkeys.verify(response as unknown as AuthenticationResponseJSON, partyOf(access, c))
      return good ? { method: 'passkey', token: null } : null
    }),
  )

  http.post('/access/sign-out', async (c) => {
    const known = await access.callerOf(c)
    if ('caller' in known && known.session) await endSession(store, known.session.id, 'asked')
    access.letGo(c)
    return c.json({ signedIn: false })
  })

  // From here on: the operator.
  http.get('/access/sessions', (c) =>
    asOperator(access, c, async ({ session }) =>
      c.json({ items: (await listSessions(store)).map((row) => sessionView(row, session)) }),
    ),
  )
  http.post('/access/sessions/end', (c) =>
    asOperator(access, c, async ({ session }) => {
      const { id } = await bodyOf(c, One)
      if (id === 'others') return c.json({ ended: await endOtherSessions(store, session?.id ?? null, 'ended') })
      await endSession(store, id, 'ended')
      return c.json({ ended: 1 })
    }),
  )
  http.get('/access/passkeys', (c) =>
    asOperator(access, c, async () =>
      c.json({
        items: (await credentials(store))
          .filter((row) => row.kind === 'passkey')
          .map((row) => ({ id: row.id, name: row.name, at: row.created_at, usedAt: row.used_at })),
      }),
    ),
  )
  http.post('/access/password', (c) =>
    justSignedIn(access, c, async ({ session }) => {
      const { password } = await bodyOf(c, Password)
      return c.json({ ended: await replacePassword(access, password, session) })
    }),
  )
  http.post('/access/passkeys/options', (c) =>
    justSignedIn(access, c, async () => c.json(await passkeys.registration(partyOf(access, c)))),
  )
  http.post('/access/passkeys', (c) =>
    justSignedIn(access, c, async () => {
      const { response, name } = await bodyOf(c, Registration)
      await passkeys.register(response as unknown as RegistrationResponseJSON, name, partyOf(access, c))
      return c.json({ added: true })
    }),
  )
  http.post('/access/passkeys/remove', (c) =>
    justSignedIn(access, c, async () => {
      await removePasskey(store, (await bodyOf(c, One)).id)
      return c.json({ removed: true })
    }),
  )
}

/** Whoever knew the one before is out. Answers how many were signed out. */
async function replacePassword({ store }: Access, password: string, own: SessionRow | null): Promise<number> {
  await setPassword(store, password)
  return endOtherSessions(store, own?.id ?? null, 'password')
}

/** Somebody came in (with a guest's token, or as the operator), must wait so many seconds, or is not let in. */
type Came = { readonly method: Method; readonly token: TokenRow | null } | number | null

async function signIn(access: Access, c: Context, check: () => Promise<Came>): Promise<Response> {
  const { store } = access
  const address = access.addressOf(c)
  const tooOften = access.failed(address)
  if (tooOften > 0) return wait(access, c, tooOften)
  const came = await check()
  if (typeof came === 'number') return wait(access, c, came)
  if (came === null) {
    access.refused('sign_in', null, address)
    return refuse(c, 401, 'access.sign_in', 'That did not sign you in: it is wrong, was used before, or is too old.')
  }
  // A session that was there before is never taken over: whoever planted it would be signed in with it.
  const before = await access.callerOf(c)
  const { row, secret } = await beginSession(store, { ...came, address, agent: c.req.header('user-agent') ?? '' })
  if ('caller' in before && before.session) {
    // The same person in the same browser: what it is told goes on.
    if (before.session.token === null && row.token === null)
      await store.write([devicesOf.move(row.id, before.session.id)])
    await endSession(store, before.session.id, 'replaced').catch(ifGone)
  }
  access.keep(c, secret)
  return c.json({ signedIn: true, method: came.method })
}

function ifGone(error: unknown): void {
  if (!(error instanceof FactotumError && error.code === 'access.not_found')) throw error
}

function wait(access: Access, c: Context, seconds: number): Response {
  access.refused('rate', null, access.addressOf(c))
  c.header('retry-after', String(seconds))
  return refuse(
    c,
    429,
    'access.rate',
    `Too many failed. Ask again in ${seconds} s, or sign in with a link: factotum access link.`,
  )
}

async function asOperator(access: Access, c: Context, act: (known: Known) => Promise<Response>): Promise<Response> {
  const known = await access.callerOf(c)
  if (!('caller' in known)) return refuse(c, 401, 'access.unauthorized', 'Sign in first.')
  // A program with a token is not the operator, whatever its scope: it never changes how the operator signs in.
  if (!known.owner && known.session?.token !== null) {
    access.refused('scope', known.caller.actor, access.addressOf(c))
    return refuse(c, 403, 'access.scope', 'Only the operator may.')
  }
  return act(known)
}

function justSignedIn(access: Access, c: Context, act: (known: Known) => Promise<Response>): Promise<Response> {
  return asOperator(access, c, async (known) => {
    const since = access.store.clock.now() - (known.session?.created_at ?? Number.NEGATIVE_INFINITY)
    if (!known.owner && since > FRESH_MS)
      return refuse(c, 403, 'access.not_fresh', 'Sign in again first: this takes a sign-in of the last 15 minutes.')
    return act(known)
  })
}

async function stateOf(access: Access, c: Context, openTo: OpenTo): Promise<State> {
  const { store } = access
  const known = await access.callerOf(c)
  const kinds = new Set((await credentials(store)).map((row) => row.kind))
  const here = Passkeys.possible(hostOf(access, c))
  const methods: Method[] = ['link']
  if (kinds.has('password')) methods.push('password')
  if (kinds.has('passkey') && here) methods.push('passkey')
  const caller = 'caller' in known ? known.caller : null
  const token = 'caller' in known && known.session?.token ? await tokenById(store, known.session.token) : null
  return {
    signedIn: caller !== null,
    firstStart: kinds.size === 0,
    caller: caller && {
      actor: caller.actor,
      scopes: caller.scopes,
      name: token?.name ?? null,
      may: openTo(caller),
    },
    methods,
    passkeys: { here, at: here ? null : localhostOf(access, c) },
  }
}

function sessionView(row: SessionRow, own: SessionRow | null) {
  const { id, token, method, address, agent, created_at, seen_at, expires_at } = row
  const times = { at: created_at, seenAt: seen_at, expiresAt: expires_at }
  return { id, guest: token, method, address, agent, ...times, current: id === own?.id }
}

/** Behind a proxy the name is the proxy's, whatever it passes on. */
function hostOf(access: Access, c: Context): string {
  return access.place.proxy?.hostname ?? new URL(access.originsOf(c)[0]!).hostname
}

function partyOf(access: Access, c: Context): Party {
  const host = hostOf(access, c)
  if (!Passkeys.possible(host))
    throw new FactotumError(
      'access.no_passkey_here',
      'A passkey belongs to a name, and an address is none. Open the console under localhost or its public name.',
    )
  return { name: 'Factotum', host, origins: access.originsOf(c) }
}

function localhostOf(access: Access, c: Context): string | null {
  if (access.place.isPublic) return null
  const { port } = new URL(access.originsOf(c)[0]!)
  return `http://localhost${port ? `:${port}` : ''}/`
}

/** Throws `http.bad_json`, `access.bad_request`; neither says what was sent, for it may be a password. */
async function bodyOf<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const body: unknown = await c.req.json().catch(() => {
    throw new FactotumError('http.bad_json', 'The body of the request is not JSON.')
  })
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new FactotumError(
    'access.bad_request',
    `What was sent is not complete, at ${parsed.error.issues[0]?.path.join('.') || 'the top'}.`,
  )
}
