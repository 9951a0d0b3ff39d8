import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { test } from 'node:test'
import { z } from 'zod'
import { workflow } from '../../index.ts'
import { testCompany } from '../../testing.ts'
import { app } from './app.ts'
import { serve, serverFile } from './serve.ts'

const TOKEN = 'secret-token'
const greet = workflow('greet', { input: z.object({ who: z.string() }) }, async (_ctx, { who }) => `hello ${who}`)

async function served() {
  const company = await testCompany({ workflows: [greet] })
  const http = app(company.open, TOKEN)
  const post = async (
    path: string,
    body: string,
    headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` },
  ) => {
    const response = await http.request(path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  return { company, http, post }
}

test('nothing is told or done without the token', async () => {
  const { company, http, post } = await served()
  await using _ = company
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${TOKEN}x`,
    `bearer ${TOKEN}`,
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer ${'x'.repeat(TOKEN.length)}`,
  ]) {
    const answer = await post('/v1/start', '{"workflow":"greet","input":{"who":"eve"}}', { authorization })
    assert.deepEqual([answer.status, answer.body.code], [401, 'access.unauthorized'])
  }
  assert.equal((await http.request('/v1/status')).status, 401)
  assert.equal(await company.open.store.engine.head(), 0)
})

const REFUSED: readonly (readonly [string, string, string, number, string])[] = [
  ['an operation that there is not', '/v1/nothing', '{}', 404, 'operation.unknown'],
  ['a name of Object', '/v1/constructor', '{}', 404, 'operation.unknown'],
  ['what is not JSON', '/v1/start', '{', 400, 'http.bad_json'],
  ['no body', '/v1/start', '', 400, 'http.bad_json'],
  ['arguments of the wrong type', '/v1/snooze', '{"id":7}', 400, 'operation.bad_arguments'],
  ['arguments that are a list', '/v1/start', '[]', 400, 'operation.bad_arguments'],
  [
    'a value nested without end',
    '/v1/decide',
    `{"id":"gate_1","outcome":"answer","value":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    400,
    'json.not_json',
  ],
  [
    'more gates than one decision is for',
    '/v1/decideAll',
    `{"ids":${JSON.stringify(Array(1_001).fill('gate_1'))},"outcome":"approve"}`,
    400,
    'operation.bad_arguments',
  ],
  ['a question with POST', '/v1/status', '{}', 405, 'http.method'],
  ['a workflow that there is not', '/v1/start', '{"workflow":"nobody"}', 400, 'run.workflow_missing'],
  [
    'input that the workflow does not take',
    '/v1/start',
    '{"workflow":"greet","input":{"who":1}}',
    400,
    'run.bad_input',
  ],
  ['a run that there is not', '/v1/cancel', '{"id":"run_nobody"}', 404, 'id.not_found'],
  ['another path', '/v2/status', '{}', 404, 'http.not_found'],
  ['too much', '/v1/start', `{"x":"${'x'.repeat(4 * 1024 * 1024)}"}`, 413, 'http.too_large'],
]

for (const [what, path, body, status, code] of REFUSED) {
  test(`${what} is refused with ${code}`, async () => {
    const { company, post } = await served()
    await using _ = company
    const answer = await post(path, body)
    assert.deepEqual([answer.status, answer.body.code, answer.body.status], [status, code, status])
    assert.equal(typeof answer.body.detail, 'string')
  })
}

test('an operation runs, and its answer is JSON', async () => {
  const { company, http, post } = await served()
  await using _ = company
  const started = await post('/v1/start', '{"workflow":"greet","input":{"who":"ada"}}')
  assert.equal(started.status, 200)
  await company.idle()
  assert.equal(await company.result(String(started.body.id)), 'hello ada')
  assert.deepEqual(await (await http.request('/healthz')).json(), { ok: true })
})

test('what changes nothing is asked with GET: text as it is, the rest as JSON', async () => {
  const { company, http, post } = await served()
  await using _ = company
  const get = async (path: string) => {
    const response = await http.request(path, { headers: { authorization: `Bearer ${TOKEN}` } })
    return { status: response.status, body: (await response.json()) as { code?: string; items?: unknown[] } }
  }
  for (const who of ['ada', 'bob', 'cem'])
    await post('/v1/start', JSON.stringify({ workflow: 'greet', input: { who } }))
  await company.idle()
  assert.equal((await get('/v1/runs')).body.items?.length, 3)
  assert.equal((await get('/v1/runs?limit=2&state=done')).body.items?.length, 2)
  assert.equal((await get('/v1/runs?state=failed')).body.items?.length, 0)
  assert.equal((await get('/v1/runs?as-of=0')).body.items?.length, 1)
  for (const [path, code] of [
    ['/v1/runs?limit=0', 'operation.bad_arguments'],
    ['/v1/runs?limit=two', 'http.bad_query'],
    ['/v1/run?id=run_nobody', 'id.not_found'],
    ['/v1/start?workflow=greet', 'http.method'],
    ['/v1/quiet?as-of=0', 'asof.not_a_read'],
  ] as const)
    assert.equal((await get(path)).body.code, code, path)
  const then = await post('/v1/start?as-of=0', '{"workflow":"greet","input":{"who":"eve"}}')
  assert.equal(then.body.code, 'asof.not_a_read')
})

test('an input over 1 MiB is refused', async () => {
  const { company, post } = await served()
  await using _ = company
  const answer = await post('/v1/start', JSON.stringify({ workflow: 'greet', input: { who: 'x'.repeat(1_100_000) } }))
  assert.deepEqual([answer.status, answer.body.code], [400, 'json.too_large'])
})

test('it listens on loopback only, its file is its owner’s, and goes when it closes', async () => {
  const { company } = await served()
  await using _ = company
  const listening = await serve(company.open, { port: 0 })
  assert.match(listening.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const file = serverFile(company.folder)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const port = Number(new URL(listening.url).port)
  await assert.rejects(serve(company.open, { port }), { code: 'server.port_taken' })
  await listening.close()
  await assert.rejects(stat(file), { code: 'ENOENT' })
})
