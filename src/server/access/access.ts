import { timingSafeEqual } from 'node:crypto'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Refused } from '../../governance/access/events.ts'
import { sessionOf, type SessionRow } from '../../governance/access/sessions.ts'
import { actorOf, tokenById, tokenOf, tokenState, type TokenRow } from '../../governance/access/tokens.ts'
import { OPERATOR, type Caller } from '../../lib/caller.ts'
import type { Store } from '../../store/index.ts'
import { addressKey, Limits } from './limits.ts'
import { isLoopback, LOOPBACK, type Place } from './place.ts'
import { Refusals } from './refusals.ts'

/** Who a request is from, and how that is known. */
export interface Known {
  readonly caller: Caller
  readonly session: SessionRow | null
  /** The token in data/server.json: whoever can read the company's files. */
  readonly owner: boolean
}

/** Why a request is from nobody: it gave nothing, or what it gave is not good, or no more. */
export interface Unknown {
  readonly why: Refused | 'nothing'
  readonly who: string | null
}

const OPERATOR_CALLER: Caller = { actor: OPERATOR, scopes: 'admin' }

/** Who may ask a server. One for each that listens. */
export class Access {
  readonly store: Store
  readonly place: Place
  readonly refusals: Refusals
  /** Requests from one address of the network, and of one token or guest: more than a person or a program needs. */
  readonly addresses = new Limits({ burst: 1_000, perSecond: 100 })
  readonly accounts = new Limits({ burst: 500, perSecond: 50 })
  /** Failures to say who one is, from one address and for the operator's password as a whole. */
  readonly failures = new Limits({ burst: 10, perSecond: 10 / 900 })
  readonly guesses = new Limits({ burst: 100, perSecond: 100 / 3_600 })
  /** How often one guest comes in: their link works more than once, and each time is an event. */
  readonly arrivals = new Limits({ burst: 20, perSecond: 20 / 3_600 })
  readonly #owner: Buffer

  constructor(store: Store, token: string, place: Place = LOOPBACK) {
    this.store = store
    this.place = place
    this.refusals = new Refusals(store)
    this.#owner = Buffer.from(`Bearer ${token}`)
  }

  /** Whose request it is. A header goes before a cookie, for a page cannot set it across origins. */
  async callerOf(c: Context): Promise<Known | Unknown> {
    const authorization = c.req.header('authorization')
    if (authorization !== undefined) return this.#bearer(authorization)
    const secret = getCookie(c, this.cookie)
    const session = secret === undefined ? undefined : await sessionOf(this.store, secret)
    if (!session) return { why: 'nothing', who: null }
    if (session.token === null) return { caller: { ...OPERATOR_CALLER, session: session.id }, session, owner: false }
    return this.#ofToken(await tokenById(this.store, session.token), session)
  }

  async #bearer(authorization: string): Promise<Known | Unknown> {
    const given = Buffer.from(authorization)
    if (given.length === this.#owner.length && timingSafeEqual(given, this.#owner))
      return { caller: OPERATOR_CALLER, session: null, owner: true }
    const secret = /^Bearer (fct_[\w-]{43})$/.exec(authorization)?.[1]
    const token = secret === undefined ? undefined : await tokenOf(this.store, secret)
    return token ? this.#ofToken(token, null) : { why: 'token', who: null }
  }

  #ofToken(token: TokenRow, session: SessionRow | null): Known | Unknown {
    const actor = actorOf(token)
    const state = tokenState(token, this.store.clock.now())
    if (state !== 'active') return { why: state, who: actor }
    return { caller: { actor, scopes: token.scope }, session, owner: false }
  }

  /** Where a request comes from. Behind a proxy it is what the proxy saw, and not what the request says beside that. */
  addressOf(c: Context): string {
    const peer = peerOf(c)
    if (this.place.proxy === null) return peer
    return c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim().slice(0, 64) || peer
  }

  /** Whether somebody on this machine asks, with no proxy between. */
  isHere(c: Context): boolean {
    return this.place.proxy === null && isLoopback(peerOf(c).replace(/^::ffff:/i, ''))
  }

  /** Seconds to wait where this address failed too often; 0: go on. */
  failed(address: string): number {
    return this.failures.wait(addressKey(address), this.store.clock.now())
  }

  refused(what: Refused, who: string | null, address: string): void {
    if (what === 'sign_in' || what === 'token') this.failures.take(addressKey(address), this.store.clock.now())
    this.refusals.note(what, who, addressKey(address))
  }

  /** Cookies of one machine are shared between its ports: each company has its own. `__Host-`: of this host over https. */
  get cookie(): string {
    return `${this.place.isPublic ? '__Host-' : ''}factotum_${this.store.companyId}`
  }

  keep(c: Context, secret: string): void {
    setCookie(c, this.cookie, secret, {
      path: '/',
      httpOnly: true,
      sameSite: 'Strict',
      secure: this.place.isPublic,
      maxAge: COOKIE_S,
    })
  }

  letGo(c: Context): void {
    deleteCookie(c, this.cookie, { path: '/', secure: this.place.isPublic })
  }

  /** What pages of ours are from, as a browser says it. */
  originsOf(c: Context): readonly string[] {
    const own = new URL(c.req.url)
    const host = c.req.header('host') ?? own.host
    return [`${own.protocol}//${host}`, ...(this.place.proxy ? [this.place.proxy.origin] : [])]
  }
}

/** The session ends where the server says so; the browser forgets it no later than this. */
const COOKIE_S = 30 * 86_400

function peerOf(c: Context): string {
  // A request that came through no socket is from this program.
  const bindings = c.env as { readonly incoming?: unknown } | undefined
  return bindings?.incoming === undefined ? '127.0.0.1' : (getConnInfo(c).remote.address ?? '')
}
