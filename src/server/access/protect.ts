import { timingSafeEqual } from 'node:crypto'
import type { Context, Hono, MiddlewareHandler } from 'hono'
import { actingFor, allows, OPERATOR, type Caller, type Scope } from '../../lib/caller.ts'
import { OPERATIONS } from '../operations.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** Who asks: set for everything below /v1. */
    caller: Caller
  }
}

/** Everything that stands before a route. */
export function protect(http: Hono, token: string): void {
  const owner = Buffer.from(`Bearer ${token}`)
  http.use('/v1/*', async (c, next) => {
    const given = Buffer.from(c.req.header('authorization') ?? '')
    // A page in the operator's browser cannot set this header across origins, and cannot know the token.
    if (given.length !== owner.length || !timingSafeEqual(given, owner))
      return refuse(c, 401, 'access.unauthorized', 'Give the token in data/server.json as a bearer token.')
    const caller: Caller = { actor: OPERATOR, scopes: 'admin' }
    const scope = scopeOf(c)
    if (!allows(caller, scope))
      return refuse(c, 403, 'access.scope', `This takes the scope "${scope}"; yours is "${caller.scopes}".`)
    c.set('caller', caller)
    return actingFor(caller, next)
  })
}

/** What a request below /v1 takes. What is no operation looks, or is the owner's. */
function scopeOf(c: Context): Scope {
  const name = c.req.path.split('/')[2] ?? ''
  if (Object.hasOwn(OPERATIONS, name)) return OPERATIONS[name as keyof typeof OPERATIONS].scope
  return c.req.method === 'GET' ? 'read' : 'admin'
}

function refuse(c: Context, status: 401 | 403, code: string, detail: string): ReturnType<MiddlewareHandler> {
  return Promise.resolve(c.json({ type: 'about:blank', title: code, status, code, detail }, status))
}
