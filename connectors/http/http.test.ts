import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import type { ActionContext } from '../../src/connector.ts'
import { startFakeCrm, type FakeCrm } from './fake.ts'
import { http } from './index.ts'
import { shapeOf } from './shape.ts'

const Note = z.object({ id: z.string(), text: z.string() })

function crmAt(base: string, options: { readonly honoursKey?: boolean; readonly maxBytes?: number } = {}) {
  return http.service('crm', {
    base,
    headers: { authorization: () => 'Bearer canary-1234' },
    allow: ['127.0.0.1'],
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    actions: {
      createNote: http.write({
        risk: 'compensable',
        input: z.object({ text: z.string() }),
        output: Note,
        title: (i) => `Note: ${i.text}`,
        request: (i) => ({ method: 'POST', path: 'notes', body: { text: i.text } }),
        honoursKey: options.honoursKey ?? false,
      }),
      getNote: http.read({
        input: z.object({ id: z.string() }),
        output: Note,
        title: (i) => `Look at note ${i.id}`,
        request: (i) => ({ path: ['notes', i.id] }),
      }),
    },
  })
}

async function opened(t: TestContext, options: { readonly honoursKey?: boolean; readonly maxBytes?: number } = {}) {
  const world = await startFakeCrm()
  t.after(() => world[Symbol.asyncDispose]())
  const crm = crmAt(world.url, options)
  const connection = await crm.connector.open({ dataFolder: '/nowhere' })
  const ctx = (token = 1): ActionContext => ({
    key: 'key-1',
    token,
    laneToken: null,
    proposedAt: 0,
    connection,
    signal: new AbortController().signal,
  })
  const { createNote, getNote } = crm.actions
  return {
    world,
    create: (token?: number) => createNote.run({ text: 'Hello' }, ctx(token)),
    get: (id = 'n1') => getNote.run({ id }, ctx()),
    crm,
  }
}

type Own = (request: IncomingMessage, response: ServerResponse) => void
const status =
  (code: number, headers = {}, body = ''): Own =>
  (_, response) =>
    response.writeHead(code, headers).end(body)

test('a write carries its key, and comes back as its output', async (t) => {
  const { world, create, get } = await opened(t)
  assert.deepEqual(await create(), { id: 'n1', text: 'Hello' })
  assert.deepEqual(await get(), { id: 'n1', text: 'Hello' })
  const [write, read] = world.requests
  assert.equal(write!.headers['idempotency-key'], 'key-1')
  assert.equal(write!.headers.authorization, 'Bearer canary-1234')
  assert.equal(read!.headers['idempotency-key'], undefined)
})

const MEANING: readonly (readonly [what: string, answer: Own, write: object, read: object])[] = [
  ['400', status(400), { kind: 'domain', code: 'http.refused' }, { kind: 'domain', code: 'http.refused' }],
  ['403', status(403), { kind: 'domain', code: 'http.credentials' }, { kind: 'domain', code: 'http.credentials' }],
  ['408', status(408), { kind: 'transient', code: 'http.unavailable' }, { kind: 'transient' }],
  ['409', status(409), { kind: 'domain', code: 'http.refused' }, { kind: 'domain' }],
  ['425', status(425), { kind: 'transient', code: 'http.unavailable' }, { kind: 'transient' }],
  [
    '429 with seconds',
    status(429, { 'retry-after': '7' }),
    { kind: 'transient', retryAfterMs: 7_000 },
    { kind: 'transient' },
  ],
  ['429', status(429), { kind: 'transient', code: 'http.rate_limited', retryAfterMs: null }, { kind: 'transient' }],
  [
    '503 that says when',
    status(503, { 'retry-after': '1' }),
    { kind: 'transient', retryAfterMs: 1_000 },
    { kind: 'transient' },
  ],
  ['503', status(503), { kind: 'uncertain', code: 'http.server_error' }, { kind: 'transient' }],
  [
    '500',
    status(500),
    { kind: 'uncertain', code: 'http.server_error' },
    { kind: 'transient', code: 'http.server_error' },
  ],
  ['no JSON', status(200, {}, '<html>'), { kind: 'uncertain', code: 'http.garbage' }, { kind: 'transient' }],
  ['nothing', status(204), { kind: 'uncertain', code: 'http.garbage' }, { kind: 'transient', code: 'http.garbage' }],
  ['another shape', status(200, {}, '{"id":7}'), { kind: 'uncertain', code: 'http.garbage' }, { kind: 'transient' }],
  [
    'too much',
    status(200, {}, ' '.repeat(3_000)),
    { kind: 'uncertain', code: 'http.too_large' },
    { kind: 'transient' },
  ],
  ['a reset', (_, response) => response.destroy(), { kind: 'uncertain', code: 'http.lost' }, { kind: 'transient' }],
  [
    'half an answer',
    (_, response) => response.writeHead(200, { 'content-length': '90' }).write('{"id"', () => response.destroy()),
    { kind: 'uncertain', code: 'http.lost' },
    { kind: 'transient', code: 'http.lost' },
  ],
  [
    '302',
    status(302, { location: '/login' }),
    { kind: 'uncertain', code: 'http.redirect_refused' },
    { kind: 'domain' },
  ],
  ['a redirect to nowhere', status(308), { kind: 'domain', code: 'http.refused' }, { kind: 'domain' }],
  [
    'a redirect to another protocol',
    status(301, { location: 'file:///etc/passwd' }),
    { kind: 'uncertain', code: 'http.redirect_refused' },
    { kind: 'domain', code: 'http.redirect_refused' },
  ],
]

