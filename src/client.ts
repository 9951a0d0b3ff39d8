/**
 * The HTTP API, typed: runs in browsers and in Node, and imports nothing of either.
 *
 * `const api = client({ url: 'http://127.0.0.1:7717', headers: { authorization: `Bearer ${token}` } })`
 */
import type { Args, DoingName, Item, ListName, ReadingName, Result } from './server/operations.ts'
import { queryOf } from './lib/query.ts'
import { readEventStream } from './lib/event-stream.ts'

export type { Args, DoingName, Item, ListName, OperationName, ReadingName, Result } from './server/operations.ts'

/** An operation that takes no argument is asked without any. */
type Given<N extends ReadingName | DoingName, O> =
  {} extends Args<N> ? [args?: Args<N>, options?: O] : [args: Args<N>, options?: O]

export interface ClientOptions {
  /** `https://company.example`, without a path. In a browser `''` is where the page came from. */
  readonly url: string
  /** Sent with every request: `authorization: Bearer …`. A browser's session is a cookie and needs none. */
  readonly headers?: Readonly<Record<string, string>>
  readonly fetch?: typeof fetch
}

export interface GetOptions {
  /** The company as it was: an ISO date or time, or the number of an event. */
  readonly asOf?: string | number
  readonly signal?: AbortSignal
}

export interface PostOptions {
  /**
   * Names this request for 24 hours, at most 200 characters: asked again with the same key it is answered, not done again.
   * Default: a new one for each call.
   */
  readonly key?: string
  readonly signal?: AbortSignal
}

/** `live`: connected. `waiting`: the connection is lost and is made again. */
export type StreamState = 'live' | 'waiting'

export interface EventsOptions {
  /** The number of the last event that is known; -1: from the first. Default: only what comes. */
  readonly after?: number
  /** Ends the iteration. */
  readonly signal?: AbortSignal
  readonly onState?: (state: StreamState) => void
}

/** A committed event, without its private part. */
export interface LedgerEvent {
  readonly seq: number
  readonly kind: string
  readonly stream: string
  readonly actor: string
  readonly cause: number | null
  /** Epoch ms. */
  readonly at: number
  readonly body: unknown
}

interface Told {
  /** Of a POST: it can be asked again with the same. */
  readonly key?: string | null
  /** So long the server asked to be left alone. */
  readonly retryAfterMs?: number | null
  readonly cause?: unknown
}

/**
 * What the server refused, by its stable `code` (docs/api.md lists them), or `client.unreachable` (status 0): no answer came.
 * `key` is that of a POST, with which it can be asked again.
 */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly key: string | null
  readonly retryAfterMs: number | null

  constructor(code: string, message: string, status: number, { key = null, retryAfterMs = null, cause }: Told = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ApiError'
    this.code = code
    this.status = status
    this.key = key
    this.retryAfterMs = retryAfterMs
  }
}

export interface Client {
  /** What changes nothing. Where no answer came, or the server is busy (503, 429), it is asked again, twice. Throws `ApiError`. */
  get<N extends ReadingName>(name: N, ...given: Given<N, GetOptions>): Promise<Result<N>>
  /** Everything of a list, page by page as it is needed. Throws `ApiError`. */
  all<N extends ListName>(name: N, ...given: Given<N, GetOptions>): AsyncIterable<Item<N>>
  /**
   * What does something. Where no answer came, the server is busy or still at it, it is asked again with the same key, three
   * times. Throws `ApiError`: `http.unknown_outcome` where the server stopped in the middle of it, `http.in_progress` where
   * it is still at it after that.
   */
  post<N extends DoingName>(name: N, ...given: Given<N, PostOptions>): Promise<Result<N>>
  /** Events as they are committed, each once and in order, whatever happens to the connection. Throws `ApiError` where they are refused. */
  events(options?: EventsOptions): AsyncIterable<LedgerEvent>
}

/** Looked at by somebody: it says soon that it does not work. */
const GET_AGAIN_MS = [250, 1_000]
const POST_AGAIN_MS = [250, 1_000, 4_000]
/** Asked to wait for longer than this, the caller is told instead. */
const LONGEST_ASKED_MS = 10_000
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 15_000
/** The server says something each 15 s: silent for three times as long, it is gone. */
const SILENT_MS = 45_000

