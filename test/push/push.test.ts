import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { beginSession, endSession } from '../../src/governance/access/sessions.ts'
import { workflow, z } from '../../src/index.ts'
import { actingFor } from '../../src/lib/caller.ts'
import { milliseconds, type Duration } from '../../src/lib/durations.ts'
import type { Says } from '../../src/governance/access/devices.ts'
import { testCompany, type TestCompanyOptions } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { PushService, type Browser } from './service.fixture.ts'

const ask = workflow(
  'ask',
  { input: z.object({ title: z.string(), deadline: z.string().optional() }) },
  (ctx, { title, deadline }) =>
    ctx.ask({ title, ...(deadline === undefined ? {} : { timeout: deadline as Duration }) }),
)

async function office(url: string | undefined, options: TestCompanyOptions = {}) {
  const company = await testCompany({
    workflows: [ask],
    pushToLoopback: true,
    ...(url === undefined ? {} : { url }),
    ...options,
  })
  const service = await new PushService().listen()
  const { open } = company
  return {
    company,
    service,
    /** A browser that is signed in and told from now on. */
    async device({ says = 'title' }: { says?: Says } = {}): Promise<Browser & { id: string; session: string }> {
      const browser = service.browser()
      const { row } = await beginSession(open.store, { method: 'link', token: null, address: '::1', agent: 'test' })
      const { id } = await actingFor({ actor: 'operator', scopes: 'admin', session: row.id }, () =>
        company.ask('pushSubscribe', { ...browser.subscription, name: 'Phone', says }),
      )
      await open.push.idle()
      return { ...browser, id, session: row.id }
    },
    async opens(...titles: string[]): Promise<void> {
      for (const title of titles) await company.run(ask, { title })
      await open.push.idle()
    },
    /** Time passes, and what is to be sent by then is. */
    async advance(by: Duration): Promise<void> {
      await company.advance(by)
      await open.push.idle()
    },
    /** A long time passes, as while a lid is closed. */
    async later(by: Duration): Promise<void> {
      company.clock.jump(milliseconds(by))
      await company.advance('1s')
      await open.push.idle()
    },
    read: (browser: Browser) => service.messages(browser, open.push.key),
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      await company[Symbol.asyncDispose]()
    },
  }
}

onEachStore('a gate is told to a device, encrypted and signed, and a burst is one message', async (url) => {
  await using o = await office(url)
  const phone = await o.device()
  await o.opens('Which logo?')
  assert.equal(o.service.received.length, 0)
  await o.advance('30s')
  const id = (await o.company.queue())[0]!.id
  assert.deepEqual(o.read(phone), [
    { title: 'A question', body: 'Which logo?', tag: 'waiting', url: `/queue?item=${id}` },
  ])
  const [{ headers, body }] = o.service.received as [(typeof o.service.received)[0]]
  assert.deepEqual(
    [headers['content-encoding'], headers.ttl, headers.urgency, /^[\w-]{1,32}$/.test(headers.topic as string)],
    ['aes128gcm', '604800', 'normal', true],
  )
  assert.doesNotMatch(body.toString('latin1') + JSON.stringify(headers), /logo/)
  await o.opens(...Array.from({ length: 7 }, (_, n) => `Question ${n}`))
  await o.later('9m')
  assert.equal(o.service.received.length, 1)
  await o.advance('1m')
  assert.deepEqual(o.read(phone)[1], {
    title: '7 new items wait for you',
    body: 'Question 0\nQuestion 1\nQuestion 2\nand 4 more',
    tag: 'waiting',
    url: `/queue?item=${(await o.company.queue())[1]!.id}`,
  })
  await o.later('1d')
  assert.equal(o.service.received.length, 2)
  await o.company.check()
})

onEachStore('what is urgent is told at once; what comes back, or becomes urgent, once more', async (url) => {
  await using o = await office(url)
  const phone = await o.device()
  await o.company.run(ask, { title: 'Today?', deadline: '2h' })
  await o.company.run(ask, { title: 'Tomorrow?', deadline: '1d' })
  await o.opens()
  await o.advance('3s')
  assert.deepEqual(
    o.read(phone).map(({ title, tag }) => [title, tag]),
    [['2 new items wait for you', 'urgent']],
  )
  assert.equal(o.service.received[0]!.headers.urgency, 'high')
  assert.ok(Math.abs(Number(o.service.received[0]!.headers.ttl) - 86_400) < 60)
  const tomorrow = (await o.company.queue()).find((g) => g.title === 'Tomorrow?')!
  await o.company.ask('snooze', { id: tomorrow.id, until: o.company.clock.now() + 10 * 3_600_000 })
  await o.later('9h')
  assert.equal(o.service.received.length, 1)
  await o.later('2h')
  assert.equal(o.read(phone)[1]!.body, 'Tomorrow?\nUntil 2026-11-03 09:00.')
  await o.later('10h')
  assert.deepEqual([o.read(phone).length, o.read(phone)[2]!.tag], [3, 'urgent'])
  await o.later('2d')
  assert.equal(o.service.received.length, 3)
})

