/**
 * Every route, as everybody who is not to use it: without a token, with each scope, as a guest, with a token that was revoked
 * or has expired, with a session that is over, from a foreign page. What is refused is refused before anything is read.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCOPES } from '../../src/lib/caller.ts'
import { NOT_FOR_GUESTS } from '../../src/server/access/protect.ts'
import { app } from '../../src/server/http/app.ts'
import { EventStream } from '../../src/server/http/stream.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { bearer, fromOurs, office, OWNER, PASSWORD, ROUTES, cookieOf } from './office.ts'

/** Beside the operations: what people come in by, and what only the operator may. */
const OPERATOR_ONLY = [
  ['GET', '/access/sessions'],
  ['GET', '/access/passkeys'],
  ['POST', '/access/sessions/end'],
  ['POST', '/access/password'],
  ['POST', '/access/passkeys'],
  ['POST', '/access/passkeys/options'],
  ['POST', '/access/passkeys/remove'],
] as const
const WAYS_IN = ['first', 'sign-in', 'guest', 'passkey/options', 'passkey/sign-in', 'sign-out'] as const

onEachStore('without a token, nothing below /v1 and nothing of the operator’s is told or done', async (url) => {
  await using o = await office(url)
  for (const { method, path } of [
    ...ROUTES,
    { method: 'GET', path: '/v1/events' },
    { method: 'PUT', path: '/v1/status' },
  ]) {
    const answer = await o.send(method, path)
    assert.deepEqual([answer.status, answer.code], [401, 'access.unauthorized'], path)
  }
  for (const [method, path] of OPERATOR_ONLY) {
    const answer = await o.send(method, path)
    assert.deepEqual([answer.status, answer.code], [401, 'access.unauthorized'], path)
  }
  assert.equal(await o.company.open.store.engine.head(), 0)
})

onEachStore('each scope opens what it says and those before it, and nothing after', async (url) => {
  await using o = await office(url)
  const before = await o.company.open.store.engine.head()
  for (const own of SCOPES) {
    const { secret } = await o.company.ask('tokenAdd', { name: own, scope: own })
    for (const { name, method, path, scope } of ROUTES) {
      // What it does is another test's: here only that the door is open, or is not.
      if (SCOPES.indexOf(scope) <= SCOPES.indexOf(own)) continue
      const answer = await o.send(method, path, bearer(secret), 'not JSON')
      assert.deepEqual([answer.status, answer.code], [403, 'access.scope'], `${own}: ${name}`)
    }
    const decoded = await o.send('GET', '/v1/%64octor', bearer(secret))
    assert.equal(decoded.code, own === 'admin' ? undefined : 'access.scope', 'a name in disguise')
    for (const { name, path, scope } of ROUTES.filter((r) => r.method === 'POST')) {
      if (SCOPES.indexOf(scope) > SCOPES.indexOf(own)) continue
      const answer = await o.send('POST', path, bearer(secret), 'not JSON')
      assert.equal(answer.code, 'http.bad_json', `${own}: ${name}`)
    }
    for (const [method, path] of OPERATOR_ONLY)
      assert.equal((await o.send(method, path, bearer(secret))).code, 'access.scope', `${own}: ${path}`)
    o.company.clock.jump(60_000)
  }
  assert.equal((await o.get('/v1/status', bearer(OWNER))).status, 200)
  assert.ok((await o.company.open.store.engine.head()) > before)
})

onEachStore('a token that was revoked or has expired opens nothing', async (url) => {
  await using o = await office(url)
  const revoked = await o.company.ask('tokenAdd', { name: 'gone', scope: 'admin' })
  await o.company.ask('tokenRevoke', { id: revoked.id })
  const expired = await o.company.ask('tokenAdd', { name: 'late', scope: 'admin', until: '1h' })
  assert.equal((await o.get('/v1/status', bearer(expired.secret))).status, 200)
  o.company.clock.jump(3_600_000)
  for (const { method, path } of ROUTES)
    for (const { secret } of [revoked, expired])
      assert.equal((await o.send(method, path, bearer(secret))).code, 'access.unauthorized', path)
  const states = (await o.company.ask('tokens', {})).map((t) => t.state)
  assert.deepEqual(states, ['expired', 'revoked'])
  await assert.rejects(o.company.ask('tokenRevoke', { id: revoked.id }), { code: 'access.revoked' })
})

