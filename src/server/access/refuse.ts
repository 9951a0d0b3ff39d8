import type { Context } from 'hono'

/** A refusal as problem+json (RFC 9457). */
export function refuse(
  c: Context,
  status: 400 | 401 | 403 | 404 | 409 | 415 | 421 | 429,
  code: string,
  detail: string,
): Response {
  return c.json({ type: 'about:blank', title: code, status, code, detail }, status, {
    'content-type': 'application/problem+json',
  })
}
