import { ActionError, type Json } from '../../src/connector.ts'
import type { Reach } from './addresses.ts'
import { Broken, exchange, type Answer, type Outgoing } from './exchange.ts'
import { redactJson, type Resolved } from './secrets.ts'

/** A request as an author describes it. */
export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the base. A list is of path segments, each of which is encoded: nothing in one can leave its place. */
  readonly path: string | readonly (string | number)[]
  readonly query?: Readonly<Record<string, string | number | boolean>>
  /** Sent as JSON. */
  readonly body?: Json
}

/** What the service answered: the body as JSON, null where there is none. */
export interface Response {
  readonly status: number
  readonly body: Json
}

/** What the connector opened. */
export interface HttpConnection {
  readonly service: string
  readonly base: URL
  readonly settings: Resolved
  readonly reach: Reach
  readonly maxBytes: number
  readonly answerMs: number
}

export interface CallContext {
  readonly connection: HttpConnection
  readonly signal: AbortSignal
  /** The header that carries the idempotency key, and the key. */
  readonly key: readonly [header: string, value: string] | null
  /** Nothing changes outside, so that whatever breaks off may be tried again. */
  readonly read: boolean
  /** An earlier try under the same key, which the service honours, may still be under way there. */
  readonly repeated: boolean
  /** Statuses from 400 on that are answers too. */
  readonly accept: readonly number[]
}

const MAX_REDIRECTS = 5
const MAX_SHOWN = 300

/** Where a request goes. Throws `http.bad_path` for a path that leaves the base. */
export function urlOf(base: URL, request: Request): URL {
  const { path } = request
  const bad = (what: string) =>
    new ActionError('domain', 'http.bad_path', `A path ${what}. Correct the action or its input.`)
  if (typeof path !== 'string' && path.some((segment) => /^\.{0,2}$/.test(String(segment))))
    throw bad('has a segment that is empty, "." or ".."')
  const relative = typeof path === 'string' ? path.replace(/^\//, '') : path.map(encodeURIComponent).join('/')
  const url = URL.parse(`./${relative}`, base)
  if (url?.origin !== base.origin || !url.pathname.startsWith(base.pathname)) throw bad('leads outside of the base')
  for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, String(value))
  url.hash = ''
  return url
}

/** Makes one call, redirects followed. Throws an ActionError that says what the service can have done. */
export async function callService(request: Request, ctx: CallContext): Promise<Response> {
  const { connection } = ctx
  const { headers, query } = connection.settings
  const url = urlOf(connection.base, request)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const body = request.body === undefined ? null : JSON.stringify(request.body)
  const first: Outgoing = {
    method: request.method ?? 'GET',
    url,
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'factotum',
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...headers,
      ...(ctx.key === null ? {} : { [ctx.key[0].toLowerCase()]: ctx.key[1] }),
    },
    body,
  }
  const answer = await answerTo(first, ctx)
  return { status: answer.status, body: understood(answer, ctx) }
}

async function answerTo(first: Outgoing, ctx: CallContext): Promise<Answer> {
  const { answerMs, settings, service } = ctx.connection
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(answerMs)])
  let out = first
  let done = false
  for (let i = 0; i <= MAX_REDIRECTS; i++) {
    const { answer, next } = await hop(out, ctx, signal).catch((error: unknown) => {
      throw done ? answerLost(error) : error
    })
    if (next === null) return answer
    // From here on it is the answer to a write that is looked for.
    done ||= next.method !== out.method
    out = next
  }
  const loop = `${service} leads from one address to the next, more than ${MAX_REDIRECTS} times. Correct its base in company.ts.`
  throw new ActionError(done ? 'uncertain' : 'domain', 'http.redirects', settings.redact(loop))
}

/** One request, and where its answer leads on to; null where it is the last. */
async function hop(
  out: Outgoing,
  ctx: CallContext,
  signal: AbortSignal,
): Promise<{ readonly answer: Answer; readonly next: Outgoing | null }> {
  const { reach, maxBytes, service } = ctx.connection
  const answer = await exchange(out, reach, maxBytes, signal).catch((error: unknown) => {
    if (!(error instanceof Broken)) throw error
    const maybe = error.sent && !ctx.read
    const advice = maybe ? ' Look there whether it happened.' : ''
    throw new ActionError(maybe ? 'uncertain' : 'transient', error.code, `${service}: ${error.message}${advice}`)
  })
  if (answer.status < 300 || ctx.accept.includes(answer.status)) return { answer, next: null }
  if (answer.status >= 400 || answer.headers.location === undefined) throw refusal(answer, ctx)
  return { answer, next: redirected(out, answer, ctx) }
}

