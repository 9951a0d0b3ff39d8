/** How the operator and guests come in, what is kept of that, and what somebody who guesses meets. */
import assert from 'node:assert/strict'
import { setPassword } from '../../src/governance/access/credentials.ts'
import { placeOf } from '../../src/server/access/place.ts'
import { onEachStore } from '../each-store.ts'
import { bearer, cookieOf, fromOurs, office, OWNER, PASSWORD } from './office.ts'

onEachStore('a link signs in once, within the hour, and a newer one takes its place', async (url) => {
  await using o = await office(url)
  const first = await o.link()
  const key = await o.link()
  assert.equal((await o.page('/access/first', { key: first })).code, 'access.sign_in')
  const state = await o.get('/access/state')
  assert.deepEqual(
    [state.body.signedIn, state.body.firstStart, state.body.caller, state.body.methods],
    [false, true, null, ['link']],
  )
  const cookie = cookieOf(await o.page('/access/first', { key }))
  assert.equal((await o.page('/access/first', { key })).code, 'access.sign_in')
  assert.equal((await o.get('/v1/status', fromOurs(cookie))).status, 200)
  const late = await o.link()
  o.company.clock.jump(3_600_000)
  assert.equal((await o.page('/access/first', { key: late })).code, 'access.sign_in')
})

onEachStore('two at the same moment: one link signs in one of them', async (url) => {
  await using o = await office(url)
  const key = await o.link()
  const answers = await Promise.all(Array.from({ length: 5 }, () => o.page('/access/first', { key })))
  assert.deepEqual(
    answers.map((a) => a.status).sort((a, b) => a - b),
    [200, 401, 401, 401, 401],
  )
})

onEachStore('the first sign-in can set a password; one that is weak costs nothing', async (url) => {
  await using o = await office(url)
  const key = await o.link()
  for (const password of ['short', 'aaaaaaaaaaaaaaaaaaaa', 'x'.repeat(1_001)])
    assert.equal((await o.page('/access/first', { key, password })).code, 'access.weak_password')
  const first = cookieOf(await o.page('/access/first', { key, password: PASSWORD }))
  assert.deepEqual((await o.get('/access/state')).body.methods, ['link', 'password'])
  assert.equal((await o.page('/access/sign-in', { password: `${PASSWORD}.` })).code, 'access.sign_in')
  // The same letters, composed in another way.
  const second = cookieOf(await o.page('/access/sign-in', { password: PASSWORD.normalize('NFD') }))
  // Whoever has the old one is out when it changes, but for whoever changed it.
  const changed = await o.page('/access/password', { password: `${PASSWORD}, again` }, second)
  assert.deepEqual(changed.body, { ended: 1 })
  assert.equal((await o.get('/v1/status', fromOurs(first))).code, 'access.unauthorized')
  assert.equal((await o.get('/v1/status', fromOurs(second))).status, 200)
  assert.equal((await o.page('/access/sign-in', { password: PASSWORD })).code, 'access.sign_in')
})

onEachStore(
  'a cookie that somebody planted is never signed in, and signing in again ends what was there',
  async (url) => {
    await using o = await office(url)
    const name = o.access.cookie
    const planted = `${name}=fcs_${'B'.repeat(43)}`
    const signed = await o.send('POST', '/access/first', fromOurs(planted), { key: await o.link() })
    const own = cookieOf(signed)
    assert.notEqual(own, planted)
    assert.match(signed.headers.getSetCookie()[0]!, /; Path=\/; HttpOnly; SameSite=Strict$/)
    assert.equal((await o.get('/v1/status', fromOurs(planted))).code, 'access.unauthorized')
    const again = cookieOf(await o.page('/access/first', { key: await o.link() }, own))
    assert.equal((await o.get('/v1/status', fromOurs(own))).code, 'access.unauthorized')
    assert.equal((await o.get('/v1/status', fromOurs(again))).status, 200)
  },
)

onEachStore('how one signs in changes only soon after signing in', async (url) => {
  await using o = await office(url)
  const cookie = await o.signedIn()
  o.company.clock.jump(15 * 60_000 + 1)
  for (const path of ['/access/password', '/access/passkeys', '/access/passkeys/options', '/access/passkeys/remove'])
    assert.equal((await o.page(path, { password: PASSWORD }, cookie)).code, 'access.not_fresh', path)
  assert.equal((await o.page('/access/sessions/end', { id: 'others' }, cookie)).status, 200)
})

onEachStore('sessions are listed with where from, and end one by one or all others', async (url) => {
  await using o = await office(url)
  const own = await o.signedIn()
  const other = await o.signedIn()
  const third = await o.signedIn()
  const listed = (await o.get('/access/sessions', fromOurs(own))).body.items as {
    id: string
    current: boolean
    method: string
  }[]
  assert.equal(listed.length, 3)
  assert.deepEqual(listed.filter((s) => s.current).length, 1)
  const newest = listed.find((s) => !s.current)!
  assert.deepEqual((await o.page('/access/sessions/end', { id: newest.id }, own)).body, { ended: 1 })
  assert.equal((await o.page('/access/sessions/end', { id: newest.id }, own)).code, 'access.not_found')
  assert.deepEqual((await o.page('/access/sessions/end', { id: 'others' }, own)).body, { ended: 1 })
  for (const cookie of [other, third]) assert.equal((await o.get('/v1/status', fromOurs(cookie))).status, 401)
  assert.equal((await o.get('/v1/status', fromOurs(own))).status, 200)
})