onEachStore('what was decided before it was told is told to nobody', async (url) => {
  await using o = await office(url)
  await o.device()
  await o.opens('Which logo?')
  await o.company.decide('answer', { value: 'new' })
  await o.later('1d')
  assert.equal(o.service.received.length, 0)
})

test('nothing is told in quiet hours and while one is away, but what would end before quiet hours do', async () => {
  // 09:00 UTC is when the clock of a test begins.
  await using o = await office(undefined, { attention: { quiet: { from: '09:00', to: '17:00' } } })
  const phone = await o.device()
  await o.opens('Which logo?')
  await o.advance('1h')
  assert.equal(o.service.received.length, 0)
  await o.company.run(ask, { title: 'By noon?', deadline: '2h' })
  await o.advance('1m')
  assert.equal(o.read(phone)[0]!.body, 'By noon?\nWhich logo?')
  await o.opens('And the font?')
  await o.later('5h')
  assert.equal(o.service.received.length, 1)
  await o.later('2h')
  assert.equal(o.read(phone)[1]!.body, 'And the font?\n1 more waits in the queue.')
  await o.company.ask('leave', { until: '2026-11-05' })
  await o.company.run(ask, { title: 'Today?', deadline: '1h' })
  await o.opens('And the colour?')
  await o.later('1d')
  assert.equal(o.service.received.length, 2)
  await o.company.ask('comeBack', {})
  await o.later('1d')
  assert.equal(o.read(phone)[2]!.body.split('\n')[0], 'And the colour?')
})

test('words of outsiders are plain text, cut; where only a count is to be said, and when nobody is signed in, none are', async () => {
  await using o = await office(undefined)
  const phone = await o.device()
  const watch = await o.device({ says: 'count' })
  const evil = 'Pay\u202e eve\u0000\n\u200b<b>now</b> \ud800 ' + '🦉'.repeat(4_000)
  await o.opens(evil)
  await o.advance('30s')
  const { body } = o.read(phone)[0]!
  assert.equal(body, `Pay eve\ufffd <b>now</b> \ufffd ${'🦉'.repeat(87)}…`)
  assert.deepEqual([o.read(watch)[0]!.title, o.read(watch)[0]!.body], ['A new item waits for you', ''])
  await o.opens(evil, evil, evil, evil)
  // The session ends by itself: nobody came by for a week.
  await o.later('8d')
  await o.opens('Secret?')
  await o.later('10m')
  assert.equal(o.read(phone).length, 3)
  assert.deepEqual(
    o.read(phone).map(({ body: said }) => said.includes('Secret')),
    [false, false, false],
  )
  assert.equal(o.read(phone)[2]!.body, '5 more wait in the queue.')
})

onEachStore('a service that is busy or gone is asked again, and no more than it wants', async (url) => {
  await using o = await office(url)
  const phone = await o.device()
  o.service.script = [[429, { 'retry-after': '120' }], 503, 503]
  await o.opens('Which logo?')
  await o.advance('30s')
  assert.equal(o.service.received.length, 1)
  assert.equal((await o.company.ask('pushDevices', {}))[0]!.error, `${new URL(o.service.url).host} answered 429`)
  await o.advance('119s')
  assert.equal(o.service.received.length, 1)
  await o.advance('1s')
  assert.equal(o.service.received.length, 2)
  // Longer each time: 60 s after the second failure, 120 s after the third.
  await o.opens('And the font?')
  await o.advance('59s')
  assert.equal(o.service.received.length, 2)
  await o.advance('1s')
  assert.equal(o.service.received.length, 3)
  await o.advance('2m')
  assert.deepEqual([o.service.received.length, o.read(phone)[3]!.title], [4, '2 new items wait for you'])
  assert.equal((await o.company.ask('pushDevices', {}))[0]!.error, null)
  await o.later('1d')
  assert.equal(o.service.received.length, 4)
})

onEachStore('a browser that is gone is removed; one whose message is refused is told to the operator', async (url) => {
  await using o = await office(url)
  await o.device()
  const other = await o.device()
  o.service.script = [410, 403]
  await o.opens('Which logo?')
  await o.advance('30s')
  const left = await o.company.ask('pushDevices', {})
  assert.deepEqual(left.length, 1)
  assert.match(left[0]!.error!, /answered 403$/)
  await o.later('1d')
  assert.equal(o.service.received.length, 2)
  o.service.script = [403, 410]
  const refused = o.company.ask('pushTest', { id: left[0]!.id })
  await assert.rejects(refused, { code: 'push.refused' })
  await assert.rejects(o.company.ask('pushTest', { id: left[0]!.id }), { code: 'push.gone' })
  assert.deepEqual(await o.company.ask('pushDevices', {}), [])
  const { items } = await o.company.ask('ledger', { kind: 'access.device@1' })
  assert.deepEqual(
    items.map((e) => (e.body as { what: string }).what),
    ['removed', 'removed', 'added', 'added'],
  )
  // Where messages go stands in no event, with or without its private part.
  const rows = await o.company.open.store.engine.queryText('select body, private from event', [])
  assert.doesNotMatch(JSON.stringify(rows), /secret-|127\.0\.0\.1/)
  assert.equal(other.endpoint.includes('secret-2'), true)
  await o.company.check()
})

