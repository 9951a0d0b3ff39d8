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

/**
 * What the server refused, by its stable `code` (docs/api.md lists them), or `client.unreachable` (status 0): no answer came.
 * `key` is that of a POST, with which it can be asked again.
 */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly key: string | null

  constructor(code: string, message: string, status: number, key: string | null = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ApiError'
    this.code = code
    this.status = status
    this.key = key
  }
}

export interface Client {
  /** What changes nothing. Throws `ApiError`. */
  get<N extends ReadingName>(name: N, ...given: Given<N, GetOptions>): Promise<Result<N>>
  /** Everything of a list, page by page as it is needed. Throws `ApiError`. */
  all<N extends ListName>(name: N, ...given: Given<N, GetOptions>): AsyncIterable<Item<N>>
  /**
   * What does something. Where no answer came it is asked again with the same key, three times. Throws `ApiError`:
   * `http.unknown_outcome` where the server stopped in the middle of it.
   */
  post<N extends DoingName>(name: N, ...given: Given<N, PostOptions>): Promise<Result<N>>
  /** Events as they are committed, each once and in order, whatever happens to the connection. Throws `ApiError` where they are refused. */
  events(options?: EventsOptions): AsyncIterable<LedgerEvent>
}

const ASKED_AGAIN_MS = [250, 1_000, 4_000]
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
      throw unreachable(cause, key, init.signal)
    }
  }

  const get = (name: string, args: object = {}, { asOf, signal }: GetOptions = {}) => {
    const query = queryOf({ ...args, ...(asOf === undefined ? {} : { 'as-of': String(asOf) }) })
    return ask(`${name}${query && `?${query}`}`, signal ? { signal } : {}, null)
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
      for (const wait of ASKED_AGAIN_MS) {
        try {
          return (await ask(name, init, key)) as never
        } catch (error) {
          if (!isPassing(error)) throw error
          await pause(wait, signal)
        }
      }
      return (await ask(name, init, key)) as never
    },
    events: ({ after, signal, onState = () => {} } = {}) => events(request, after, signal, onState),
  }
}

/** No answer came, or the first request with this key is still at it. */
function isPassing(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'client.unreachable' || error.code === 'http.in_progress')
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
    try {
      heard()
      const response = await request(
        last === undefined ? 'events' : `events?after=${last}`,
        { signal: connection.signal, headers: { accept: 'text/event-stream' } },
        null,
      )
      onState('live')
      for await (const message of readEventStream(response.body!, heard)) {
        wait = FIRST_WAIT_MS
        // What says where the stream stands carries a number and no event.
        if (/^-?\d+$/.test(message.id)) last = Number(message.id)
        if (message.event === 'ledger') yield JSON.parse(message.data) as LedgerEvent
      }
    } catch (error) {
      if (signal?.aborted) return
      // Not for a session that ended: it would be asked for ever.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error
    } finally {
      clearTimeout(silent)
      signal?.removeEventListener('abort', abort)
      connection.abort()
    }
    if (signal?.aborted) return
    onState('waiting')
    // Not all at the same moment, when a server comes back.
    await pause(wait * (0.5 + Math.random()), signal).catch(() => {})
    wait = Math.min(wait * 2, LONGEST_WAIT_MS)
  }
}

async function refusal(response: Response, key: string | null): Promise<ApiError> {
  const said = (await response.json().catch(() => ({}))) as { readonly code?: unknown; readonly detail?: unknown }
  if (typeof said.code === 'string' && typeof said.detail === 'string')
    return new ApiError(said.code, said.detail, response.status, key)
  // A proxy's page, or something else that listens there.
  if (response.status >= 502 && response.status <= 504) return unreachable(undefined, key, null) as ApiError
  return new ApiError(
    'client.not_factotum',
    `What answered with ${response.status} is not Factotum.`,
    response.status,
    key,
  )
}

/** Aborted by the caller, that is what is thrown. */
function unreachable(cause: unknown, key: string | null, signal: AbortSignal | null | undefined): unknown {
  if (signal?.aborted) return signal.reason
  return new ApiError('client.unreachable', 'No answer came. Is the company running?', 0, key, cause)
}

/** 128 random bits. Not `randomUUID`, which a page has only over HTTPS or from this machine. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
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
