import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { fails, openShop, policyFolder, reopenShop, Shop, told } from '../../test/shop.ts'
import { budget } from '../governance/spend/budgets.ts'
import type { Json } from '../lib/json.ts'
import type { TestCompany } from '../testing.ts'

/** A shop whose price of everything is looked at. */
function priced(price: Json | Error) {
  const shop = new Shop()
  const world = { price, looks: 0 }
  shop.also = {
    observe: async () => {
      world.looks++
      if (world.price instanceof Error) throw world.price
      return world.price as Json
    },
  }
  return { shop, world }
}

async function context(c: TestCompany) {
  return (await c.queue())[0]!.context as { now?: Json; before?: Json; unseen?: string; at: string }
}

onEachStore('what it rests on is shown at the gate, and looked at again before it leaves', async (url) => {
  const { shop, world } = priced({ price: 5 })
  await using c = await openShop(shop, url)
  const run = await c.run(shop.buy(), [{ item: 'tea' }])
  assert.deepEqual((await context(c)).now, { price: 5 })
  await c.decide('approve')
  assert.deepEqual([(await told(c, run)).state, world.looks], ['succeeded', 2])
  await c.check()
})

onEachStore('where it is something else by then it is asked again, with the difference', async (url) => {
  const { shop, world } = priced({ price: 5 })
  await using c = await openShop(shop, url)
  const run = await c.run(shop.buy(), [{ item: 'tea', hold: '1m' }])
  const { id, binding } = (await c.queue())[0]!
  await c.decide('approve')
  world.price = { price: 7 }
  await c.advance('1m')
  const [again] = await c.queue()
  const { now, before } = await context(c)
  assert.deepEqual([now, before, shop.calls], [{ price: 7 }, { now: { price: 5 } }, []])
  assert.notEqual(again!.id, id)
  assert.notEqual(again!.binding, binding)
  await assert.rejects(c.ask('decide', { id: again!.id, outcome: 'approve', binding: binding! }), {
    code: 'gate.changed',
  })
  await c.decide('approve')
  await c.advance('1m')
  assert.deepEqual([(await told(c, run)).state, shop.calls.length], ['succeeded', 1])
  await c.check()
})

onEachStore('what cannot be looked at is said at the gate, and approved without it leaves', async (url) => {
  const { shop, world } = priced(new Error('closed'))
  await using c = await openShop(shop, url)
  const run = await c.run(shop.buy(), [{ item: 'tea' }])
  const { now, unseen } = await context(c)
  assert.deepEqual([now, unseen], [undefined, 'unknown'])
  world.price = { price: 5 }
  await c.decide('approve')
  assert.equal((await told(c, run)).state, 'succeeded')
  await c.check()
})

test('nothing is something that can be seen, and can change', async () => {
  const { shop, world } = priced(null)
  await using c = await openShop(shop)
  await c.run(shop.buy(), [{ item: 'tea' }])
  world.price = 'sold'
  await c.decide('approve')
  assert.deepEqual([await context(c).then((x) => x.now), shop.calls], ['sold', []])
  await c.check()
})

onEachStore('a look that fails before it leaves is a try, and after five a dead letter', async (url) => {
  const { shop, world } = priced({ price: 5 })
  await using c = await openShop(shop, url)
  const run = await c.run(shop.buy(), [{ item: 'tea' }])
  world.price = new Error('closed')
  await c.decide('approve')
  await c.advance('2m')
  assert.equal((await c.queue())[0]!.kind, 'dead_letter')
  assert.deepEqual([world.looks, shop.calls, (await c.effects())[0]!.token], [6, [], 5])
  world.price = { price: 5 }
  await c.decide('retry')
  assert.deepEqual([(await told(c, run)).state, shop.calls.length], ['succeeded', 1])
  await c.check()
})

onEachStore('an approval that waited three days because no process was there is asked for again', async (url) => {
  const { shop, world } = priced({ price: 5 })
  await using first = await openShop(shop, url)
  const run = await first.run(shop.buy(), [{ item: 'tea', hold: '1h' }])
  await first.decide('approve')
  world.price = { price: 6 }
  await using c = await reopenShop(first, shop, url, '3d')
  await c.idle()
  const [gate] = await c.queue()
  assert.match(gate!.reason, /more than a day/)
  const { now, before } = await context(c)
  assert.deepEqual([now, before], [{ price: 6 }, { now: { price: 5 } }], 'what is shown is how it is now')
  assert.deepEqual(shop.calls, [])
  await c.decide('approve')
  await c.advance('1h')
  assert.deepEqual([(await told(c, run)).state, shop.calls.length], ['succeeded', 1], 'and it is asked once')
  await c.check()
})

test('what a policy let run is not asked for because it waited: the policies are asked anew', async () => {
  const { shop } = priced(1)
  const folder = await policyFolder('@id("all") permit (principal, action, resource);')
  await using first = await openShop(shop, undefined, { folder })
  const run = await first.run(shop.buy(), [{ item: 'tea', hold: '1h' }])
  await using c = await reopenShop(first, shop, undefined, '3d')
  await c.idle()
  assert.equal((await told(c, run)).state, 'succeeded')
})

