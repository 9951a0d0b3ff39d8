import type { Context, Hono, MiddlewareHandler } from 'hono'
import { actingFor, allows, isGuest, OPERATOR, type Caller, type Scope } from '../../lib/caller.ts'
import { operationNamed, OPERATIONS } from '../operations.ts'
import type { Access } from './access.ts'
import { withHeaders } from './headers.ts'
import { addressKey } from './limits.ts'
import { isOurs } from './place.ts'
import { refuse } from './refuse.ts'
import { accessRoutes } from './routes.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** Who asks: set for everything below /v1. */
    caller: Caller
    /** Whether whoever asks may still: for an answer that goes on, such as a stream. */
    stillAllowed: () => Promise<boolean>
  }
}

/**
 * What a guest's link does not open, though the scope is `read`: what people wrote and what was filed, searching it
 * (which may ask a model, and costs), and the working state of runs and sessions.
 */
export const NOT_FOR_GUESTS: ReadonlySet<string> = new Set([
  'conversations',
  'conversation',
  'documents',
  'document',
  'file',
  'recall',
  'runPlan',
  'sessionGet',
  'signal',
  'signals',
])

/** Everything that stands before a route, and the routes by which people come in. */
export function protect(http: Hono, access: Access): void {
  http.use(withHeaders(access.place))
  http.use(asOurselves(access), fromOurPages(access))
  http.use('/v1/*', known(access))
  accessRoutes(http, access, openTo)
}

/** Not by its scope: by who asks. */
function isClosed(caller: Caller, operation: string): boolean {
  return isGuest(caller) && NOT_FOR_GUESTS.has(operation)
}

/** What whoever asks may ask for: a page offers nothing else. */
function openTo(caller: Caller): string[] {
  const names = Object.keys(OPERATIONS)
  return names.filter((name) => allows(caller, operationNamed(name).scope) && !isClosed(caller, name))
}

/** Under a name of ours, and not more often than anybody needs. */
function asOurselves(access: Access): MiddlewareHandler {
  return async (c, next) => {
    const address = access.addressOf(c)
    if (!isOurs(access.place, c.req.header('host') ?? new URL(c.req.url).host)) {
      access.refused('host', null, address)
      return refuse(
        c,
        421,
        'access.host',
        'This company does not go by that name. Use the address that "factotum start" prints.',
      )
    }
    if (!access.isHere(c)) {
      const wait = access.addresses.take(addressKey(address), access.store.clock.now())
      if (wait > 0) return tooMuch(access, c, null, wait)
    }
    return next()
  }
}

/**
 * A page of another origin makes the browser ask nothing here. Browsers say where a request is from (`Origin` with
 * everything but GET, `Sec-Fetch-Site` with all), and send JSON to another origin only after asking whether they may.
 */
function fromOurPages(access: Access): MiddlewareHandler {
  return async (c, next) => {
    const { method } = c.req
    const looks = method === 'GET' || method === 'HEAD'
    const site = c.req.header('sec-fetch-site')
    const origin = c.req.header('origin')
    const below = /^\/(v1|access)(\/|$)/.test(c.req.path)
    const foreign =
      (site !== undefined && site !== 'same-origin' && (!looks || (below && site !== 'none'))) ||
      (origin !== undefined && (!looks || below) && !access.originsOf(c).includes(origin)) ||
      // Whoever brings a cookie is a browser, and a browser says where from.
      (!looks && site === undefined && origin === undefined && c.req.header('cookie') !== undefined)
    if (foreign) {
      access.refused('origin', null, access.addressOf(c))
      return refuse(
        c,
        403,
        'access.origin',
        'This was asked by a page of another origin. Use the console of this company.',
      )
    }
    if (!looks && !/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? ''))
      return refuse(c, 415, 'access.content_type', 'Send JSON, with the content type application/json.')
    return next()
  }
}

/** Only those that are known, each within their scope: here, before any route. */
function known(access: Access): MiddlewareHandler {
  return async (c, next) => {
    const address = access.addressOf(c)
    const tooOften = access.failed(address)
    const found = await access.callerOf(c)
    if ('why' in found) {
      if (tooOften > 0) return tooMuch(access, c, found.who, tooOften)
      if (found.why !== 'nothing') access.refused(found.why, found.who, address)
      return refuse(c, 401, 'access.unauthorized', UNKNOWN[found.why] ?? UNKNOWN.nothing!)
    }
    const { caller } = found
    const now = access.store.clock.now()
    const wait = caller.actor === OPERATOR ? 0 : access.accounts.take(caller.actor, now)
    if (wait > 0) return tooMuch(access, c, caller.actor, wait)
    const scope = scopeOf(c)
    if (!allows(caller, scope)) {
      access.refused('scope', caller.actor, address)
      return refuse(c, 403, 'access.scope', `This takes the scope "${scope}"; yours is "${caller.scopes}".`)
    }
    if (isClosed(caller, nameIn(c))) {
      access.refused('guest', caller.actor, address)
      return refuse(
        c,
        403,
        'access.guest',
        'Guests are not shown what people wrote to this company, nor what it works on.',
      )
    }
    c.set('caller', caller)
    c.set('stillAllowed', async () => {
      const again = await access.callerOf(c)
      return 'caller' in again && allows(again.caller, scope)
    })
    return actingFor(caller, next)
  }
}

const UNKNOWN: Readonly<Record<string, string>> = {
  nothing: 'Sign in, or give a token: "Authorization: Bearer ...". The token in data/server.json is the owner\'s.',
  token: 'That token is not one of this company. "factotum access token list" says which there are.',
  expired: 'That token has expired. Ask for another.',
  revoked: 'That token was revoked. Ask for another.',
}

function nameIn(c: Context): string {
  return c.req.path.split('/')[2] ?? ''
}

/** What a request below /v1 takes. What is no operation looks, or is the owner's. */
function scopeOf(c: Context): Scope {
  const name = nameIn(c)
  if (Object.hasOwn(OPERATIONS, name)) return operationNamed(name).scope
  // What a router might still decode is nobody else's.
  return c.req.method === 'GET' && /^[\w.-]*$/.test(name) ? 'read' : 'admin'
}

function tooMuch(access: Access, c: Context, who: string | null, wait: number): Response {
  access.refused('rate', who, access.addressOf(c))
  c.header('retry-after', String(wait))
  return refuse(c, 429, 'access.rate', `That was too often. Ask again in ${wait} s.`)
}
