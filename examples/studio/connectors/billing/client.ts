import { ActionError, type ActionContext } from 'factotum/connector'
import { z } from 'factotum'

/** What the connector opens. */
export interface BillingConnection {
  readonly url: string
  readonly token: string
  /** Longest wait for one answer, in milliseconds. */
  readonly answerMs: number
}

interface Call {
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
  /** With the effect's idempotency key in the Idempotency-Key header. */
  readonly keyed?: boolean
}

/** Certainly nothing was sent: nobody took the connection. */
const NEVER_LEFT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/**
 * Makes one call and reads its answer. Throws an ActionError that says what is known of it: `transient` where it was
 * never sent or the service said "later" (429), `domain` where it said no (4xx), else `uncertain`.
 */
export async function call<T>(
  ctx: Pick<ActionContext, 'connection' | 'signal' | 'key'>,
  path: string,
  answer: z.ZodType<T>,
  { method = 'GET', body, keyed = false }: Call = {},
): Promise<T> {
  const { url, token, answerMs } = ctx.connection as BillingConnection
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(answerMs)])
  const headers = {
    Authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(keyed ? { 'Idempotency-Key': ctx.key } : {}),
  }
  const init: RequestInit = {
    method,
    headers,
    signal,
    // What is for this service goes to no other.
    redirect: 'manual',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }
  let text: string
  let response: Response
  try {
    response = await fetch(new URL(path, url), init)
    text = await response.text()
  } catch (error) {
    throw unanswered(error)
  }
  if (!response.ok) throw refused(response, withoutSecret(text, token))
  const parsed = answer.safeParse(json(text))
  if (parsed.success) return parsed.data
  throw new ActionError('uncertain', 'billing.garbage', 'The billing service answered something that is no answer.')
}

function unanswered(error: unknown): ActionError {
  const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? ''
  return NEVER_LEFT.has(code)
    ? new ActionError('transient', 'billing.unreachable', `The billing service cannot be reached (${code}).`)
    : new ActionError('uncertain', 'billing.no_answer', 'The billing service did not answer.')
}

const Problem = z.object({ error: z.string(), message: z.string() })

function refused(response: Response, text: string): ActionError {
  const { status } = response
  if (status === 429) {
    const retryAfterMs = retryAfter(response.headers.get('retry-after'))
    return new ActionError(
      'transient',
      'billing.rate',
      'The billing service takes no more calls for now.',
      retryAfterMs === null ? {} : { retryAfterMs },
    )
  }
  if (status === 401 || status === 403)
    return new ActionError(
      'domain',
      'billing.unauthorised',
      'The billing service refuses the token. Set BILLING_TOKEN to one that it takes, then try again.',
    )
  const problem = Problem.safeParse(json(text))
  if (status >= 400 && status < 500)
    return problem.success
      ? new ActionError('domain', `billing.${problem.data.error}`, problem.data.message.slice(0, 300))
      : new ActionError('domain', 'billing.refused', `The billing service refused it with status ${status}.`)
  return new ActionError('uncertain', 'billing.broken', `The billing service answered with status ${status}.`)
}

/** Seconds or a date (RFC 9110, 10.2.3), as milliseconds from now. */
function retryAfter(header: string | null): number | null {
  if (header === null) return null
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What the service says is shown to the operator: without the token, should it repeat that. */
function withoutSecret(text: string, token: string): string {
  return token === '' ? text : text.replaceAll(token, '[token]')
}
