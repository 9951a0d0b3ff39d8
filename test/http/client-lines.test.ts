import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { client } from '../../src/client.ts'
import { workflow, z } from '../../src/index.ts'
import { serve, serverFile, type ServerFile } from '../../src/server/http/serve.ts'
import { testCompany } from '../../src/testing.ts'

const greet = workflow('greet', { input: z.object({ who: z.string() }) }, async (_ctx, { who }) => `hello ${who}`)

/**
 * What becomes of a request on the way: it never arrives, its answer is lost, half of its answer comes, or what stands
 * between has no time (`busy`, with the seconds that it asks for).
 */
type Fate = 'lost' | 'answer lost' | 'cut' | `busy ${number}` | 'through'

/** A company behind a line that fails as it is told. */
async function behindABadLine() {
  const company = await testCompany({ workflows: [greet] })
  const listening = await serve(company.open, { port: 0 })
  const { url, token } = JSON.parse(await readFile(serverFile(company.folder), 'utf8')) as ServerFile
  const fates: Fate[] = []
  const seen: { readonly fate: Fate; readonly path: string; readonly key: string | undefined }[] = []
  const pass = async (asked: IncomingMessage, answer: ServerResponse) => {
    const fate = fates.shift() ?? 'through'
    seen.push({ fate, path: asked.url!, key: asked.headers['idempotency-key'] as string | undefined })
    if (fate === 'lost') return asked.socket.destroy()
    if (fate.startsWith('busy')) return answer.writeHead(503, { 'retry-after': fate.slice(5) }).end('<h1>Busy</h1>')
    const { host: _, ...headers } = asked.headers
    const on = request(url + asked.url, { method: asked.method!, headers, agent: false })
    on.end(await buffer(asked))
    const [response] = (await new Promise((resolve) => on.once('response', (r) => resolve([r])))) as [IncomingMessage]
    answer.on('close', () => response.destroy())
    if (fate === 'through') return response.pipe(answer.writeHead(response.statusCode!, response.headers))
    const body = await buffer(response)
    if (fate === 'answer lost') return asked.socket.destroy()
    answer.writeHead(response.statusCode!, { 'content-type': 'application/json', 'content-length': body.length })
    answer.write(body.subarray(0, body.length / 2), () => asked.socket.destroy())
  }
  const line = createServer((asked, answer) => void pass(asked, answer))
  await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve))
  const headers = { authorization: `Bearer ${token}` }
  return {
    company,
    fates,
    seen,
    cut: () => line.closeAllConnections(),
    api: client({ url: `http://127.0.0.1:${(line.address() as AddressInfo).port}`, headers }),
    async [Symbol.asyncDispose]() {
      line.closeAllConnections()
      line.close()
      await listening.close()
      await company[Symbol.asyncDispose]()
    },
  }
}

test('what is read is asked for again when the line fails, and no more than twice', async () => {
  await using s = await behindABadLine()
  for (const fate of ['lost', 'answer lost', 'cut', 'busy 0'] as const) {
    s.fates.push(fate)
    assert.equal((await s.api.get('status')).company, (await s.company.ask('status', {})).company)
    assert.deepEqual(
      s.seen.splice(0).map((r) => r.fate),
      [fate, 'through'],
    )
  }
  s.fates.push('lost', 'cut', 'busy 0', 'lost')
  await assert.rejects(s.api.get('status'), { code: 'client.unreachable', status: 0, key: null })
  assert.equal(s.seen.length, 3)
})

test('what is done is done once, though its answer was lost again and again', async () => {
  await using s = await behindABadLine()
  s.fates.push('lost', 'answer lost', 'cut')
  const { id } = await s.api.post('start', { workflow: 'greet', input: { who: 'ada' } })
  await s.company.idle()
  assert.deepEqual(
    (await s.company.list('runs', {})).map((run) => run.id),
    [id],
  )
  assert.deepEqual(
    s.seen.map((r) => r.fate),
    ['lost', 'answer lost', 'cut', 'through'],
  )
  assert.equal(new Set(s.seen.map((r) => r.key)).size, 1)

  // A refusal is an answer: it is not asked for again.
  s.seen.length = 0
  await assert.rejects(s.api.post('start', { workflow: 'nobody' }), { code: 'run.workflow_missing', status: 400 })
  assert.equal(s.seen.length, 1)
  await s.company.check()
})

test('a server that asks to be left alone for long is, and the caller is told for how long', async () => {
  await using s = await behindABadLine()
  s.fates.push('busy 120')
  await assert.rejects(s.api.get('status'), { code: 'client.unreachable', retryAfterMs: 120_000 })
  assert.equal(s.seen.length, 1)
})

test('who stops asking is not kept waiting for the next try', async () => {
  await using s = await behindABadLine()
  for (const ask of [
    (signal: AbortSignal) => s.api.get('status', {}, { signal }),
    (signal: AbortSignal) => s.api.post('pause', {}, { signal }),
  ]) {
    const stop = new AbortController()
    s.fates.push('busy 9')
    const asked = ask(stop.signal)
    while (s.fates.length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    setTimeout(() => stop.abort(new Error('enough')), 50)
    await assert.rejects(asked, { message: 'enough' })
  }
  assert.deepEqual((await s.company.ask('status', {})).paused, [])
})

test('the stream goes on from where it was, however often the line is cut', async () => {
  await using s = await behindABadLine()
  const { engine } = s.company.open.store
  const seqs: number[] = []
  await s.company.run(greet, { who: 'first' })
  let head = await engine.head()
  let cuts = 0
  for await (const event of s.api.events({ after: -1 })) {
    seqs.push(event.seq)
    if (event.seq < head - 1) continue
    if (cuts++ === 3) break
    s.cut()
    await s.company.run(greet, { who: `after cut ${cuts}` })
    head = await engine.head()
  }
  assert.deepEqual(
    seqs,
    seqs.map((_, at) => at),
  )
  assert.deepEqual(
    s.seen.map((r) => r.path.split('=')[0]),
    Array.from({ length: 4 }, () => '/v1/events?after'),
  )
})