const CHANGES: readonly (readonly [string, (shop: Shop) => void, Json])[] = [
  ['version', (shop) => (shop.version = 2), { version: 1 }],
  ['target', (shop) => (shop.target = 'elsewhere'), { at: 'shop' }],
  ['title', (shop) => (shop.also = { title: (i) => `buy ${i.item}` }), undefined as never],
]

for (const [what, change, before] of CHANGES)
  onEachStore(`another ${what} than was approved is asked for again`, async (url) => {
    const shop = new Shop()
    await using first = await openShop(shop, url)
    await first.run(shop.buy(), [{ item: 'tea', hold: '1h' }])
    await first.decide('approve')
    change(shop)
    await using c = await reopenShop(first, shop, url, '1h')
    await c.idle()
    assert.deepEqual([(await c.effects())[0]!.state, shop.calls], ['gated', []])
    const gate = (await c.queue()).find((g) => g.kind === 'effect')!
    assert.deepEqual((gate.context as { before?: Json }).before, before)
    // The run of another version is parked, at a gate of its own.
    await c.decide('approve', { gate: gate.id })
    await c.advance('1h')
    assert.deepEqual([(await c.effects())[0]!.state, shop.calls.length], ['succeeded', 1])
    await c.check()
  })

onEachStore('input that the action no longer takes is a dead letter, before anything is asked', async (url) => {
  const shop = new Shop()
  await using first = await openShop(shop, url)
  const run = await first.run(shop.buy(), [{ item: 'tea', hold: '1h' }])
  await first.decide('approve')
  shop.also = { input: z.object({ item: z.string(), amount: z.int(), colour: z.string() }) as never }
  await using c = await reopenShop(first, shop, url, '1h')
  await c.idle()
  const [gate] = await c.queue()
  assert.deepEqual([gate!.kind, gate!.reason, shop.calls], ['dead_letter', 'effect.changed', []])
  await c.decide('close', { reason: 'no longer sold' })
  assert.equal((await told(c, run)).state, 'failed')
  await c.check()
})

test('the time to answer begins anew where it is asked again', async () => {
  const { shop, world } = priced(1)
  await using c = await openShop(shop)
  const run = await c.run(shop.buy(), [{ item: 'tea', expires: '2m' }])
  await c.advance('1m')
  world.price = 2
  await c.decide('approve')
  await c.advance('90s')
  assert.equal((await c.effects())[0]!.state, 'gated')
  await c.advance('30s')
  assert.equal((await told(c, run)).state, 'expired')
  await c.check()
})

test('an edit is for what was shown: what is seen of something else is asked for', async () => {
  const shop = new Shop()
  shop.also = { observe: async ({ item }) => `the price of ${item}` }
  await using c = await openShop(shop)
  await c.run(shop.buy(), [{ item: 'tea' }])
  await c.decide('edit', { value: { item: 'gold' } })
  assert.deepEqual(await context(c).then((x) => [x.now, x.before]), ['the price of gold', { now: 'the price of tea' }])
  await c.decide('approve')
  assert.deepEqual(shop.inputs, [{ item: 'gold', amount: 1 }])
  await c.check()
})

onEachStore('an edit after a try is something new to the service: it goes under a key of its own', async (url) => {
  const { shop, world } = priced(1)
  shop.script = [fails('transient')]
  await using c = await openShop(shop, url)
  await c.run(shop.buy(), [{ item: 'tea' }])
  await c.decide('approve')
  world.price = 2
  await c.advance('1m')
  await c.decide('edit', { value: { item: 'gin' } })
  const keys = shop.called('shop.order').map((call) => call.split(' ')[1])
  assert.deepEqual([keys.length, new Set(keys).size], [2, 2])
  assert.equal((await c.effects())[0]!.state, 'succeeded')
  await c.check()
})

onEachStore(
  'what may have happened is never asked for anew, though a budget has no room for another try',
  async (url) => {
    const shop = new Shop()
    shop.also = { cost: () => ({ micros: 4_000_000, currency: 'EUR' }) }
    shop.script = [fails('uncertain')]
    const budgets = [budget({ name: 'shop', per: 'month', money: { amount: '5', currency: 'EUR' } })]
    await using c = await openShop(shop, url, {
      folder: await policyFolder('@id("all") permit (principal, action, resource);'),
      budgets,
    })
    await c.ask('start', { workflow: 'buy', input: [{ verb: 'pay', item: 'tea' }] })
    await c.advance('5m')
    const [effect] = await c.effects()
    assert.deepEqual([effect!.state, effect!.error_code, shop.calls.length], ['uncertain', 'budget.over', 1])
    const [gate] = await c.queue()
    assert.deepEqual([gate!.kind, gate!.choices.map((x) => x.outcome)], ['uncertain', ['happened', 'retry', 'close']])
    await c.check()
  },
)