onEachStore(
  'whoever guesses waits, wherever else they come from too, and the right word does not help meanwhile',
  async (url) => {
    const place = placeOf({ isPublic: true, proxy: 'https://office.example' })
    await using o = await office(url, place)
    await setPassword(o.company.open.store, PASSWORD)
    const from = (address: string) => ({ origin: 'https://office.example', 'x-forwarded-for': `1.2.3.4, ${address}` })
    const guess = (address: string, password: string) => o.post('/access/sign-in', { password }, from(address))
    // Whatever way in fails counts.
    const fail = (address: string) => o.post('/access/guest', { key: 'fcg_no' }, from(address))
    for (let i = 0; i < 9; i++) assert.equal((await fail('203.0.113.9')).status, 401)
    assert.equal((await guess('203.0.113.9', `${PASSWORD}?`)).status, 401)
    const locked = await guess('203.0.113.9', PASSWORD)
    assert.deepEqual([locked.status, locked.code], [429, 'access.rate'])
    assert.ok(Number(locked.headers.get('retry-after')) > 0)
    // A network of IPv6 is one address; what a client writes before its own address is not.
    for (let i = 0; i < 10; i++) await fail(`2001:db8:0:1::${i}`)
    assert.equal((await guess('2001:db8:0:1:ffff::1', PASSWORD)).status, 429)
    assert.equal((await guess('2001:db8:0:2::1', PASSWORD)).status, 200)
    assert.equal((await guess('198.51.100.1', PASSWORD)).status, 200)
    o.company.clock.jump(15 * 60_000)
    assert.equal((await guess('203.0.113.9', PASSWORD)).status, 200)
  },
)

onEachStore(
  'behind a proxy it goes by the public name, and the cookie is for https and this host alone',
  async (url) => {
    await using o = await office(url, placeOf({ isPublic: true, proxy: 'https://office.example' }))
    const headers = { host: 'office.example', origin: 'https://office.example', 'sec-fetch-site': 'same-origin' }
    const signed = await o.post('/access/first', { key: await o.link() }, headers)
    assert.match(
      signed.headers.getSetCookie()[0]!,
      /^__Host-factotum_co_\w+=fcs_[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
    assert.equal(signed.headers.get('strict-transport-security'), 'max-age=31536000')
    const cookie = cookieOf(signed)
    assert.equal((await o.get('/v1/status', { host: 'office.example', cookie })).status, 200)
    assert.equal((await o.get('/v1/status', { host: 'other.example', cookie })).code, 'access.host')
    assert.equal(
      (await o.post('/v1/pause', {}, { ...headers, cookie, origin: 'https://other.example' })).code,
      'access.origin',
    )
  },
)

onEachStore('a guest who comes in again and again signs out nobody else and fills nothing', async (url) => {
  await using o = await office(url)
  const cookie = await o.signedIn()
  const { secret } = await o.company.ask('guestAdd', { name: 'Ms Account' })
  const answers: number[] = []
  for (let i = 0; i < 25; i++) answers.push((await o.page('/access/guest', { key: secret })).status)
  assert.deepEqual([answers.filter((s) => s === 200).length, answers.at(-1)], [20, 429])
  for (let hour = 0; hour < 4; hour++) {
    o.company.clock.jump(3_600_000)
    for (let i = 0; i < 20; i++) assert.equal((await o.page('/access/guest', { key: secret })).status, 200)
  }
  const sessions = await o.company.ask('sessions', {})
  assert.deepEqual([sessions.length, sessions.filter((s) => s.guest === null).length], [51, 1])
  assert.equal((await o.get('/v1/status', fromOurs(cookie))).status, 200)
})

onEachStore('too many requests of one token, or of one address of the network, are put off', async (url) => {
  await using o = await office(url, placeOf({ isPublic: true, proxy: 'https://office.example' }))
  const { secret } = await o.company.ask('tokenAdd', { name: 'busy', scope: 'read' })
  const answers: number[] = []
  for (let i = 0; i < 510; i++) {
    const address = { 'x-forwarded-for': `10.0.${i % 250}.1` }
    answers.push((await o.get('/v1/pauses', { ...bearer(secret), ...address })).status)
  }
  assert.deepEqual([answers.indexOf(429), answers.filter((s) => s === 200).length], [500, 500])
  assert.equal((await o.get('/v1/pauses', { ...bearer(OWNER), 'x-forwarded-for': '10.9.9.9' })).status, 200)
  let refused = 0
  for (let i = 0; i < 1_100; i++)
    if ((await o.get('/healthz', { 'x-forwarded-for': '192.0.2.1' })).status === 429) refused++
  assert.equal(refused, 100)
})
