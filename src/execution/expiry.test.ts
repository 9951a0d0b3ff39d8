import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, openShop, policyFolder, reopenShop, Shop, slow, told } from '../../test/shop.ts'

onEachStore('nobody answers in time: it is expired, its gate is closed, and its run goes on', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url)
  const run = await c.run(shop.buy(), [{ item: 'tea', expires: '2m' }])
  const [gate] = await c.queue()
  assert.equal(gate!.expiresAt, c.clock.now() + 120_000)
  assert.match(gate!.ifIgnored, /nothing is done/)
  await c.advance('119s')
  assert.equal((await c.queue()).length, 1)
  await c.advance('1s')
  const { state, reason } = await told(c, run)
  assert.deepEqual([state, shop.calls, await c.queue()], ['expired', [], []])
  assert.match(reason!, /Nobody decided in time/)
  await assert.rejects(c.decide('approve', { gate: gate!.id }), { code: 'gate.decided' })
  await c.check()
})

onEachStore('what is approved and cannot leave in time is expired too, and the run is told why', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url)
  const run = await c.run(shop.buy(), [{ item: 'tea', expires: '2m' }])
  await c.ask('pause', { scope: 'shop' })
  await c.decide('approve')
  await c.advance('2m')
  const { state, reason } = await told(c, run)
  assert.equal(state, 'expired')
  assert.match(reason!, /could not leave in time/)
  await c.ask('resume', { scope: 'shop' })
  await c.idle()
  assert.deepEqual(shop.calls, [])
  await c.check()
})

onEachStore('a time that runs out in a hold that nobody was asked for ends it', async (url) => {
  const shop = new Shop()
  const folder = await policyFolder('@id("all") permit (principal, action, resource);')
  await using c = await openShop(shop, url, { folder })
  const run = await c.run(shop.buy(), [{ item: 'tea', expires: '1m', hold: '1h' }])
  await c.advance('1m')
  assert.deepEqual([(await told(c, run)).state, shop.calls], ['expired', []])
  await c.check()
})

test('a time that runs out in the hold ends it', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  const run = await c.run(shop.buy(), [{ item: 'tea', expires: '2m', hold: '90s' }])
  await c.advance('1m')
  await c.decide('approve')
  await c.advance('1m')
  assert.deepEqual([(await told(c, run)).state, shop.calls], ['expired', []], 'then, and not when it would leave')
  await c.check()
})

test('a time that runs out while it is looked outside ends it', async () => {
  const shop = new Shop()
  let look = async () => 'as before'
  shop.also = { observe: () => look() }
  await using c = await openShop(shop)
  const run = await c.run(shop.buy(), [{ item: 'tea', expires: '2m' }])
  look = async () => {
    c.clock.advance(180_000)
    return 'as before'
  }
  await c.decide('approve')
  assert.deepEqual([(await told(c, run)).state, shop.calls], ['expired', []])
  await c.check()
})

test('a try that may have happened does not expire, one that certainly failed does', async () => {
  for (const [kind, state] of [
    ['uncertain', 'succeeded'],
    ['transient', 'expired'],
  ] as const) {
    const shop = new Shop()
    shop.script = [fails(kind, 'shop.later', 90_000)]
    await using c = await openShop(shop)
    const run = await c.run(shop.buy(), [{ verb: 'pay', item: 'tea', expires: '400ms' }])
    await c.decide('approve')
    await c.advance('1s')
    assert.deepEqual([(await told(c, run)).state, shop.calls.length], [state, state === 'succeeded' ? 2 : 1])
    await c.check()
  }
})

onEachStore('a time that ran out while no process was there ends it before anything else', async (url) => {
  const shop = new Shop()
  await using first = await openShop(shop, url)
  const run = await first.run(shop.buy(), [{ item: 'tea', expires: '2m' }])
  await using c = await reopenShop(first, shop, url, '1h')
  await c.idle()
  assert.deepEqual([(await told(c, run)).state, shop.calls], ['expired', []])
  await c.check()
})

test('a call that is under way when the time runs out is not touched', async () => {
  const shop = new Shop()
  const call = slow()
  shop.timeout = '1m'
  shop.script = [call.behaviour]
  await using c = await openShop(shop)
  await c.run(shop.buy(), [{ item: 'tea', expires: '2m' }])
  const [gate] = await c.queue()
  await c.ask('decide', { id: gate!.id, outcome: 'approve' })
  await call.begun
  c.clock.advance(200_000)
  call.answer()
  await c.idle()
  assert.equal((await c.effects())[0]!.state, 'succeeded')
})