for (const [what, answer, write, read] of MEANING)
  test(`${what} is read by what the service can have done`, async (t) => {
    const { world, create, get } = await opened(t, { maxBytes: 2_000 })
    world.answerNext(answer)
    await assert.rejects(create(), { name: 'ActionError', ...write })
    world.answerNext(answer)
    // After 302 a read goes on to a page that is not there.
    await assert.rejects(get(), { name: 'ActionError', ...read })
  })

test('409 for a repeated key that the service honours means that the first try is still under way', async (t) => {
  const { world, create } = await opened(t, { honoursKey: true })
  for (const _ of [1, 2]) world.answerNext(status(409))
  await assert.rejects(create(1), { kind: 'domain' })
  await assert.rejects(create(2), { kind: 'transient', code: 'http.under_way' })
})

test('a refusal is shown in short, on one line, without the secret', async (t) => {
  const { world, create } = await opened(t)
  const long = `no\n\u202esuch field ${'x'.repeat(10_000)}`
  world.answerNext((request, response) => response.writeHead(422).end(`${request.headers.authorization} ${long}`))
  await assert.rejects(create(), (error: Error) => {
    assert.match(error.message, /\[secret\] no such field x/)
    assert.ok(error.message.length < 500 && !error.message.includes('canary'))
    return true
  })
})

test('a secret is found through the escapes of JSON, and a number that looks like one stays', async (t) => {
  const world = await startFakeCrm()
  t.after(() => world[Symbol.asyncDispose]())
  const { connector, actions } = http.service('crm', {
    base: world.url,
    headers: { authorization: () => 'Bearer ca/na/ry', 'x-pin': () => '12345' },
    allow: ['127.0.0.1'],
    actions: {
      list: http.read({
        input: z.object({}),
        output: z.json(),
        title: () => 'List',
        request: () => ({ path: 'notes' }),
      }),
    },
  })
  const connection = await connector.open({ dataFolder: '/nowhere' })
  const signal = new AbortController().signal
  const list = () => actions.list.run({}, { key: 'k', token: 1, laneToken: null, proposedAt: 0, connection, signal })
  world.answerNext(status(200, {}, '{"ca\\/na\\/ry":"\\u0063a/na/ry","n":12345}'))
  assert.deepEqual(await list(), { '[secret]': '[secret]', n: 12345 })
  world.answerNext(status(400, {}, '{"you":"\\u0063a\\/na\\/ry"}'))
  await assert.rejects(list(), { message: /answered 400: \{"you":"\[secret\]"\}/ })
})

test('a secret that the service repeats in what it answers does not come into the record', async (t) => {
  const { world, create } = await opened(t)
  world.answerNext((request, response) => {
    const token = request.headers.authorization!.slice(7)
    response.end(JSON.stringify({ id: token, text: Buffer.from(token).toString('base64') }))
  })
  assert.deepEqual(await create(), { id: '[secret]', text: '[secret]' })
})

async function two(t: TestContext): Promise<{ other: FakeCrm } & Awaited<ReturnType<typeof opened>>> {
  const other = await startFakeCrm()
  t.after(() => other[Symbol.asyncDispose]())
  return { other, ...(await opened(t)) }
}

