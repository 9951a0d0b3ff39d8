import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, openShop, reopenShop, Shop, slow, states } from '../../test/shop.ts'
import type { TestCompany } from '../testing.ts'

/** Everything of one item's first letter leaves in one lane. */
function laned(): Shop {
  const shop = new Shop()
  shop.also = { lane: ({ item }) => item[0]! }
  return shop
}

async function propose(c: TestCompany, shop: Shop, ...items: string[]): Promise<Record<string, string>> {
  const gates: Record<string, string> = {}
  for (const item of items) {
    await c.run(shop.buy(), [{ item }])
    gates[item] = (await c.queue()).find((g) => g.title.endsWith(` ${item}`))!.id
  }
  return gates
}

const items = (shop: Shop) => shop.inputs.map((i) => (i as { item: string }).item)

onEachStore('effects of a lane leave one at a time, in their order, under a token that grows', async (url) => {
  const shop = laned()
  const call = slow()
  shop.timeout = '1m'
  shop.script = [call.behaviour]
  await using c = await openShop(shop, url)
  const gates = await propose(c, shop, 'a1', 'a2', 'a3', 'b1')
  for (const item of ['a1', 'a3', 'a2', 'b1']) await c.ask('decide', { id: gates[item]!, outcome: 'approve' })
  await call.begun
  while (shop.calls.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(items(shop).toSorted(), ['a1', 'b1'])
  call.answer()
  await c.advance('1m')
  assert.deepEqual(
    items(shop).filter((i) => i[0] === 'a'),
    ['a1', 'a2', 'a3'],
  )
  const tokens = shop.inputs.map((_, i) => [items(shop)[i]![0], shop.laneTokens[i]] as const)
  assert.deepEqual(
    tokens.filter(([lane]) => lane === 'a').map(([, token]) => token),
    [1, 2, 3],
  )
  assert.deepEqual(
    tokens.filter(([lane]) => lane === 'b').map(([, token]) => token),
    [1],
  )
  await c.check()
})

onEachStore('an uncertain one holds up those behind it until somebody decides', async (url) => {
  const shop = laned()
  shop.script = [fails('uncertain')]
  await using c = await openShop(shop, url)
  const gates = await propose(c, shop, 'a1', 'a2')
  for (const id of Object.values(gates)) await c.ask('decide', { id, outcome: 'approve' })
  await c.advance('5m')
  assert.deepEqual(await states(c), { a1: 'uncertain', a2: 'held' })
  await c.decide('happened')
  await c.idle()
  assert.deepEqual(await states(c), { a1: 'succeeded', a2: 'succeeded' })
  await c.check()
})

onEachStore(
  'one that is tried again holds them up too, one that waits at its gate or is dead does not',
  async (url) => {
    const shop = laned()
    shop.script = [fails('transient'), fails('domain')]
    await using c = await openShop(shop, url)
    const gates = await propose(c, shop, 'a0', 'a1', 'a2')
    await c.ask('decide', { id: gates.a1!, outcome: 'approve' })
    await c.ask('decide', { id: gates.a2!, outcome: 'approve' })
    await c.idle()
    assert.deepEqual(await states(c), { a0: 'gated', a1: 'retrying', a2: 'held' })
    await c.advance('2m')
    assert.deepEqual(await states(c), { a0: 'gated', a1: 'failed', a2: 'succeeded' })
    assert.deepEqual(items(shop), ['a1', 'a1', 'a2'])
    await c.check()
  },
)

onEachStore('one that is approved late does not leave while a later one of its lane is under way', async (url) => {
  const shop = laned()
  const call = slow()
  shop.timeout = '1m'
  shop.script = [call.behaviour]
  await using c = await openShop(shop, url)
  const gates = await propose(c, shop, 'a1', 'a2')
  await c.ask('decide', { id: gates.a2!, outcome: 'approve' })
  await call.begun
  await c.ask('decide', { id: gates.a1!, outcome: 'approve' })
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(items(shop), ['a2'])
  call.answer()
  await c.advance('1m')
  assert.deepEqual(items(shop), ['a2', 'a1'])
  await c.check()
})

test('the lane is that of what is sent, after an edit too', async () => {
  const shop = laned()
  const call = slow()
  shop.timeout = '1m'
  await using c = await openShop(shop)
  const gates = await propose(c, shop, 'a1', 'b1')
  shop.script = [call.behaviour]
  await c.ask('decide', { id: gates.a1!, outcome: 'approve' })
  await call.begun
  await c.ask('decide', { id: gates.b1!, outcome: 'edit', value: { item: 'a9' } })
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(items(shop), ['a1'])
  call.answer()
  await c.advance('1m')
  assert.deepEqual(
    [items(shop), shop.laneTokens],
    [
      ['a1', 'a9'],
      [1, 2],
    ],
  )
  await c.check()
})

test('a cancelled or expired one no longer holds anybody up', async () => {
  const shop = laned()
  shop.script = [fails('transient', 'shop.busy', 600_000)]
  await using c = await openShop(shop)
  const gates = await propose(c, shop, 'a1', 'a2')
  for (const id of Object.values(gates)) await c.ask('decide', { id, outcome: 'approve' })
  await c.idle()
  await c.ask('cancel', { id: (await c.effects())[0]!.id })
  await c.idle()
  assert.deepEqual(await states(c), { a1: 'cancelled', a2: 'succeeded' })
})

test('what leaves a lane in any way lets the next one go at once', async () => {
  const shop = laned()
  shop.script = [fails('domain')]
  await using c = await openShop(shop)
  const gates = await propose(c, shop, 'a1', 'a2')
  await c.ask('pause', {})
  for (const id of Object.values(gates)) await c.ask('decide', { id, outcome: 'approve' })
  await c.idle()
  await c.ask('resume', {})
  await c.idle()
  assert.deepEqual(await states(c), { a1: 'failed', a2: 'succeeded' })
})

onEachStore('the token of a lane grows over restarts', async (url) => {
  const shop = laned()
  await using first = await openShop(shop, url)
  const gates = await propose(first, shop, 'a1', 'a2')
  await first.ask('decide', { id: gates.a1!, outcome: 'approve' })
  await first.idle()
  await using c = await reopenShop(first, shop, url)
  await c.decide('approve')
  assert.deepEqual(shop.laneTokens, [1, 2])
  await c.check()
})

onEachStore('a stale worker’s late result is refused', async (url) => {
  const shop = laned()
  const late = slow()
  shop.timeout = '1m'
  shop.script = [late.behaviour]
  await using c = await openShop(shop, url)
  await c.run(shop.buy(), [{ item: 'a1' }])
  await c.ask('decide', { id: (await c.queue())[0]!.id, outcome: 'approve' })
  await late.begun
  const { store } = c.open
  const { id } = (await c.effects())[0]!
  // Whoever takes it over finds it dispatched and asks outside.
  shop.found = { found: 'yes', output: { ref: 'found' } }
  const { work } = await import('../store/index.ts')
  await store.write([work.revokeLease(id)])
  c.open.coordinator.ring()
  while (shop.called('reconcile').length === 0) await new Promise((resolve) => setImmediate(resolve))
  late.answer('stale')
  await c.idle()
  const [effect] = await c.effects()
  assert.deepEqual([effect!.state, effect!.output], ['succeeded', '{"ref":"found"}'])
  assert.equal(shop.called('shop.order').length, 1)
  await c.check()
})
