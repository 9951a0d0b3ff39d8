import assert from 'node:assert/strict'
import { onEachStore } from '../each-store.ts'
import { Authenticator } from './authenticator.fixture.ts'
import { cookieOf, fromOurs, office, type Office } from './office.ts'

const ORIGIN = 'http://localhost'

async function challengeOf(o: Office, path: string, cookie?: string): Promise<string> {
  const options = await o.page(path, {}, cookie)
  assert.equal(options.status, 200, String(options.code))
  return String(options.body.challenge)
}

async function withPasskey(o: Office, name = 'laptop'): Promise<{ key: Authenticator; cookie: string }> {
  const cookie = await o.signedIn()
  const key = new Authenticator()
  const challenge = await challengeOf(o, '/access/passkeys/options', cookie)
  const added = await o.page('/access/passkeys', { response: key.create(challenge, ORIGIN, 'localhost'), name }, cookie)
  assert.deepEqual(added.body, { added: true })
  return { key, cookie }
}

onEachStore('a passkey signs in, again and again, and is removed', async (url) => {
  await using o = await office(url)
  const { key, cookie } = await withPasskey(o)
  assert.deepEqual((await o.get('/access/state')).body.methods, ['link', 'passkey'])
  for (let i = 0; i < 2; i++) {
    const challenge = await challengeOf(o, '/access/passkey/options')
    const own = cookieOf(await o.page('/access/passkey/sign-in', { response: key.get(challenge, ORIGIN, 'localhost') }))
    assert.equal((await o.get('/v1/status', fromOurs(own))).status, 200)
  }
  const [listed] = (await o.get('/access/passkeys', fromOurs(cookie))).body.items as { id: string; name: string }[]
  assert.equal(listed!.name, 'laptop')
  assert.equal((await o.page('/access/passkeys/remove', { id: listed!.id }, cookie)).status, 200)
  const challenge = await challengeOf(o, '/access/passkey/options')
  assert.equal(
    (await o.page('/access/passkey/sign-in', { response: key.get(challenge, ORIGIN, 'localhost') })).status,
    401,
  )
  assert.equal((await o.get('/access/state')).body.firstStart, true)
})

onEachStore('an answer that is not for this question, place or person signs nobody in', async (url) => {
  await using o = await office(url)
  const { key } = await withPasskey(o)
  const ask = () => challengeOf(o, '/access/passkey/options')
  const used = key.get(await ask(), ORIGIN, 'localhost')
  assert.equal((await o.page('/access/passkey/sign-in', { response: used })).status, 200)
  const stranger = new Authenticator()
  const other = key.get(await ask(), ORIGIN, 'localhost')
  const forged = { ...stranger.get(await ask(), ORIGIN, 'localhost'), id: other.id, rawId: other.rawId }
  const late = key.get(await ask(), ORIGIN, 'localhost')
  const wrong: readonly (readonly [string, object])[] = [
    ['the same answer again', used],
    ['a challenge that was never asked', key.get('bm9uZQ', ORIGIN, 'localhost')],
    ['a page of another origin', key.get(await ask(), 'https://evil.example', 'localhost')],
    ['a passkey for another name', key.get(await ask(), ORIGIN, 'evil.example')],
    ['nobody asked for a finger', key.get(await ask(), ORIGIN, 'localhost', { verified: false })],
    ['another key under the same id', forged],
    ['a passkey that nobody knows', stranger.get(await ask(), ORIGIN, 'localhost')],
    ['no answer at all', { id: other.id }],
  ]
  for (const [what, response] of wrong) {
    assert.equal((await o.page('/access/passkey/sign-in', { response })).code, 'access.sign_in', what)
    // Each is looked at for itself, and not put off.
    o.company.clock.jump(100_000)
  }
  o.company.clock.jump(300_000)
  assert.equal((await o.page('/access/passkey/sign-in', { response: late })).code, 'access.sign_in', 'too late')
})

onEachStore('a copy of an authenticator is noticed: its counter stands behind', async (url) => {
  await using o = await office(url)
  const { key } = await withPasskey(o)
  const challenge = await challengeOf(o, '/access/passkey/options')
  key.uses = 9
  assert.equal(
    (await o.page('/access/passkey/sign-in', { response: key.get(challenge, ORIGIN, 'localhost') })).status,
    200,
  )
  key.uses = 3
  const again = await challengeOf(o, '/access/passkey/options')
  assert.equal((await o.page('/access/passkey/sign-in', { response: key.get(again, ORIGIN, 'localhost') })).status, 401)
})

onEachStore('an address is no name: there the page is told where a passkey could be made', async (url) => {
  await using o = await office(url)
  const cookie = await o.signedIn()
  const there = { host: '127.0.0.1:7717', origin: 'http://127.0.0.1:7717' }
  const state = await o.get('/access/state', there)
  assert.deepEqual(state.body.passkeys, { here: false, at: 'http://localhost:7717/' })
  assert.equal((await o.post('/access/passkeys/options', {}, { ...there, cookie })).code, 'access.no_passkey_here')
})