test('a read follows a redirect to another service without the credentials', async (t) => {
  const { other, world, get } = await two(t)
  world.answerNext(status(302, { location: `${other.url}notes/n9` }))
  other.answerNext(status(200, {}, '{"id":"n9","text":"There"}'))
  assert.deepEqual(await get(), { id: 'n9', text: 'There' })
  assert.equal(other.requests[0]!.headers.authorization, undefined)
})

test('a write is sent again where its own service says so, and to no other', async (t) => {
  const { other, world, create } = await two(t)
  for (const code of [307, 308]) {
    world.answerNext(status(code, { location: `${other.url}notes` }))
    await assert.rejects(create(), { kind: 'domain', code: 'http.redirect_refused' })
  }
  assert.deepEqual([other.requests.length, world.made()], [0, 0])
  world.answerNext(status(307, { location: '/v1/notes?new' }))
  assert.deepEqual(await create(), { id: 'n1', text: 'Hello' })
  assert.deepEqual(world.requests.at(-1)!.line, 'POST /v1/notes?new')
})

test('303 after a write leads to its answer', async (t) => {
  const { world, create } = await opened(t)
  await create()
  world.answerNext(status(303, { location: '/v1/notes/n1' }))
  assert.deepEqual(await create(), { id: 'n1', text: 'Hello' })
  assert.equal(world.made(), 1)
})

test('a write that was done stays one that may have happened, whatever becomes of its answer', async (t) => {
  const { world, create } = await opened(t)
  for (const answer of [
    status(429, { 'retry-after': '1' }),
    status(404),
    status(401),
    status(503, { 'retry-after': '1' }),
  ]) {
    world.answerNext(status(303, { location: '/v1/notes/n1' }))
    world.answerNext(answer)
    await assert.rejects(create(), { kind: 'uncertain', retryAfterMs: null })
  }
  for (const headers of [{ location: 'http://169.254.169.254/' }, { location: 'http://[::1]/' }, {}]) {
    world.answerNext(status(303, headers))
    await assert.rejects(create(), { kind: 'uncertain' })
  }
})

test('what is still under way at the service is not taken for absent', async (t) => {
  const { world } = await opened(t)
  const notes = world.notes as { id: string; text: string; key: string }[]
  const { connector, actions } = http.service('crm', {
    base: world.url,
    headers: { authorization: () => 'Bearer canary-1234' },
    allow: ['127.0.0.1'],
    actions: {
      createNote: http.write<{ text: string }, z.infer<typeof Note>>({
        risk: 'compensable',
        input: z.object({ text: z.string() }),
        output: Note,
        title: (i) => i.text,
        request: (i) => ({ method: 'POST', path: 'notes', body: i }),
        find: {
          request: (_, { key }) => ({ path: 'notes', query: { key } }),
          found: ({ body }) => (body as { notes: z.infer<typeof Note>[] }).notes[0] ?? null,
          absentAfterMs: 20,
        },
      }),
    },
  })
  const connection = await connector.open({ dataFolder: '/nowhere' })
  const { signal } = new AbortController()
  const ctx = { key: 'key-1', token: 1, laneToken: null, proposedAt: 0, connection, signal }
  const looked = () => actions.createNote.reconcile!({ text: 'Hello' }, ctx)
  assert.deepEqual(await looked(), { found: 'no' })
  // The service is slow: the write has its effect after the first look at it.
  world.answerNext((_, response) => {
    response.end('{"notes":[]}')
    notes.push({ id: 'n1', text: 'Hello', key: 'key-1' })
  })
  assert.deepEqual(await looked(), { found: 'yes', output: { id: 'n1', text: 'Hello' } })
})

test('every address on the way is checked, and the way is short', async (t) => {
  const { world, get } = await opened(t)
  for (const location of ['http://169.254.169.254/latest/meta-data', 'http://[::1]:80/', 'http://10.0.0.1/']) {
    world.answerNext(status(302, { location }))
    await assert.rejects(get(), { kind: 'domain', code: 'http.address_refused' })
  }
  for (let i = 0; i < 6; i++) world.answerNext(status(302, { location: `/v1/notes/${i}` }))
  await assert.rejects(get(), { kind: 'domain', code: 'http.redirects' })
})

