import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Fault = 'credentials' | 'echo' | 'rate_limit' | 'slow' | 'garbage' | 'down'

interface Note {
  readonly id: string
  readonly text: string
  readonly key: string
}

/** A customer database with an HTTP API, on loopback, for tests: notes that are made, listed and deleted. */
export interface FakeCrm extends AsyncDisposable {
  readonly url: string
  readonly notes: readonly Note[]
  /** How many notes were ever made. */
  readonly made: () => number
  /** Each request that came: `POST /v1/notes`. */
  readonly requests: readonly { readonly line: string; readonly headers: IncomingMessage['headers'] }[]
  /** What is wrong with it from now on. */
  fault(fault: Fault | null): Promise<void>
  /** Answers the next request in its own way. */
  answerNext(answer: (request: IncomingMessage, response: ServerResponse) => void): void
}

export async function startFakeCrm(options: { readonly honoursKey?: boolean } = {}): Promise<FakeCrm> {
  const notes: Note[] = []
  const requests: { line: string; headers: IncomingMessage['headers'] }[] = []
  const held: (() => void)[] = []
  const next: ((request: IncomingMessage, response: ServerResponse) => void)[] = []
  let made = 0
  let fault: Fault | null = null

  const json = (response: ServerResponse, status: number, body: unknown, headers = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

  function create(request: IncomingMessage, response: ServerResponse, body: string): void {
    const key = String(request.headers['idempotency-key'])
    let note = options.honoursKey ? notes.find((n) => n.key === key) : undefined
    if (!note) {
      made += 1
      note = { id: `n${made}`, text: (JSON.parse(body) as { text: string }).text, key }
      notes.push(note)
    }
    if (fault === 'slow') held.push(() => response.destroy())
    else if (fault === 'garbage') response.writeHead(200).end('<html>Welcome')
    else json(response, 201, note)
  }

  function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const url = new URL(request.url ?? '/', 'http://fake')
    const written = request.method !== 'GET'
    if (fault === 'credentials' || request.headers.authorization === undefined)
      return void json(response, 401, { error: `no such token: ${request.headers.authorization}` })
    if (fault === 'echo') return void json(response, 422, { error: 'no such field', you: request.headers })
    if (fault === 'rate_limit' && written)
      return void json(response, 429, { error: 'slow down' }, { 'retry-after': '90' })
    const [, version, kind, id] = url.pathname.split('/')
    if (version !== 'v1' || kind !== 'notes') return void json(response, 404, { error: 'no such thing' })
    if (request.method === 'POST') return create(request, response, body)
    const at = notes.findIndex((n) => n.id === id)
    if (request.method === 'GET' && id === undefined) {
      const key = url.searchParams.get('key')
      return void json(response, 200, { notes: notes.filter((n) => key === null || n.key === key) })
    }
    if (at < 0) return void json(response, 404, { error: 'no such note' })
    if (request.method === 'GET') return void json(response, 200, notes[at])
    notes.splice(at, 1)
    response.writeHead(204).end()
  }

  const server = createServer((request, response) => {
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const own = next.shift()
      if (own) own(request, response)
      else answer(request, response, Buffer.concat(chunks).toString())
    })
  })
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1/`,
    notes,
    made: () => made,
    requests,
    async fault(wanted) {
      if (fault === 'down') await listen(port)
      fault = wanted
      if (fault === 'down') await close()
      for (const release of held.splice(0)) release()
    },
    answerNext: (own) => void next.push(own),
    [Symbol.asyncDispose]: () => (server.listening ? close() : Promise.resolve()),
  }
}
