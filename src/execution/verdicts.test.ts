import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { openShop, policyFolder, Shop, states, told } from '../../test/shop.ts'

const RUNS = `@id("tea") @reason("tea is cheap") permit (principal, action, resource) when { context has input && context.input has item && context.input.item like "tea*" };\n`
const REFUSES = `@id("no-rum") @reason("no rum") forbid (principal, action, resource) when { context has input && context.input has item && context.input.item == "rum" };\n`
const ASKS = `@id("look-twice") @outcome("ask") @reason("look twice") forbid (principal, action, resource);\n`
const NO_TEA = `@id("no-tea") @reason("no tea any more") forbid (principal, action, resource);\n`
const TWICE = `@id("twice") @cap("2 per day") permit (principal, action, resource);\n`

onEachStore('what a policy refuses never leaves, is not looked at, and its run is told', async (url) => {
  const shop = new Shop()
  shop.also = { observe: async () => shop.calls.push('observe') }
  await using c = await openShop(shop, url, { folder: await policyFolder(REFUSES) })
  const run = await c.run(shop.buy(), [{ item: 'rum' }])
  const { state, reason } = await told(c, run)
  assert.equal(state, 'refused')
  assert.match(reason!, /no-rum: no rum/)
  assert.deepEqual([shop.calls, await c.queue()], [[], []])
  await c.check()
})

onEachStore('what a policy lets run leaves after its hold, and nobody is asked', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url, { folder: await policyFolder(RUNS) })
  const run = await c.run(shop.buy(), [{ item: 'tea', hold: '10m' }])
  assert.deepEqual([shop.calls, await c.queue()], [[], []])
  await c.advance('10m')
  assert.equal((await told(c, run)).state, 'succeeded')
  const [effect] = await c.effects()
  assert.deepEqual([effect!.policies, effect!.approved_by], ['["tea"]', null])
  await c.check()
})

onEachStore('a policy that asks by the time it would leave has it asked for', async (url) => {
  const shop = new Shop()
  const folder = await policyFolder(RUNS)
  await using c = await openShop(shop, url, { folder })
  const run = await c.run(shop.buy(), [{ item: 'tea', hold: '10m' }])
  await policyFolder(RUNS + ASKS, folder)
  await c.open.loadPolicies()
  await c.advance('10m')
  const [gate] = await c.queue()
  assert.match(gate!.reason, /look twice/)
  assert.deepEqual([shop.calls, (await c.effects())[0]!.state], [[], 'gated'])
  await c.decide('approve')
  await c.advance('10m')
  assert.equal((await told(c, run)).state, 'succeeded')
  assert.equal(shop.calls.length, 1)
  await c.check()
})

onEachStore('a policy that refuses by then refuses, approved or not', async (url) => {
  const shop = new Shop()
  const folder = await policyFolder(RUNS)
  await using c = await openShop(shop, url, { folder })
  const ran = await c.run(shop.buy(), [{ item: 'tea', hold: '10m' }])
  const approved = await c.run(shop.buy(), [{ item: 'rum', hold: '10m' }])
  await c.decide('approve')
  await policyFolder(NO_TEA, folder)
  await c.open.loadPolicies()
  await c.advance('10m')
  for (const run of [ran, approved]) {
    const { state, reason } = await told(c, run)
    assert.equal(state, 'refused')
    assert.match(reason!, /no tea any more/)
  }
  assert.deepEqual([shop.calls, await c.queue()], [[], []])
  await c.check()
})

test('a read that must be asked for by the time it would leave is asked for', async () => {
  const shop = new Shop()
  const folder = await policyFolder(RUNS)
  await using c = await openShop(shop, undefined, { folder })
  await c.ask('pause', {})
  await c.run(shop.buy(), [{ verb: 'look', item: 'tea' }])
  await policyFolder(ASKS, folder)
  await c.open.loadPolicies()
  await c.ask('resume', {})
  await c.idle()
  assert.deepEqual([shop.calls, (await c.effects())[0]!.state], [[], 'gated'])
})

onEachStore('a cap counts what came before, never the effect itself', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url, { folder: await policyFolder(TWICE) })
  for (const item of ['one', 'two', 'three']) await c.run(shop.buy(), [{ item, hold: '10m' }])
  assert.deepEqual(await states(c), { one: 'held', two: 'held', three: 'gated' })
  await c.advance('10m')
  assert.deepEqual(await states(c), { one: 'succeeded', two: 'succeeded', three: 'gated' })
  assert.match((await c.queue())[0]!.reason, /2 per day is used up/)
  await c.check()
})

onEachStore('of those that are proposed at once no more leave than a cap allows', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url, { folder: await policyFolder(TWICE) })
  const items = ['a', 'b', 'c', 'd', 'e']
  await Promise.all(items.map((item) => c.ask('start', { workflow: 'buy', input: [{ item, hold: '1m' }] })))
  await c.idle()
  await c.advance('1m')
  assert.equal(shop.calls.length, 2)
  assert.equal((await c.queue()).length, 3)
  await c.check()
})

test('what the policies refuse is not done by editing', async () => {
  const shop = new Shop()
  await using c = await openShop(shop, undefined, { folder: await policyFolder(REFUSES) })
  await c.run(shop.buy(), [{ item: 'gin' }])
  await assert.rejects(c.decide('edit', { value: { item: 'rum' } }), { code: 'policy.refused' })
  assert.equal((await c.queue()).length, 1)
  await c.decide('edit', { value: { item: 'milk' } })
  assert.deepEqual(shop.inputs, [{ item: 'milk', amount: 1 }])
})