export function client(options: ClientOptions): Client {
  const base = `${options.url.replace(/\/+$/, '')}/v1/`
  const send = options.fetch ?? fetch

  const request = async (path: string, init: RequestInit, key: string | null): Promise<Response> => {
    const headers = { ...options.headers, ...(init.headers as Record<string, string>) }
    let response: Response
    try {
      response = await send(base + path, { ...init, headers })
    } catch (cause) {
      throw unreachable(cause, key, init.signal)
    }
    if (!response.ok) throw await refusal(response, key)
    return response
  }

  const ask = async (path: string, init: RequestInit, key: string | null): Promise<unknown> => {
    const response = await request(path, init, key)
    try {
      return (await response.json()) as unknown
    } catch (cause) {
      throw cause instanceof SyntaxError ? notFactotum(response, key) : unreachable(cause, key, init.signal)
    }
  }

  const askAgain = async (path: string, init: RequestInit, key: string | null, waits: readonly number[]) => {
    for (const wait of waits) {
      try {
        return await ask(path, init, key)
      } catch (error) {
        if (!isPassing(error)) throw error
        if ((error.retryAfterMs ?? 0) > LONGEST_ASKED_MS) throw error
        await pause(Math.max(spread(wait), error.retryAfterMs ?? 0), init.signal)
      }
    }
    return ask(path, init, key)
  }

  const get = (name: string, args: object = {}, { asOf, signal }: GetOptions = {}) => {
    const query = queryOf({ ...args, ...(asOf === undefined ? {} : { 'as-of': String(asOf) }) })
    return askAgain(`${name}${query && `?${query}`}`, signal ? { signal } : {}, null, GET_AGAIN_MS)
  }

  return {
    get: (name, ...[args, own]) => get(name, args as object, own) as never,
    async *all(name, ...[args, own]) {
      let cursor: string | null = null
      do {
        const page: { items: never[]; next: string | null } = (await get(
          name,
          { ...(args as object), ...(cursor === null ? {} : { cursor }) },
          own,
        )) as never
        yield* page.items
        cursor = page.next
      } while (cursor !== null)
    },
    async post(name, ...[args, { key = newKey(), signal } = {}]) {
      const init = {
        method: 'POST',
        body: JSON.stringify(args ?? {}),
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        ...(signal ? { signal } : {}),
      }
      return (await askAgain(name, init, key, POST_AGAIN_MS)) as never
    },
    events: ({ after, signal, onState = () => {} } = {}) => events(request, after, signal, onState),
  }
}

/** No answer came, the server has no time now, or the first request with this key is still at it. */
function isPassing(error: unknown): error is ApiError {
  if (!(error instanceof ApiError)) return false
  return [0, 429, 503].includes(error.status) || error.code === 'http.in_progress'
}

/** Not all at the same moment, when a server comes back. */
function spread(ms: number): number {
  return ms * (0.5 + Math.random())
}

async function* events(
  request: (path: string, init: RequestInit, key: null) => Promise<Response>,
  after: number | undefined,
  signal: AbortSignal | undefined,
  onState: (state: StreamState) => void,
): AsyncGenerator<LedgerEvent> {
  let last = after
  let wait = FIRST_WAIT_MS
  while (!signal?.aborted) {
    const connection = new AbortController()
    const abort = () => connection.abort()
    signal?.addEventListener('abort', abort, { once: true })
    let silent: ReturnType<typeof setTimeout> | undefined
    const heard = () => {
      clearTimeout(silent)
      silent = setTimeout(abort, SILENT_MS)
    }
    let opened: number | undefined
    let asked = 0
    try {
      heard()
      const response = await request(
        last === undefined ? 'events' : `events?after=${last}`,
        { signal: connection.signal, headers: { accept: 'text/event-stream' } },
        null,
      )
      opened = Date.now()
      onState('live')
      for await (const message of readEventStream(response.body!, heard)) {
        // What says where the stream stands carries a number and no event.
        if (/^-?\d+$/.test(message.id)) last = Number(message.id)
        if (message.event === 'ledger') yield JSON.parse(message.data) as LedgerEvent
      }
    } catch (error) {
      if (signal?.aborted) return
      // Not for a session that ended: it would be asked for ever.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error
      if (error instanceof ApiError) asked = error.retryAfterMs ?? 0
    } finally {
      clearTimeout(silent)
      signal?.removeEventListener('abort', abort)
      connection.abort()
    }
    if (signal?.aborted) return
    onState('waiting')
    // One that held for a while is made again at once; one that is cut each time is not asked for ever faster.
    if (opened !== undefined && Date.now() - opened > wait) wait = FIRST_WAIT_MS
    await pause(Math.max(spread(wait), Math.min(asked, LONGEST_ASKED_MS)), signal).catch(() => {})
    wait = Math.min(wait * 2, LONGEST_WAIT_MS)
  }
}

async function refusal(response: Response, key: string | null): Promise<ApiError> {
  const said = (await response.json().catch(() => ({}))) as { readonly code?: unknown; readonly detail?: unknown }
  const retryAfterMs = retryAfter(response)
  if (typeof said.code === 'string' && typeof said.detail === 'string')
    return new ApiError(said.code, said.detail, response.status, { key, retryAfterMs })
  // A proxy's page, or something else that listens there.
  if (response.status >= 502 && response.status <= 504) return noAnswer({ key, retryAfterMs })
  return notFactotum(response, key)
}

/** Seconds or a date (RFC 9110, 10.2.3), as ms from now. */
function retryAfter(response: Response): number | null {
  const said = response.headers.get('retry-after')
  if (said === null) return null
  const ms = /^\d+$/.test(said) ? Number(said) * 1_000 : Date.parse(said) - Date.now()
  return Number.isNaN(ms) ? null : Math.max(0, ms)
}

function notFactotum(response: Response, key: string | null): ApiError {
  const { status } = response
  const told = { key, retryAfterMs: retryAfter(response) }
  return new ApiError('client.not_factotum', `What answered with ${status} is not Factotum.`, status, told)
}

/** Aborted by the caller, that is what is thrown. */
function unreachable(cause: unknown, key: string | null, signal: AbortSignal | null | undefined): unknown {
  if (signal?.aborted) return signal.reason
  return noAnswer({ key, cause })
}

function noAnswer(told: Told): ApiError {
  return new ApiError('client.unreachable', 'No answer came. Is the company running?', 0, told)
}

/** 128 random bits. Not `randomUUID`, which a page has only over HTTPS or from this machine. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function pause(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const stop = () => {
      clearTimeout(timer)
      reject(signal!.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
