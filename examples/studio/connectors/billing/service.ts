/**
 * The billing service: the outside system, a small HTTP server with books of its own. It knows nothing of Factotum.
 *
 *     BILLING_TOKEN=… node service.ts --port 0 --books books.json
 *
 * A refund is a POST with an Idempotency-Key, which is honoured for 24 hours; the key is kept for ever, so that
 * `GET /refunds?key=…` proves that something did or did not happen.
 */
import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { readBooks, writeBooks, type Books } from './books.ts'
import { FAULTS, striking, type Fault } from './faults.ts'
import { answer, Refusal, type Asked } from './routes.ts'
import { SEED } from './seed.ts'

export interface ServiceOptions {
  /** The file that the books are kept in. */
  readonly books: string
  readonly token: string
  /** 0 (the default) for any free port. */
  readonly port?: number
  /** What the books begin with. Default: the customers of the sample's inbox. */
  readonly seed?: Books
  /** Epoch ms. */
  readonly now?: () => number
}

export interface BillingService {
  readonly url: string
  books(): Books
  /** As `POST /faults`: what goes wrong from now on, instead of what did before. */
  setFaults(faults: readonly Fault[], options?: { readonly duplicates?: 'on' | 'off' }): void
  /** Another token is the good one from now on. */
  setToken(token: string): void
  close(): Promise<void>
}

const MAX_BODY_BYTES = 64 * 1024

/** Starts the service on loopback. */
export async function startBilling(options: ServiceOptions): Promise<BillingService> {
  const books = readBooks(options.books, options.seed ?? SEED)
  const now = options.now ?? Date.now
  let { token } = options
  let strike = striking([])
  let duplicates: 'on' | 'off' = 'on'

  const setFaults: BillingService['setFaults'] = (faults, others) => {
    strike = striking(faults)
    duplicates = others?.duplicates ?? 'on'
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!authorised(request, token)) throw new Refusal(401, 'unauthorised', 'A bearer token is needed.')
    const asked = await read(request)
    if (asked.path === '/faults' && asked.method === 'POST') {
      const { faults, ...others } = checkFaults(asked.body)
      setFaults(faults, others)
      return send(response, 200, {})
    }
    if (asked.path === '/books') return send(response, 200, books)
    const fault = strike(`${asked.method} ${asked.path}`)
    if (fault?.fault === 'before') throw new Refusal(500, 'broken', 'It broke before the work.')
    if (fault?.fault === 'unauthorised') throw new Refusal(401, 'unauthorised', 'This token is not good any more.')
    if (fault?.fault === 'echo') throw new Refusal(422, 'refused', `Refused: ${request.headers.authorization}`)
    if (fault?.fault === 'rate')
      return send(response, 429, { error: 'rate' }, { 'Retry-After': String(Math.ceil((fault.ms ?? 1_000) / 1_000)) })
    const { body, changed } = answer(books, asked, { now: now(), duplicates })
    if (changed) writeBooks(options.books, books)
    if (fault?.fault === 'timeout') {
      if (fault.ms !== undefined) setTimeout(() => response.destroy(), fault.ms).unref()
      return
    }
    if (fault?.fault === 'after') throw new Refusal(500, 'broken', 'It broke after the work.')
    if (fault?.fault === 'garbage') return void response.writeHead(200).end('<html>It works!')
    if (fault?.fault === 'slow') return void setTimeout(() => send(response, 200, body), fault.ms ?? 1_000).unref()
    send(response, 200, body)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'broken', 'It broke.')
      send(response, refusal.status, { error: refusal.code, message: refusal.message })
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    books: () => structuredClone(books),
    setFaults,
    setToken: (next) => void (token = next),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        // Whoever waits for an answer that never comes.
        server.closeAllConnections()
      }),
  }
}

function authorised(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '')
  const wanted = Buffer.from(`Bearer ${token}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, 'too_large', `A body has at most ${MAX_BODY_BYTES} bytes.`)
    chunks.push(chunk)
  }
  const url = new URL(request.url ?? '/', 'http://billing')
  const key = request.headers['idempotency-key']
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    body: bytes === 0 ? null : parse(Buffer.concat(chunks).toString()),
    key: typeof key === 'string' ? key : null,
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'bad_request', 'The body is not JSON.')
  }
}

function checkFaults(body: unknown): { faults: readonly Fault[]; duplicates?: 'on' | 'off' } {
  const { faults = [], duplicates = 'on' } = (body ?? {}) as { faults?: Fault[]; duplicates?: unknown }
  const known = Array.isArray(faults) && faults.every((f) => FAULTS.includes(f.fault))
  if (!known || (duplicates !== 'on' && duplicates !== 'off'))
    throw new Refusal(
      400,
      'bad_request',
      `Give {"faults": [{"fault": "${FAULTS.join('|')}"}], "duplicates": "on|off"}.`,
    )
  return { faults, duplicates }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, books: { type: 'string' } } })
  const token = process.env.BILLING_TOKEN
  if (!token || values.books === undefined) {
    process.stderr.write('Usage: BILLING_TOKEN=… node service.ts --books FILE [--port N]\n')
    process.exit(1)
  }
  const { url } = await startBilling({ books: values.books, token, port: Number(values.port) })
  process.stdout.write(`${JSON.stringify({ url, books: values.books })}\n`)
}
