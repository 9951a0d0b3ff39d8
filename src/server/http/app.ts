import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { FactotumError } from '../../lib/errors.ts'
import { Access } from '../access/access.ts'
import { protect } from '../access/protect.ts'
import { assertReads, operate, operateAsOf, operationNamed } from '../operations.ts'
import { serveConsole } from './console.ts'
import { Requests, type Answer } from './idempotency.ts'
import { openApi } from './openapi.ts'
import { problem, PROBLEM_JSON, statusOf } from './problems.ts'
import { argsInQuery } from './query.ts'
import { EventStream } from './stream.ts'
import type { OpenCompany } from '../open.ts'

const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Of an answer about the past: how many events had happened, and the moment in epoch ms. */
export const STOOD = 'factotum-as-of'
/** Beside the arguments in the address: the company as it was. */
export const AS_OF = 'as-of'
/** Of an answer to a key that was asked before. */
const REPLAYED = 'idempotency-replayed'

/**
 * The company over HTTP, for those whom `protect` lets in. What changes nothing is `GET /v1/<operation>` with its
 * arguments in the query, and `as-of` beside them asks the company as it was; what does something is `POST` with JSON.
 * Errors are problem+json (RFC 9457) with a stable `code`.
 */
export function app(company: OpenCompany, by: string | Access, stream = new EventStream(company.store)): Hono {
  const http = new Hono()
  protect(http, typeof by === 'string' ? new Access(company.store, by) : by)
  http.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => refuse(c, 'http.too_large', `A request has at most ${MAX_BODY_BYTES} bytes.`),
    }),
  )
  http.get('/healthz', (c) => c.json({ ok: true }))
  const requests = new Requests(company.store)
  http.get('/v1/events', (c) => stream.open(c.req.query('after'), c.req.header('last-event-id'), c.get('stillAllowed')))
  http.get('/v1/openapi.json', (c) => c.body(openApi(), 200, { 'content-type': 'application/json' }))
  http.get('/v1/:operation', async (c) => {
    const name = c.req.param('operation')
    const { mood, args } = operationNamed(name)
    if (mood === 'change')
      return refuse(c, 'http.method', `"${name}" does something: ask for it with POST.`, { allow: 'POST' })
    const { [AS_OF]: _, ...query } = c.req.query()
    const given = argsInQuery(args, query)
    const asOf = c.req.query(AS_OF)
    if (asOf === undefined) return c.json((await operate(company, name, given)) as object)
    const then = await operateAsOf(company, name, given, asOf)
    c.header(STOOD, `${then.head} ${then.at}`)
    return c.json(then.answer as object)
  })
  http.post('/v1/:operation', async (c) => {
    const name = c.req.param('operation')
    const asked = operationNamed(name)
    if (asked.mood !== 'change')
      return refuse(c, 'http.method', `"${name}" changes nothing: ask for it with GET.`, { allow: 'GET' })
    const args: unknown = await c.req.json().catch(() => {
      throw new FactotumError('http.bad_json', 'The body of the request is not JSON.')
    })
    if (c.req.query(AS_OF) !== undefined) assertReads(name)
    const key = c.req.header('idempotency-key')
    if (key === undefined) return c.json((await operate(company, name, args)) as object)
    const asking = { actor: c.get('caller').actor, key, operation: name, args, keep: !asked.secret }
    const { status, body, replayed } = await requests.once(asking, () => answered(company, name, args))
    if (replayed) c.header(REPLAYED, 'true')
    return c.body(body, status as 200, { 'content-type': status === 200 ? 'application/json' : PROBLEM_JSON })
  })
  serveConsole(http)
  http.notFound((c) => refuse(c, 'http.not_found', 'There is nothing here.'))
  http.onError((error, c) => {
    if (error instanceof FactotumError) return refuse(c, error.code, error.message)
    process.stderr.write(`factotum: ${error.stack ?? error.message}\n`)
    return refuse(c, 'http.internal', 'Something went wrong inside Factotum; its log says what.')
  })
  return http
}

/** What is said again where it is asked again: what was done, and what was refused. */
async function answered(company: OpenCompany, name: string, args: unknown): Promise<Answer> {
  try {
    return { status: 200, body: JSON.stringify(await operate(company, name, args)) }
  } catch (error) {
    if (!(error instanceof FactotumError)) throw error
    return { status: statusOf(error.code), body: JSON.stringify(problem(error.code, error.message)) }
  }
}

function refuse(c: Context, code: string, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  const said = problem(code, detail)
  return c.body(JSON.stringify(said), said.status as 400, { 'content-type': PROBLEM_JSON, ...headers })
}