onEachStore('a device goes with its session, and comes back under the next only where it is known', async (url) => {
  await using o = await office(url)
  const { store } = o.company.open
  const phone = await o.device()
  const laptop = await o.device()
  await endSession(store, phone.session, 'ended')
  const left = await o.company.ask('pushDevices', {})
  assert.deepEqual(
    left.map((d) => d.id),
    [laptop.id],
  )
  const { row } = await beginSession(store, { method: 'link', token: null, address: '::1', agent: 'test' })
  const asNext = <R>(act: () => R) => actingFor({ actor: 'operator', scopes: 'admin', session: row.id }, act)
  const renew = (given: object) => asNext(() => o.company.ask('pushRenew', { ...laptop.subscription, ...given }))
  assert.deepEqual(await asNext(() => o.company.ask('pushRenew', phone.subscription)), { id: null })
  const moved = `${laptop.endpoint}-moved`
  assert.deepEqual(await renew({ endpoint: moved, replaces: laptop.endpoint }), { id: laptop.id })
  assert.deepEqual(await renew({}), { id: null })
  await o.opens('Which logo?')
  await o.advance('30s')
  assert.deepEqual(
    o.service.received.map((r) => r.path),
    [new URL(moved).pathname],
  )
  assert.equal((await asNext(() => o.company.ask('pushDevices', {})))[0]!.current, true)
  await o.company.ask('sessionEnd', { id: 'all' })
  assert.deepEqual(await o.company.ask('pushDevices', {}), [])
  await o.opens('And the font?')
  await o.advance('1h')
  assert.equal(o.service.received.length, 1)
  await o.company.check()
})

test('a browser is the operator’s, is on the internet, and there are twenty at most', async () => {
  await using o = await office(undefined)
  const { subscription } = o.service.browser()
  const given = { ...subscription, name: 'Phone', says: 'title' as const }
  const as = (actor: string, session?: string) =>
    actingFor({ actor, scopes: 'admin', ...(session ? { session } : {}) }, () => o.company.ask('pushSubscribe', given))
  await assert.rejects(as('token:tok_1', 'ses_1'), { code: 'access.scope' })
  await assert.rejects(as('guest:tok_1', 'ses_1'), { code: 'access.scope' })
  await assert.rejects(as('operator'), { code: 'push.no_session' })
  given.auth = 'short'
  await assert.rejects(as('operator', 'ses_1'), { code: 'push.bad_keys' })
  for (let n = 0; n < 20; n++) await o.device()
  await assert.rejects(o.device(), { code: 'push.too_many' })
  const { id } = (await o.company.ask('pushDevices', {}))[0]!
  await o.company.ask('pushUnsubscribe', { id })
  await assert.rejects(o.company.ask('pushUnsubscribe', { id }), { code: 'push.not_found' })
  await o.device()
})

test('where messages may not go: what is no public https address', async () => {
  await using company = await testCompany({ workflows: [ask] })
  await using service = await new PushService().listen()
  const { subscription } = service.browser()
  for (const endpoint of [
    'http://push.example.org/x',
    'https://127.0.0.1/x',
    'https://localhost/x',
    'https://10.0.0.1/x',
    'https://[::1]/x',
    'https://[::ffff:169.254.169.254]/x',
    'https://0x7f.1/x',
    'https://printer.local/x',
    'https://intranet/x',
    'https://me@push.example.org/x',
    'javascript:alert(1)',
    `https://push.example.org/${'x'.repeat(1_000)}`,
  ])
    await assert.rejects(
      actingFor({ actor: 'operator', scopes: 'admin', session: 'ses_1' }, () =>
        company.ask('pushSubscribe', { ...subscription, endpoint, name: 'Phone', says: 'title' }),
      ),
      (error: { code: string; message: string }) =>
        /^(push\.bad_endpoint|operation\.bad_arguments)$/.test(error.code) && !error.message.includes(endpoint),
      endpoint,
    )
})

test('the key is made at the first start, for its owner only, and stays', async () => {
  await using o = await office(undefined)
  const file = join(o.company.folder, 'data', 'keys', 'push.key')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const { key } = await o.company.ask('pushKey', {})
  assert.equal(Buffer.from(key, 'base64url').length, 65)
  await o.company.close()
  await using again = await testCompany({ folder: o.company.folder })
  assert.equal(again.open.push.key, key)
  assert.match(await readFile(file, 'utf8'), /^-----BEGIN PRIVATE KEY/)
})

test('what is gathered when the company stops is told, and not again', async () => {
  await using o = await office(undefined)
  const phone = await o.device()
  await o.opens('Which logo?', 'Which font?')
  await o.company.close()
  assert.deepEqual(
    o.read(phone).map((m) => m.title),
    ['2 new items wait for you'],
  )
  await using again = await testCompany({
    workflows: [ask],
    folder: o.company.folder,
    clock: o.company.clock,
    pushToLoopback: true,
  })
  await again.advance('1h')
  await again.open.push.idle()
  assert.equal(o.service.received.length, 1)
})
