import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, openShop, policyFolder, reopenShop, Shop, slow, states, type Behaviour } from '../../test/shop.ts'
import type { TestCompany } from '../testing.ts'
import { ActionError } from './action.ts'

const RUN_ALL = '@id("all") permit (principal, action, resource);'

async function opened(shop: Shop, url?: string): Promise<TestCompany> {
  return openShop(shop, url, { folder: await policyFolder(RUN_ALL) })
}

async function buyMany(c: TestCompany, n: number, verb = 'order'): Promise<void> {
  for (let i = 0; i < n; i++) await c.ask('start', { workflow: 'buy', input: [{ verb, item: `i${i}` }] })
  await c.idle()
}

onEachStore('no more than so many a minute, and as many as that', async (url) => {
  const shop = new Shop()
  shop.limits = { perMinute: 3 }
  await using c = await opened(shop, url)
  const begun: number[] = []
  const start = c.clock.now()
  shop.script = Array.from({ length: 10 }, (): Behaviour => () => {
    begun.push(c.clock.now() - start)
    return { ref: 'x' }
  })
  await buyMany(c, 10)
  assert.equal(begun.length, 3)
  await c.advance('3m')
  assert.deepEqual(
    begun.map((ms) => Math.floor(ms / 60_000)),
    [0, 0, 0, 1, 1, 1, 2, 2, 2, 3],
    'a limit is not a reason to be slower than it',
  )
  for (const at of begun) assert.ok(begun.filter((b) => b > at - 60_000 && b <= at).length <= 3)
  await c.check()
})

onEachStore('no more than so many at once', async (url) => {
  const shop = new Shop()
  shop.limits = { concurrent: 2 }
  shop.timeout = '1m'
  const [first, second] = [slow(), slow()]
  shop.script = [first.behaviour, second.behaviour]
  await using c = await opened(shop, url)
  for (let i = 0; i < 6; i++) await c.ask('start', { workflow: 'buy', input: [{ item: `i${i}` }] })
  await Promise.all([first.begun, second.begun])
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(shop.calls.length, 2)
  first.answer()
  second.answer()
  await c.advance('1m')
  assert.deepEqual([shop.calls.length, new Set(Object.values(await states(c)))], [6, new Set(['succeeded'])])
  await c.check()
})

onEachStore('a service that fails again and again is left alone, told of, and tried with one call', async (url) => {
  const shop = new Shop()
  shop.script = Array.from({ length: 5 }, () => fails('transient'))
  shop.timeout = '1m'
  await using c = await opened(shop, url)
  await buyMany(c, 5)
  assert.equal(shop.calls.length, 5)
  const [service] = (await c.ask('status', {})).services
  assert.deepEqual(
    [service!.connector, service!.code, service!.until],
    ['shop', 'shop.transient', c.clock.now() + 30_000],
  )
  await c.advance('29s')
  assert.equal(shop.calls.length, 5, 'nobody is sent there meanwhile')
  const probe = slow()
  shop.script = [probe.behaviour]
  c.clock.advance(2_000)
  await probe.begun
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(shop.calls.length, 6, 'one call finds out')
  probe.answer()
  await c.idle()
  assert.deepEqual((await c.ask('status', {})).services, [])
  assert.deepEqual(new Set(Object.values(await states(c))), new Set(['succeeded']), 'and the others follow at once')
  await c.check()
})

test('while it stays broken the pauses grow, one step for each call that finds out', async () => {
  const shop = new Shop()
  shop.script = Array.from({ length: 30 }, () => fails('transient'))
  await using c = await opened(shop)
  await buyMany(c, 12)
  const until = async () => (await c.ask('status', {})).services[0]!.until! - c.clock.now()
  assert.equal(await until(), 30_000, 'calls that were under way together are one failure of the service')
  const calls = shop.calls.length
  await c.advance('30s')
  assert.deepEqual([shop.calls.length, await until()], [calls + 1, 60_000])
  await c.advance('1m')
  assert.deepEqual([shop.calls.length, await until()], [calls + 2, 120_000])
  await c.check()
})

