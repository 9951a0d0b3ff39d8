import type { MiddlewareHandler } from 'hono'
import type { Place } from './place.ts'

/**
 * Nothing runs, is shown, framed or asked but what this server sends: no inline script or style, nothing from elsewhere.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ')

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
}
const YEAR_S = 31_536_000

/** On every answer, refusals and errors included. What the company says is kept by nobody on the way. */
export function withHeaders(place: Place): MiddlewareHandler {
  return async (c, next) => {
    await next()
    const { headers } = c.res
    for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value)
    if (place.isPublic) headers.set('strict-transport-security', `max-age=${YEAR_S}`)
    if (/^\/(v1|access)(\/|$)/.test(c.req.path) && !headers.has('cache-control'))
      headers.set('cache-control', 'no-store')
  }
}
