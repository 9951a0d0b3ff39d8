import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, openShop, policyFolder, reopenShop, Shop, states, told } from '../../test/shop.ts'
import type { TestCompany } from '../testing.ts'

const RUN_ALL = '@id("all") permit (principal, action, resource);'

/** Three dead letters of two causes. */
async function dead(shop: Shop, url?: string): Promise<TestCompany> {
  shop.script = [fails('domain', 'shop.closed'), fails('domain', 'shop.sold_out'), fails('domain', 'shop.closed')]
  const c = await openShop(shop, url, { folder: await policyFolder(RUN_ALL) })
  for (const item of ['a', 'b', 'c']) await c.run(shop.buy(), [{ item }])
  return c
}

const redrive = async (c: TestCompany) => (await c.list('dead', {})).map((l) => l.redrive)

onEachStore('dead letters are grouped by cause, and say what trying again will do', async (url) => {
  const shop = new Shop()
  await using c = await dead(shop, url)
  const { items, groups } = await c.ask('dead', {})
  assert.deepEqual(
    items.map((l) => [l.group, l.title]),
    [
      ['shop.order:shop.closed', 'shop.order 1 a'],
      ['shop.order:shop.sold_out', 'shop.order 1 b'],
      ['shop.order:shop.closed', 'shop.order 1 c'],
    ],
  )
  assert.deepEqual(groups, [
    {
      group: 'shop.order:shop.closed',
      action: 'shop.order',
      code: 'shop.closed',
      count: 2,
      alone: 0,
      example: 'The shop failed: domain.',
    },
    {
      group: 'shop.order:shop.sold_out',
      action: 'shop.order',
      code: 'shop.sold_out',
      count: 1,
      alone: 0,
      example: 'The shop failed: domain.',
    },
  ])
  const titles = async (which: string) => (await c.list('dead', { which })).map((l) => l.title)
  assert.deepEqual(await titles('shop.order:shop.sold_out'), ['shop.order 1 b'])
  assert.deepEqual(await titles(items[2]!.effect), ['shop.order 1 c'])
  await assert.rejects(titles('shop.order:shop.lost'), { code: 'dead.none' })
  const [effect] = await c.effects()
  const { redrive, tries } = items[0]!
  assert.equal(
    redrive,
    `shop.order is called once more under the key ${effect!.key}, as try 2; no earlier try did anything.`,
  )
  assert.equal(tries, 1)
  await c.ask('redrive', { which: effect!.id })
  await c.idle()
  assert.equal(shop.calls.at(-1), `shop.order ${effect!.key} 2`, 'and so it does')
  assert.deepEqual(await states(c), { a: 'succeeded', b: 'failed', c: 'failed' })
  await c.check()
})

onEachStore('a group is tried again together, an entry in the record for each', async (url) => {
  const shop = new Shop()
  await using c = await dead(shop, url)
  const shown = (await c.list('dead', {})).map((l) => l.gate)
  shop.script = [fails('domain', 'shop.closed')]
  await c.run(shop.buy(), [{ item: 'd' }])
  const { done, failed } = await c.ask('redrive', { which: 'shop.order:shop.closed', gates: shown })
  assert.deepEqual([done.length, failed], [2, []], 'not what stopped after it was shown')
  await c.ask('closeDead', { which: 'shop.order:shop.closed', reason: 'not wanted' })
  await c.idle()
  assert.deepEqual(await states(c), { a: 'succeeded', b: 'failed', c: 'succeeded', d: 'failed' })
  const decided = await c.open.store.engine.queryText(`select seq from event where kind = 'gate.decided@1'`, [])
  assert.equal(decided.length, 3)
  await c.ask('redrive', { which: 'all' })
  await c.idle()
  assert.equal((await states(c)).b, 'succeeded')
  assert.deepEqual(await c.list('dead', {}), [])
  await assert.rejects(c.ask('redrive', { which: 'shop.order:shop.closed' }), { code: 'dead.none' })
  await c.check()
})