onEachStore('a guest looks, but not at what people wrote, and changes nothing', async (url) => {
  await using o = await office(url)
  const guest = await o.company.ask('guestAdd', { name: 'Ms Account', until: '7d' })
  const cookie = cookieOf(await o.page('/access/guest', { key: guest.secret }))
  const state = await o.get('/access/state', fromOurs(cookie))
  const { may, ...caller } = state.body.caller as { may: string[] }
  assert.deepEqual(caller, { actor: `guest:${guest.id}`, scopes: 'read', name: 'Ms Account' })
  const open = new Set<string>()
  for (const { name, method, path, scope } of ROUTES) {
    const { code } = await o.send(method, path, fromOurs(cookie), 'not JSON')
    if (scope !== 'read') assert.equal(code, 'access.scope', name)
    else if (NOT_FOR_GUESTS.has(name)) assert.equal(code, 'access.guest', name)
    else {
      assert.ok(!code?.startsWith('access.'), name)
      open.add(name)
    }
  }
  // What the console offers is what is open, neither more nor less.
  assert.deepEqual(new Set(may), open)
  for (const [method, path] of OPERATOR_ONLY)
    assert.equal((await o.send(method, path, fromOurs(cookie))).code, 'access.scope', path)
  // The link is for a browser: no program can use it.
  assert.equal((await o.get('/v1/status', bearer(guest.secret))).code, 'access.unauthorized')
  await o.company.ask('tokenRevoke', { id: guest.id })
  assert.equal((await o.get('/v1/status', fromOurs(cookie))).code, 'access.unauthorized')
  assert.equal((await o.page('/access/guest', { key: guest.secret })).code, 'access.sign_in')
})

onEachStore('a session that is over opens nothing: by time, by the operator, by signing out', async (url) => {
  await using o = await office(url)
  const idle = await o.signedIn()
  assert.equal((await o.get('/v1/status', fromOurs(idle))).status, 200)
  o.company.clock.jump(7 * 86_400_000)
  const ended = await o.signedIn()
  const [row] = await o.company.ask('sessions', {})
  await o.company.ask('sessionEnd', { id: row!.id })
  const left = await o.signedIn()
  assert.equal((await o.page('/access/sign-out', {}, left)).status, 200)
  const forged = `${left.split('=')[0]}=fcs_${'A'.repeat(43)}`
  for (const cookie of [idle, ended, left, forged]) {
    for (const { method, path } of ROUTES)
      assert.equal((await o.send(method, path, fromOurs(cookie))).code, 'access.unauthorized', path)
    for (const [method, path] of OPERATOR_ONLY)
      assert.equal((await o.send(method, path, fromOurs(cookie))).code, 'access.unauthorized', path)
  }
  assert.deepEqual(await o.company.ask('sessions', {}), [])
})

onEachStore('somebody who keeps coming back is signed out after a month', async (url) => {
  await using o = await office(url)
  const cookie = await o.signedIn()
  for (let day = 0; day < 29; day++) {
    o.company.clock.jump(86_400_000)
    assert.equal((await o.get('/v1/status', fromOurs(cookie))).status, 200)
  }
  o.company.clock.jump(86_400_000)
  assert.equal((await o.get('/v1/status', fromOurs(cookie))).code, 'access.unauthorized')
})

const FOREIGN: readonly (readonly [string, Record<string, string>])[] = [
  ['another origin', { origin: 'https://evil.example' }],
  ['another origin that looks alike', { origin: 'http://localhost.evil.example' }],
  ['another port of this machine', { origin: 'http://localhost:8080' }],
  ['https instead of http', { origin: 'https://localhost' }],
  ['no origin that can be named', { origin: 'null' }],
  ['a site that says so', { 'sec-fetch-site': 'cross-site' }],
  ['a site of the same domain', { 'sec-fetch-site': 'same-site', origin: 'http://localhost' }],
]