test('without being allowed, a private address is refused before anything is sent', async (t) => {
  const world = await startFakeCrm()
  t.after(() => world[Symbol.asyncDispose]())
  for (const base of [world.url, world.url.replace('127.0.0.1', 'localhost')]) {
    const { connector, actions } = http.service('crm', {
      base,
      actions: {
        list: http.read({
          input: z.object({}),
          output: z.json(),
          title: () => 'List',
          request: () => ({ path: 'notes' }),
        }),
      },
    })
    const connection = await connector.open({ dataFolder: '/nowhere' })
    const signal = new AbortController().signal
    await assert.rejects(
      actions.list.run({}, { key: 'k', token: 1, laneToken: null, proposedAt: 0, connection, signal }),
      { kind: 'domain', code: 'http.address_refused' },
    )
  }
  assert.equal(world.requests.length, 0)
})

test('no input leads out of the base', async (t) => {
  const { world, get } = await opened(t)
  for (const id of ['..', '.', '']) await assert.rejects(get(id), { kind: 'domain', code: 'http.bad_path' })
  assert.equal(world.requests.length, 0)
  for (const id of ['../../admin', 'a/b', '%2e%2e', 'a?b#c', '\\\\evil.example'])
    await assert.rejects(get(id), { code: 'http.refused' })
  assert.ok(world.requests.every(({ line }) => line.startsWith('GET /v1/notes/') && !line.slice(14).includes('/')))
})

test('a path that is written by hand stays below the base too', () => {
  const going = (path: string) => {
    const { actions } = http.service('crm', {
      base: 'https://api.example.org/v1',
      actions: {
        go: http.read({ input: z.object({}), output: z.json(), title: () => 'Go', request: () => ({ path }) }),
      },
    })
    return actions.go.preview!({})
  }
  assert.deepEqual(going('/notes?all=1'), { method: 'GET', url: 'https://api.example.org/v1/notes?all=1' })
  for (const path of ['../v2/notes', 'a/../../x', 'a/%2e%2e/%2e%2e/x', '//../..', '..\\..\\x'])
    assert.throws(() => going(path), { code: 'http.bad_path' })
  for (const path of ['https://evil.example/', '//evil.example/', '\\\\evil.example'])
    assert.match((going(path) as { url: string }).url, /^https:\/\/api\.example\.org\/v1\//)
})

test('a base with credentials, and a secret that is not there or no header can carry, are refused by name', async () => {
  for (const base of [
    'https://user:canary@api.example.org/',
    'ftp://api.example.org/',
    'api.example.org',
    'https://a.example/?key=canary',
  ])
    assert.throws(
      () => http.service('crm', { base, actions: {} }),
      (error: Error & { code?: string }) => error.code === 'http.bad_base' && !error.message.includes('canary'),
    )
  const opening = (value: string | undefined) =>
    http
      .service('crm', { base: 'https://api.example.org/', headers: { authorization: () => value }, actions: {} })
      .connector.open({ dataFolder: '/nowhere' })
  await assert.rejects(opening(undefined), { code: 'http.secret_missing', message: /authorization/ })
  await assert.rejects(
    opening('canary\r\nx: y'),
    (error: Error & { code?: string }) => error.code === 'http.secret_invalid' && !error.message.includes('canary'),
  )
})

test('a secret is not sent where everybody can read it', () => {
  const made = (base: string, allow: readonly string[] = []) =>
    http.service('crm', { base, headers: { authorization: () => 'Bearer canary' }, allow, actions: {} })
  assert.throws(() => made('http://api.example.org/'), { code: 'http.not_encrypted' })
  assert.throws(() => made('http://10.1.2.3/', ['10.0.0.0/16']), { code: 'http.not_encrypted' })
  made('https://api.example.org/')
  made('http://10.1.2.3/', ['10.0.0.0/8'])
  made('http://crm.local/', ['crm.local'])
  http.service('crm', { base: 'http://api.example.org/', headers: { accept: 'text/json' }, actions: {} })
})

test('the shape of an answer is its keys and types, whatever the values and their number', () => {
  const shape = { notes: [{ id: 'string', tags: [], text: 'null|string' }], total: 'number' }
  assert.deepEqual(
    shapeOf({
      total: 1,
      notes: [
        { text: 'a', id: 'x', tags: [] },
        { id: 'y', text: null, tags: [] },
      ],
    }),
    shape,
  )
  assert.deepEqual(
    shapeOf({
      notes: [
        { id: 'z', text: null, tags: [] },
        { id: 'y', text: 'b', tags: [] },
      ],
      total: 7,
    }),
    shape,
  )
  assert.notDeepEqual(shapeOf({ notes: [{ id: 1, text: 'a', tags: [] }], total: 1 }), shape)
})
