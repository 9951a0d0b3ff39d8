import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { z } from 'zod'
import { ApiError, client, type LedgerEvent, type StreamState } from './client.ts'
import { workflow } from './index.ts'
import { serve, serverFile, type ServerFile } from './server/http/serve.ts'
import { testCompany } from './testing.ts'

const greet = workflow('greet', { input: z.object({ who: z.string() }) }, async (_ctx, { who }) => `hello ${who}`)

async function served() {
  const company = await testCompany({ workflows: [greet] })
  const listening = await serve(company.open, { port: 0 })
  const { url, token } = JSON.parse(await readFile(serverFile(company.folder), 'utf8')) as ServerFile
  const headers = { authorization: `Bearer ${token}` }
  return {
    company,
    options: { url, headers },
    api: client({ url, headers }),
    async [Symbol.asyncDispose]() {
      await listening.close()
      await company[Symbol.asyncDispose]()
    },
  }
}

test('asks, does, and throws what is refused with its code', async () => {
  await using s = await served()
  const run = await s.api.post('start', { workflow: 'greet', input: { who: 'ada' } })
  await s.company.idle()
  assert.equal((await s.api.get('run', { id: run.id })).run.state, 'done')
  assert.equal((await s.api.get('status')).company, (await s.api.get('status', {}, { asOf: 0 })).company)
  await assert.rejects(s.api.get('run', { id: 'run_nobody' }), { name: 'ApiError', code: 'id.not_found', key: null })
  await assert.rejects(s.api.post('start', { workflow: 'nobody' }, { key: 'mine' }), {
    code: 'run.workflow_missing',
    status: 400,
    key: 'mine',
  })
  await assert.rejects(client({ url: s.options.url }).get('status'), { status: 401 })
})

test('each POST has a key; where no answer came, it is asked again with the same', async () => {
  await using s = await served()
  const keys: (string | null)[] = []
  let lost = 2
  const api = client({
    ...s.options,
    async fetch(url, init) {
      keys.push(new Headers(init?.headers).get('idempotency-key'))
      if (lost-- > 0) throw new TypeError('fetch failed')
      return fetch(url, init)
    },
  })
  await api.post('pause', {})
  assert.equal(keys.length, 3)
  assert.match(keys[0]!, /^[0-9a-f]{32}$/)
  assert.equal(new Set(keys).size, 1)
  await api.post('resume', {})
  assert.notEqual(keys[3], keys[0])
  const before = keys.length
  lost = 2
  await api.get('status')
  assert.equal(keys.length - before, 3)
  lost = 3
  await assert.rejects(api.get('status'), { code: 'client.unreachable', status: 0 })
  assert.equal(keys.length - before, 6)
  const stopped = new AbortController()
  lost = 9
  const asked = api.post('pause', {}, { signal: stopped.signal })
  stopped.abort(new Error('enough'))
  await assert.rejects(asked, { message: 'enough' })
})

test('what answers and is not Factotum is told apart from its refusals', async () => {
  const answering = (body: string, status: number) =>
    client({ url: 'http://x', fetch: async () => new Response(body, { status }) })
  await assert.rejects(answering('<html>', 404).get('status'), { code: 'client.not_factotum', status: 404 })
  await assert.rejects(answering('Bad gateway', 502).get('status'), { code: 'client.unreachable', status: 0 })
  await assert.rejects(answering('<html>', 200).get('status'), { code: 'client.not_factotum', status: 200 })
})

/** A server whose streams this test writes and cuts. */
async function streaming(answer: (response: ServerResponse, path: string) => void) {
  const server = createServer((request, response) => answer(response, request.url!))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    api: client({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const message = (seq: number, body: unknown = {}) =>
  `id: ${seq}\nevent: ledger\ndata: ${JSON.stringify({ seq, kind: 'x', stream: 's', actor: 'a', cause: null, at: 1, body })}\n\n`

test('events come once and in order, across lines cut anywhere and connections lost', async () => {
  const asked: string[] = []
  using s = await streaming((response, path) => {
    asked.push(path)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (asked.length === 1) {
      const bytes = Buffer.from(`: hello\r\n\r\n${message(4, 'Grüße').replaceAll('\n', '\r\n')}${message(5)}id: 6\n`)
      // In two pieces, the first ending inside a character; the third message is never finished.
      const cut = bytes.indexOf(0xc3) + 1
      response.write(bytes.subarray(0, cut))
      setTimeout(() => {
        response.write(bytes.subarray(cut))
        setTimeout(() => response.destroy(), 20)
      }, 20)
    } else response.write(message(6) + message(7))
  })
  const stop = new AbortController()
  const states: StreamState[] = []
  const seen: LedgerEvent[] = []
  for await (const event of s.api.events({ after: 3, signal: stop.signal, onState: (state) => states.push(state) })) {
    seen.push(event)
    if (event.seq === 7) stop.abort()
  }
  assert.deepEqual(
    seen.map((event) => event.seq),
    [4, 5, 6, 7],
  )
  assert.equal(seen[0]!.body, 'Grüße')
  assert.deepEqual(asked, ['/v1/events?after=3', '/v1/events?after=5'])
  assert.deepEqual(states, ['live', 'waiting', 'live'])
})

test('a stream asked without a place goes on from where the server said that it stands', async () => {
  const asked: string[] = []
  using s = await streaming((response, path) => {
    asked.push(path)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (asked.length === 1) response.end('id: 11\n\n')
    else response.write(message(12))
  })
  for await (const event of s.api.events()) {
    assert.equal(event.seq, 12)
    break
  }
  assert.deepEqual(asked, ['/v1/events', '/v1/events?after=11'])
})

test('a stream that is refused ends with the refusal; one that is busy is asked again', async () => {
  const answers = [503, 429, 401]
  using s = await streaming((response) => {
    const status = answers.shift()!
    response.writeHead(status, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ code: `code.${status}`, detail: 'No.' }))
  })
  const refused = await s.api
    .events()
    [Symbol.asyncIterator]()
    .next()
    .catch((error: unknown) => error)
  assert.ok(refused instanceof ApiError)
  assert.deepEqual([refused.code, answers], ['code.401', []])
})
