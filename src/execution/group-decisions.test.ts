import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, openShop, reopenShop, Shop, states } from '../../test/shop.ts'

const ids = (gates: readonly { readonly id: string }[]) => gates.map((g) => g.id)

onEachStore('gates of one shape are decided together, with an entry in the record for each', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url)
  for (const item of ['a', 'b', 'c']) await c.run(shop.buy(), [{ item }])
  const gates = await c.queue()
  assert.equal(new Set(gates.map((g) => g.shape)).size, 1)
  const { decided, failed } = await c.ask('decideAll', { ids: [...ids(gates), gates[0]!.id], outcome: 'approve' })
  assert.deepEqual([decided.length, failed], [3, []])
  await c.idle()
  assert.deepEqual(await states(c), { a: 'succeeded', b: 'succeeded', c: 'succeeded' })
  const rows = await c.open.store.engine.queryText(`select stream from event where kind = 'gate.decided@1'`, [])
  assert.equal(new Set(rows.map((r) => r.stream)).size, 3)
  await c.check()
})

test('what asks for different things is refused before anything is decided', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  for (const verb of ['order', 'pay'] as const) await c.run(shop.buy(), [{ verb, item: verb }])
  await assert.rejects(c.ask('decideAll', { ids: ids(await c.queue()), outcome: 'approve' }), {
    code: 'gate.mixed_group',
  })
  assert.deepEqual(await states(c), { order: 'gated', pay: 'gated' })
})

test('what cannot be taken back is approved one by one, and rejected together', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  for (const item of ['a', 'b']) await c.run(shop.buy(), [{ verb: 'print', item }])
  const gates = ids(await c.queue())
  await assert.rejects(c.ask('decideAll', { ids: gates, outcome: 'approve' }), { code: 'gate.group_irreversible' })
  await assert.rejects(c.ask('decideAll', { ids: [...gates, 'gate_nobody'], outcome: 'reject', reason: 'no' }), {
    code: 'id.not_found',
  })
  await c.ask('decideAll', { ids: gates, outcome: 'reject', reason: 'no' })
  await c.idle()
  assert.deepEqual([await states(c), shop.calls], [{ a: 'rejected', b: 'rejected' }, []])
  await c.check()
})

test('what somebody else decided is told, and the rest is decided', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  for (const item of ['a', 'b']) await c.run(shop.buy(), [{ item }])
  const gates = ids(await c.queue())
  await c.decide('reject', { gate: gates[0]!, reason: 'no' })
  const { decided, failed } = await c.ask('decideAll', { ids: gates, outcome: 'approve' })
  assert.deepEqual(
    [ids(decided.map((d) => ({ id: d.gate }))), failed.map((f) => [f.id, f.code])],
    [[gates[1]], [[gates[0], 'gate.decided']]],
  )
  await c.idle()
  assert.deepEqual(await states(c), { a: 'rejected', b: 'succeeded' })
})

onEachStore('a gate that is snoozed is hidden until then, over a restart too, and can be decided', async (url) => {
  const shop = new Shop()
  await using first = await openShop(shop, url)
  await first.run(shop.buy(), [{ item: 'a' }])
  const [gate] = await first.queue()
  for (const until of [first.clock.now(), Number.MAX_SAFE_INTEGER])
    await assert.rejects(first.ask('snooze', { id: gate!.id, until }), { code: 'gate.bad_time' })
  await first.ask('snooze', { id: gate!.id, until: first.clock.now() + 60_000 })
  assert.deepEqual(await first.queue(), [])
  await using c = await reopenShop(first, shop, url, '59s')
  assert.deepEqual(await c.queue(), [])
  c.clock.advance(1_000)
  assert.deepEqual(ids(await c.queue()), [gate!.id])
  await c.ask('snooze', { id: gate!.id, until: c.clock.now() + 60_000 })
  await c.decide('approve', { gate: gate!.id })
  assert.equal((await states(c)).a, 'succeeded')
  await assert.rejects(c.ask('snooze', { id: gate!.id, until: c.clock.now() + 1 }), { code: 'gate.decided' })
  await c.check()
})

test('a gate that is snoozed expires all the same', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  await c.run(shop.buy(), [{ item: 'a', expires: '1m' }])
  await c.ask('snooze', { id: (await c.queue())[0]!.id, until: c.clock.now() + 600_000 })
  await c.advance('1m')
  assert.equal((await states(c)).a, 'expired')
  await c.check()
})

test('a gate says what the operator said to those like it, in numbers', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  const record = async () => (await c.queue())[0]!.record
  await c.run(shop.buy(), [{ item: 'a' }])
  assert.equal(await record(), null)
  await c.decide('approve')
  await c.run(shop.buy(), [{ item: 'b' }])
  assert.equal(await record(), 'of the last 1 like it: approved 1')
  await c.decide('reject', { reason: 'no' })
  await c.run(shop.buy(), [{ item: 'c' }])
  await c.decide('edit', { value: { item: 'd' } })
  await c.run(shop.buy(), [{ item: 'e' }])
  assert.equal(await record(), 'of the last 3 like it: edited 1, rejected 1, approved 1')
  await c.ask('cancel', { id: (await c.effects()).at(-1)!.id })
  await c.run(shop.buy(), [{ item: 'f' }])
  assert.match((await record())!, /of the last 3/, 'what was closed was not said')
})

test('dead letters of one cause are decided together', async () => {
  const shop = new Shop()
  shop.script = [fails('domain'), fails('domain')]
  await using c = await openShop(shop)
  for (const item of ['a', 'b']) {
    await c.run(shop.buy(), [{ verb: 'print', item }])
    await c.decide('approve', { gate: (await c.queue()).find((g) => g.kind === 'effect')!.id })
  }
  await c.ask('decideAll', { ids: ids(await c.queue()), outcome: 'retry' })
  await c.idle()
  assert.deepEqual(await states(c), { a: 'succeeded', b: 'succeeded' })
  await c.check()
})