onEachStore('that it is broken outlives the process', async (url) => {
  const shop = new Shop()
  shop.script = Array.from({ length: 5 }, () => fails('transient'))
  await using first = await opened(shop, url)
  await buyMany(first, 5)
  await using c = await reopenShop(first, shop, url, '5s')
  await c.idle()
  assert.equal(shop.calls.length, 5)
  assert.equal((await c.ask('status', {})).services.length, 1)
  await c.advance('30s')
  assert.deepEqual(new Set(Object.values(await states(c))), new Set(['succeeded']))
  assert.deepEqual((await c.ask('status', {})).services, [])
  await c.check()
})

test('a refusal is an answer: the service works', async () => {
  const shop = new Shop()
  shop.script = Array.from({ length: 8 }, () => fails('domain'))
  await using c = await opened(shop)
  await buyMany(c, 8)
  assert.deepEqual([(await c.ask('status', {})).services, shop.calls.length], [[], 8])
})

test('a call that is broken off because the process stops says nothing of the service', async () => {
  const shop = new Shop()
  shop.script = Array.from({ length: 5 }, () => fails('transient'))
  await using first = await opened(shop)
  await buyMany(first, 5)
  const probe = slow()
  shop.script = [probe.behaviour]
  shop.timeout = '1m'
  await using c = await reopenShop(first, shop, undefined, '31s')
  await probe.begun
  await c.open.coordinator.stop(0)
  assert.equal((await c.ask('status', {})).services.length, 1)
})

test('a service that is broken is not looked at either, and nothing becomes a dead letter of it', async () => {
  const shop = new Shop()
  let broken = false
  let looks = 0
  shop.also = {
    observe: async () => {
      looks++
      if (broken) throw new Error('down')
      return 1
    },
  }
  await using c = await opened(shop)
  await c.ask('pause', {})
  await buyMany(c, 6)
  broken = true
  await c.ask('resume', {})
  await c.idle()
  looks = 0
  await c.advance('29s')
  assert.equal(looks, 0)
  broken = false
  await c.advance('1m')
  assert.deepEqual(new Set(Object.values(await states(c))), new Set(['succeeded']))
  await c.check()
})

onEachStore('a service that says when to come back is not asked before', async (url) => {
  const shop = new Shop()
  shop.script = [fails('transient', 'shop.busy', 600_000)]
  await using c = await opened(shop, url)
  await buyMany(c, 1, 'print')
  await c.advance('599s')
  assert.equal(shop.calls.length, 1)
  await c.advance('1s')
  assert.deepEqual([shop.calls.length, (await c.effects())[0]!.state], [2, 'succeeded'])
  await c.check()
})

test('a service that wants more patience than a day is the operator’s', async () => {
  const shop = new Shop()
  shop.script = [fails('transient', 'shop.busy', 25 * 3_600_000)]
  await using c = await opened(shop)
  await buyMany(c, 1)
  assert.equal((await c.queue())[0]!.kind, 'dead_letter')
})

test('what expires does not wait for a service to come back', async () => {
  const shop = new Shop()
  shop.script = Array.from({ length: 5 }, () => fails('transient'))
  await using c = await opened(shop)
  await buyMany(c, 5)
  await c.run(shop.buy(), [{ item: 'late', expires: '10s' }])
  await c.advance('10s')
  assert.equal((await states(c)).late, 'expired')
})

test('a service that refuses what is looked at answers: it is not broken', async () => {
  const shop = new Shop()
  let gone = false
  shop.also = {
    observe: async () => {
      if (gone) throw new ActionError('domain', 'shop.no_such_item', 'There is no such item.')
      return 'there'
    },
  }
  await using c = await opened(shop)
  for (let i = 0; i < 6; i++) await c.ask('start', { workflow: 'buy', input: [{ item: `i${i}`, hold: '1m' }] })
  await c.idle()
  gone = true
  await c.advance('1m')
  assert.deepEqual(new Set(Object.values(await states(c))), new Set(['failed']))
  assert.deepEqual((await c.ask('status', {})).services, [])
  await c.check()
})