/** A write was done, and its answer could not be had: why says nothing about the write. */
function answerLost(error: unknown): unknown {
  if (!(error instanceof ActionError) || error.kind === 'uncertain') return error
  return new ActionError('uncertain', error.code, `${error.message} It was done: look there for what came of it.`)
}

/** The request that a redirect asks for (RFC 9110 15.4). */
function redirected(out: Outgoing, answer: Answer, ctx: CallContext): Outgoing {
  const { status, headers } = answer
  const { service, settings } = ctx.connection
  const url = URL.parse(headers.location ?? '', out.url)
  const refuse = (kind: 'domain' | 'uncertain', what: string) =>
    new ActionError(
      kind,
      'http.redirect_refused',
      `${service} answered ${status}, which leads to ${settings.redact(url?.origin ?? 'nowhere')}: ${what}. Correct its base in company.ts.`,
    )
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw refuse(ctx.read ? 'domain' : 'uncertain', 'no address that is called')
  if (out.url.protocol === 'https:' && url.protocol === 'http:')
    throw refuse(ctx.read ? 'domain' : 'uncertain', 'not encrypted')
  const elsewhere = url.origin !== out.url.origin
  // What the author set up is for one origin: another one gets none of it.
  const given = elsewhere ? { accept: 'application/json', 'user-agent': 'factotum' } : out.headers
  if (out.method === 'GET') return { ...out, url, headers: given }
  if (status === 307 || status === 308) {
    if (elsewhere) throw refuse('domain', 'a write is not sent to another service')
    return { ...out, url }
  }
  // 303: it was done, and this is its answer. After 301 and 302 nobody can say whether it was.
  if (status !== 303) throw refuse('uncertain', 'nobody knows whether the write was done')
  const { 'content-type': _, ...rest } = given as Record<string, string>
  return { method: 'GET', url, headers: rest, body: null }
}

/** What a status from 300 on says about what was done (RFC 9110 15, RFC 6585 4, RFC 8470 5.2). */
function refusal(answer: Answer, ctx: CallContext): ActionError {
  const { status } = answer
  const { service, settings } = ctx.connection
  const body = parsed(answer.text)
  // As JSON first: its escapes hide a secret from being found in the text.
  const text = body === undefined ? settings.redact(answer.text) : JSON.stringify(redactJson(body, settings.redact))
  const shown = text
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, MAX_SHOWN)
  const said = `${service} answered ${status}${shown === '' ? '' : `: ${shown}`}`
  const after = retryAfter(answer.headers['retry-after'])
  const options = after === undefined ? {} : { retryAfterMs: after }
  if (status === 429)
    return new ActionError('transient', 'http.rate_limited', `${said}. It takes no more calls for now.`, options)
  if (status === 408 || status === 425 || (status === 503 && after !== undefined))
    return new ActionError('transient', 'http.unavailable', `${said}. It did nothing and asks to try later.`, options)
  // A redirect that leads nowhere: only 307 and 308 say that it was not done.
  if (!ctx.read && status >= 301 && status <= 303)
    return new ActionError('uncertain', 'http.redirect_refused', `${said}. Look there whether it happened.`)
  if (status >= 500)
    return ctx.read
      ? new ActionError('transient', 'http.server_error', `${said}.`, options)
      : new ActionError('uncertain', 'http.server_error', `${said}. Look there whether it happened.`, options)
  if (status === 401 || status === 403 || status === 407)
    return new ActionError(
      'domain',
      'http.credentials',
      `${said}. Correct the credentials of ${service} and try again.`,
    )
  // The Idempotency-Key draft, 2.7: 409 while the first request with a key is still being worked on.
  if (status === 409 && ctx.repeated) return new ActionError('transient', 'http.under_way', `${said}.`, options)
  return new ActionError('domain', 'http.refused', `${said}. Correct what was sent, or its action in company.ts.`)
}

/** Seconds or a date (RFC 9110 10.2.3), in milliseconds from now; undefined where it is neither. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

function understood({ text, status }: Answer, ctx: CallContext): Json {
  const { service, settings } = ctx.connection
  if (text.trim() === '') return null
  const body = parsed(text)
  if (body !== undefined) return redactJson(body, settings.redact)
  if (status >= 400) return null
  throw misunderstood(service, ctx.read, 'what is no JSON')
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** A write that was answered so has perhaps happened. */
export function misunderstood(service: string, read: boolean, what: string): ActionError {
  const advice = read ? '' : ' Look there whether it happened.'
  return new ActionError(read ? 'transient' : 'uncertain', 'http.garbage', `${service} answered ${what}.${advice}`)
}
