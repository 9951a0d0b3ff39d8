import { ActionError, type Action, type Connector, type Json } from '../../src/connector.ts'
import { actionOf, type AnyCall, type Read, type Write } from './actions.ts'
import { reach } from './addresses.ts'
import { callService, type HttpConnection, type Request } from './call.ts'
import { resolveSettings, type Setting } from './secrets.ts'
import { shapeOf } from './shape.ts'

export interface ServiceOptions<A extends Readonly<Record<string, AnyCall>>> {
  /** Every path is below it. `https:`, or `http:` where there are no secrets or `allow` names the host. No credentials. */
  readonly base: string
  /** Sent with every call. What is a function is a secret: it is called when the company starts, and shown nowhere. */
  readonly headers?: Readonly<Record<string, Setting>>
  /** As `headers`, for services that take their key in the URL. */
  readonly query?: Readonly<Record<string, Setting>>
  /** Addresses, ranges (`10.0.0.0/8`) and host names that may be called although they are not public. */
  readonly allow?: readonly string[]
  /** How many calls the service takes. */
  readonly limits?: { readonly perMinute?: number; readonly concurrent?: number }
  /** The header for the idempotency key. Default `Idempotency-Key`. */
  readonly keyHeader?: string
  /** How long the service may take to answer, in milliseconds. Default 25,000. */
  readonly answerMs?: number
  /** A longer answer is not read. Default 1 MiB. */
  readonly maxBytes?: number
  /** A GET whose answer tells what the service offers: its keys and types, without the values, are the contract. */
  readonly probe?: Request
  readonly actions: A
}

export interface Service<A extends Readonly<Record<string, AnyCall>>> {
  /** For `connectors` of company.ts. */
  readonly connector: Connector<HttpConnection>
  /** For `ctx.act`. */
  readonly actions: {
    readonly [K in keyof A]: A[K] extends Read<infer I, infer O> | Write<infer I, infer O> ? Action<I, O> : never
  }
}

const ANSWER_MS = 25_000
const MAX_BYTES = 1_048_576

/** Any service with a JSON API, described by the author. Throws `http.bad_base`, `http.bad_name`, and `http.not_encrypted`. */
function service<A extends Readonly<Record<string, AnyCall>>>(name: string, options: ServiceOptions<A>): Service<A> {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new ActionError(
      'domain',
      'http.bad_name',
      `A service is named by small letters, not ${JSON.stringify(name)}.`,
    )
  const base = baseOf(name, options.base)
  const reached = reach(options.allow ?? [])
  const secret = [options.headers, options.query].some((given) =>
    Object.values(given ?? {}).some((setting) => typeof setting === 'function'),
  )
  if (secret && base.protocol === 'http:' && !reached.names(base.hostname))
    throw new ActionError(
      'domain',
      'http.not_encrypted',
      `The secrets of ${name} could be read on their way to ${base.host}. Use https, or name the host in \`allow\` where the way is your own.`,
    )
  const answerMs = options.answerMs ?? ANSWER_MS
  const made = { base, answerMs, keyHeader: options.keyHeader ?? 'Idempotency-Key' }
  const actions = Object.fromEntries(
    Object.entries(options.actions).map(([verb, call]) => [verb, actionOf(`${name}.${verb}`, call, made)]),
  )
  const { probe } = options
  const connector: Connector<HttpConnection> = {
    name,
    target: base.href,
    ...(options.limits ? { limits: options.limits } : {}),
    actions: Object.values(actions),
    signals: [],
    open: async () => ({
      service: name,
      base,
      settings: resolveSettings(name, options.headers ?? {}, options.query ?? {}),
      reach: reached,
      maxBytes: options.maxBytes ?? MAX_BYTES,
      answerMs,
    }),
    close: async () => {},
    describe: () => base.href,
    ...(probe ? { probe: (connection: HttpConnection) => look(probe, connection) } : {}),
  }
  return { connector, actions: actions as unknown as Service<A>['actions'] }
}

async function look(request: Request, connection: HttpConnection): Promise<Json> {
  const signal = AbortSignal.timeout(connection.answerMs)
  const { body } = await callService(request, {
    connection,
    signal,
    key: null,
    read: true,
    repeated: false,
    accept: [],
  })
  return shapeOf(body)
}

function baseOf(name: string, text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`)
  const bare = url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (bare && /^https?:$/.test(url.protocol)) return url
  throw new ActionError(
    'domain',
    'http.bad_base',
    `The base of ${name} is no http or https address, or has credentials, a query or a fragment in it. Credentials belong in \`headers\`.`,
  )
}

/** A call that changes nothing. */
function read<I, O>(call: Omit<Read<I, O>, 'risk'>): Read<I, O> {
  return { ...call, risk: 'read' }
}

/** A call that changes something. */
function write<I, O>(call: Write<I, O>): Write<I, O> {
  return call
}

export const http = { service, read, write } as const
