import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { openShop, policyFolder, reopenShop, Shop, slow, told } from '../../test/shop.ts'
import { pause } from '../governance/pause.ts'

for (const scope of ['all', 'buy', 'shop', 'workflow:buy', 'connector:shop']) {
  onEachStore(`nothing leaves while "${scope}" is paused, and going on wakes it at once`, async (url) => {
    const shop = new Shop()
    await using c = await openShop(shop, url)
    await c.ask('pause', { scope, reason: 'stocktaking' })
    const run = await c.run(shop.buy(), [{ item: 'tea' }])
    await c.decide('approve')
    await c.advance('3m')
    assert.deepEqual([shop.calls, (await c.effects())[0]!.state], [[], 'held'])
    const { paused } = await c.ask('status', {})
    assert.deepEqual(
      paused.map((p) => [p.scope.split(':').at(-1), p.reason]),
      [[scope.split(':').at(-1), 'stocktaking']],
    )
    await c.ask('resume', { scope })
    await c.idle()
    assert.equal((await told(c, run)).state, 'succeeded')
    await c.check()
  })
}

onEachStore('a pause between approval and the end of the hold stops it, also over a restart', async (url) => {
  const shop = new Shop()
  await using first = await openShop(shop, url)
  const run = await first.run(shop.buy(), [{ item: 'tea', hold: '1m' }])
  await first.decide('approve')
  await first.ask('pause', {})
  await first.advance('2m')
  await using c = await reopenShop(first, shop, url)
  await c.advance('2m')
  assert.deepEqual(shop.calls, [])
  await c.ask('resume', {})
  await c.idle()
  assert.deepEqual([(await told(c, run)).state, shop.calls.length], ['succeeded', 1])
  await c.check()
})

test('two pauses are two: it goes on when both are lifted', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  await c.ask('pause', { scope: 'shop' })
  await c.ask('pause', { scope: 'all' })
  await c.run(shop.buy(), [{ item: 'tea' }])
  await c.decide('approve')
  await c.ask('resume', { scope: 'all' })
  await c.idle()
  assert.deepEqual(shop.calls, [])
  await c.ask('resume', { scope: 'shop' })
  await c.idle()
  assert.equal(shop.calls.length, 1)
  await assert.rejects(c.ask('resume', { scope: 'shop' }), { code: 'pause.none' })
  await assert.rejects(c.ask('pause', { scope: 'nobody' }), { code: 'pause.unknown' })
})

onEachStore('a pause that comes while it is looked outside stops it in the commit that would send it', async (url) => {
  const shop = new Shop()
  let look = async () => 'the same'
  shop.also = { observe: () => look() }
  await using c = await openShop(shop, url)
  await c.run(shop.buy(), [{ item: 'tea' }])
  look = async () => {
    look = async () => 'the same'
    await pause(c.open.store, 'connector:shop', null)
    return 'the same'
  }
  await c.decide('approve')
  assert.deepEqual([shop.calls, (await c.effects())[0]!.state, (await c.effects())[0]!.token], [[], 'held', 0])
  await c.ask('resume', { scope: 'shop' })
  await c.idle()
  assert.equal(shop.calls.length, 1)
  await c.check()
})

test('what is under way is not broken off, and what is to be tried again waits', async () => {
  const shop = new Shop()
  const call = slow()
  shop.timeout = '1m'
  shop.script = [call.behaviour]
  await using c = await openShop(shop)
  await c.run(shop.buy(), [{ item: 'tea' }])
  await c.ask('decide', { id: (await c.queue())[0]!.id, outcome: 'approve' })
  await call.begun
  await c.ask('pause', {})
  call.fail(Object.assign(new Error('busy')))
  shop.found = { found: 'no' }
  await c.advance('5m')
  assert.deepEqual([shop.called('shop.order').length, (await c.effects())[0]!.state], [1, 'retrying'])
  await c.ask('resume', {})
  await c.idle()
  assert.equal((await c.effects())[0]!.state, 'succeeded')
})

test('reads and undos wait too, and asking goes on', async () => {
  const shop = new Shop()
  const folder = await policyFolder('@id("all") permit (principal, action, resource);')
  await using c = await openShop(shop, undefined, { folder })
  await c.run(shop.buy(), [{ item: 'tea' }])
  const { id } = (await c.effects())[0]!
  await c.ask('pause', { scope: 'shop' })
  const { binding } = await c.ask('undoPlan', { id })
  await c.ask('undo', { id, binding })
  await c.run(shop.buy(), [{ verb: 'look', item: 'map' }])
  await c.advance('1m')
  assert.equal(shop.calls.length, 1)
  await c.ask('resume', { scope: 'shop' })
  await c.idle()
  assert.deepEqual(
    shop.calls
      .slice(1)
      .map((call) => call.split(' ')[0]!)
      .toSorted((a, b) => (a < b ? -1 : 1)),
    ['shop.look', 'undo'],
  )
  await c.check()
})

test('a paused effect can be cancelled', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  await c.ask('pause', {})
  const run = await c.run(shop.buy(), [{ item: 'tea' }])
  await c.decide('approve')
  await c.ask('cancel', { id: (await c.effects())[0]!.id, reason: 'no' })
  await c.idle()
  await c.ask('resume', {})
  await c.idle()
  assert.deepEqual([(await told(c, run)).state, shop.calls], ['cancelled', []])
})
