import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { FactotumError } from '../../lib/errors.ts'
import { Access } from '../access/access.ts'
import { protect } from '../access/protect.ts'
import { operate, operateAsOf, operationNamed } from '../operations.ts'
import { argsInQuery } from './query.ts'
import type { OpenCompany } from '../open.ts'

const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Of an answer about the past: how many events had happened, and the moment in epoch ms. */
export const STOOD = 'factotum-as-of'
/** Beside the arguments in the address: the company as it was. */
export const AS_OF = 'as-of'

/**
 * The company over HTTP, on loopback, for whoever can read its token. What changes nothing is `GET /v1/<operation>` with its
 * arguments in the query, and `as-of` beside them asks the company as it was; what does something is `POST` with JSON.
 * Errors are problem+json (RFC 9457) with a stable `code`.
 */
export function app(company: OpenCompany, by: string | Access): Hono {
  const http = new Hono()
  protect(http, typeof by === 'string' ? new Access(company.store, by) : by)
  http.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => c.json(problem('http.too_large', `A request has at most ${MAX_BODY_BYTES} bytes.`, 413), 413),
    }),
  )
  http.get('/', (c) =>
    c.text(`${company.company.name}: Factotum is running. Use the factotum command in its folder.\n`),
  )
  http.get('/healthz', (c) => c.json({ ok: true }))
  const answer = async (c: Context, name: string, args: unknown) => {
    const asOf = c.req.query(AS_OF)
    if (asOf === undefined) return c.json((await operate(company, name, args)) as object)
    const then = await operateAsOf(company, name, args, asOf)
    c.header(STOOD, `${then.head} ${then.at}`)
    return c.json(then.answer as object)
  }
  http.get('/v1/:operation', async (c) => {
    const name = c.req.param('operation')
    const { mood, args } = operationNamed(name)
    if (mood === 'change')
      return c.json(problem('http.method', `"${name}" does something: ask for it with POST.`, 405), 405, {
        allow: 'POST',
      })
    const { [AS_OF]: _, ...query } = c.req.query()
    return answer(c, name, argsInQuery(args, query))
  })
  http.post('/v1/:operation', async (c) => {
    const name = c.req.param('operation')
    if (operationNamed(name).mood !== 'change')
      return c.json(problem('http.method', `"${name}" changes nothing: ask for it with GET.`, 405), 405, {
        allow: 'GET',
      })
    const args: unknown = await c.req.json().catch(() => {
      throw new FactotumError('http.bad_json', 'The body of the request is not JSON.')
    })
    return answer(c, name, args)
  })
  http.notFound((c) => c.json(problem('http.not_found', 'There is nothing here.', 404), 404))
  http.onError((error, c) => {
    if (error instanceof FactotumError) return c.json(problem(error.code, error.message, 400), 400)
    process.stderr.write(`factotum: ${error.stack ?? error.message}\n`)
    return c.json(problem('http.internal', 'Something went wrong inside Factotum; its log says what.', 500), 500)
  })
  return http
}

function problem(code: string, detail: string, status: number) {
  return { type: 'about:blank', title: code, status, code, detail }
}