onEachStore('what cannot be taken back is tried again by itself, never with others', async (url) => {
  const shop = new Shop()
  const c = await openShop(shop, url, { folder: await policyFolder(RUN_ALL) })
  await using _ = c
  shop.script = Array.from({ length: 3 }, () => fails('domain', 'shop.closed'))
  await c.run(shop.buy(), [{ item: 'a' }])
  for (const item of ['b', 'c']) await c.run(shop.buy(), [{ verb: 'print', item }])
  for (const gate of (await c.queue()).filter((g) => g.kind === 'effect')) await c.decide('approve', { gate: gate.id })
  const { items, groups } = await c.ask('dead', {})
  assert.deepEqual(
    items.map((l) => [l.title, l.alone]),
    [
      ['shop.order 1 a', false],
      ['shop.print 1 b', true],
      ['shop.print 1 c', true],
    ],
  )
  assert.deepEqual(
    groups.map((g) => [g.count, g.alone]),
    [
      [1, 0],
      [2, 2],
    ],
  )
  const { done, failed } = await c.ask('redrive', { which: 'all' })
  await c.idle()
  assert.deepEqual(done, [items[0]!.effect])
  assert.deepEqual(
    failed.map((f) => [f.id, f.code]),
    items.slice(1).map((l) => [l.effect, 'dead.alone']),
  )
  assert.deepEqual(await states(c), { a: 'succeeded', b: 'failed', c: 'failed' })
  await c.ask('redrive', { which: items[1]!.effect })
  await c.idle()
  assert.deepEqual(await states(c), { a: 'succeeded', b: 'succeeded', c: 'failed' })
  await c.check()
})

onEachStore('closing needs a reason, and the run goes on with the failure', async (url) => {
  const shop = new Shop()
  shop.script = [fails('domain', 'shop.closed')]
  await using c = await openShop(shop, url, { folder: await policyFolder(RUN_ALL) })
  const run = await c.run(shop.buy(), [{ item: 'a' }])
  await assert.rejects(c.ask('closeDead', { which: 'all', reason: ' ' }), { code: 'gate.needs_reason' })
  await c.ask('closeDead', { which: 'all', reason: 'they moved' })
  await c.idle()
  const { state, reason } = await told(c, run)
  assert.deepEqual([state, reason, await c.list('dead', {})], ['failed', 'they moved', []])
  await c.check()
})

test('the preview is true where it will not simply be called', async () => {
  const shop = new Shop()
  await using first = await dead(shop)
  const folder = first.folder
  await first.ask('pause', { scope: 'shop' })
  assert.match((await redrive(first))[0]!, /waits.*paused/)
  await first.ask('resume', { scope: 'shop' })
  await policyFolder('@id("no") @reason("closed on Sundays") forbid (principal, action, resource);', folder)
  await first.open.loadPolicies()
  assert.match((await redrive(first))[0]!, /is refused.*closed on Sundays/)
  await policyFolder('@id("ask") @outcome("ask") @reason("look twice") forbid (principal, action, resource);', folder)
  await first.open.loadPolicies()
  assert.match((await redrive(first))[0]!, /asked for.*look twice/)
  await first.ask('redrive', { which: (await first.effects())[0]!.id })
  await first.idle()
  assert.equal((await states(first)).a, 'gated')
  await policyFolder(RUN_ALL, folder)
  shop.version = 2
  await using c = await reopenShop(first, shop)
  await c.idle()
  assert.match((await redrive(c))[0]!, /asked for again.*version 2/)
  await c.ask('redrive', { which: (await c.effects())[1]!.id })
  await c.idle()
  assert.equal((await states(c)).b, 'gated')
  await c.check()
})

test('the preview of an undo says what becomes of it', async () => {
  const shop = new Shop()
  shop.undoScript = [fails('domain')]
  await using first = await openShop(shop, undefined, { folder: await policyFolder(RUN_ALL) })
  await first.run(shop.buy(), [{ item: 'a' }])
  const { id } = (await first.effects())[0]!
  await first.ask('undo', { id, binding: (await first.ask('undoPlan', { id })).binding })
  await first.idle()
  assert.match((await redrive(first))[0]!, /^the undo of shop\.order is called once more/)
  shop.version = 2
  await using c = await reopenShop(first, shop)
  assert.match((await redrive(c))[0]!, /stops again at once.*version 2/)
  await c.ask('redrive', { which: 'all' })
  await c.idle()
  assert.equal((await c.ask('dead', {})).groups[0]!.code, 'effect.changed')
  assert.equal(shop.called('undo').length, 1)
  await c.check()
})

test('a dead letter that nobody waits for says so', async () => {
  const shop = new Shop()
  await using c = await dead(shop)
  const [effect] = await c.effects()
  await c.ask('cancel', { id: effect!.run })
  await c.idle()
  assert.match((await redrive(c))[0]!, /its run no longer waits for it/)
  await c.check()
})

test('an action that is gone stops again at once, and says so', async () => {
  const shop = new Shop()
  await using first = await openShop(shop)
  shop.script = [fails('domain')]
  await first.run(shop.buy(), [{ item: 'a' }])
  await first.decide('approve')
  await first.close()
  await using c = await openShop(shop, undefined, { folder: first.folder, clock: first.clock, connectors: [] })
  assert.match((await redrive(c))[0]!, /stops at once/)
})