onEachStore('a foreign page does and is told nothing, though the browser sends the cookie', async (url) => {
  await using o = await office(url)
  const cookie = await o.signedIn()
  const head = await o.company.open.store.engine.head()
  for (const [what, headers] of FOREIGN) {
    for (const { method, path } of [...ROUTES, ...WAYS_IN.map((way) => ({ method: 'POST', path: `/access/${way}` }))]) {
      const answer = await o.send(method, path, { ...headers, cookie })
      assert.deepEqual([answer.status, answer.code], [403, 'access.origin'], `${what}: ${path}`)
    }
    assert.equal((await o.get('/access/state', { ...headers, cookie })).code, 'access.origin', what)
  }
  const doing = ROUTES.filter((r) => r.method === 'POST')
  for (const { path } of doing) {
    assert.equal((await o.post(path, {}, { cookie })).code, 'access.origin', 'a browser that does not say from where')
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp'])
      assert.equal((await o.post(path, {}, { ...fromOurs(cookie), 'content-type': type })).code, 'access.content_type')
  }
  await o.access.refusals.flush()
  const kinds = await o.company.open.store.engine.queryText(`select distinct kind from event where seq >= ${head}`, [])
  assert.deepEqual(
    kinds.map((k) => k.kind),
    ['access.refused@1'],
  )
})

onEachStore(
  'a name that is not ours is answered nothing: a page cannot come in by renaming this machine',
  async (url) => {
    await using o = await office(url)
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'evil.example:7717',
      '10.0.0.7',
      '127.0.0.1.evil.example',
      'localhost@evil.example',
      '',
    ])
      for (const path of ['/', '/healthz', '/v1/status', '/access/state'])
        assert.deepEqual([(await o.get(path, { host, ...bearer(OWNER) })).code], ['access.host'], `${host} ${path}`)
    for (const host of ['localhost', 'localhost:7717', '127.0.0.1:1', '[::1]:7717', 'LOCALHOST'])
      assert.equal((await o.get('/v1/status', { host, ...bearer(OWNER) })).status, 200, host)
  },
)

onEachStore('every answer carries the policy and the headers, refusals and errors too', async (url) => {
  await using o = await office(url)
  const answers = [
    await o.get('/healthz'),
    await o.get('/nowhere.js'),
    await o.get('/v1/status', bearer(OWNER)),
    await o.get('/v1/status'),
    await o.get('/v1/run?id=run_none', bearer(OWNER)),
    await o.get('/', { host: 'evil.example' }),
    await o.post('/v1/start', `{"x":"${'x'.repeat(5_000_000)}"}`, bearer(OWNER)),
    await o.page('/access/sign-in', { password: PASSWORD }),
  ]
  assert.deepEqual(
    answers.map((a) => a.status),
    [200, 404, 200, 401, 404, 421, 413, 401],
  )
  for (const { headers, status } of answers) {
    assert.match(headers.get('content-security-policy')!, /^default-src 'none'; script-src 'self'; style-src 'self';/)
    assert.doesNotMatch(headers.get('content-security-policy')!, /unsafe|\*|http/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff', String(status))
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
    assert.equal(headers.get('x-frame-options'), 'DENY')
    assert.equal(headers.get('access-control-allow-origin'), null)
    assert.equal(headers.get('strict-transport-security'), null)
  }
  assert.equal(answers[2]!.headers.get('cache-control'), 'no-store')
})

test('a stream ends when whoever listens may not any more', async () => {
  await using company = await testCompany({})
  const stream = new EventStream(company.open.store, 10)
  const http = app(company.open, 'owner', stream)
  const { id, secret } = await company.ask('tokenAdd', { name: 'ear', scope: 'read' })
  const answer = await http.request('/v1/events', { headers: { authorization: `Bearer ${secret}`, host: 'localhost' } })
  assert.equal(answer.status, 200)
  const heard = answer.text()
  await company.ask('tokenRevoke', { id })
  // It would not end otherwise.
  assert.match(await heard, /event: head/)
  assert.equal(stream.readers, 0)
  await stream.close()
})
