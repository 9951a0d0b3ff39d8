import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, Shop } from '../../test/shop.ts'
import { workflow } from '../index.ts'
import { testCompany, type TestCompany } from '../testing.ts'

function saga(shop: Shop, broken = false) {
  const trip = workflow('trip', {}, async (ctx) => {
    await ctx.act(shop.look(), { item: 'map', amount: 1 })
    await ctx.act(shop.order(), { item: 'flight', amount: 1 }, { key: 1 })
    await ctx.act(shop.print(), { item: 'ticket', amount: 1 })
    await ctx.act(shop.order(), { item: 'hotel', amount: 1 }, { key: 2 })
    if (broken) throw new Error('rained off')
    return ctx.compensate()
  })
  return { trip, options: { workflows: [trip], connectors: [shop.connector()] } }
}

async function approveAll(company: TestCompany): Promise<void> {
  for (let i = 0; i < 3; i++) await company.decide('approve')
}

const byItem = async (company: TestCompany) =>
  Object.fromEntries(
    (await company.effects())
      .filter((e) => e.undoes === null)
      .map((e) => [(JSON.parse(e.input!) as { item: string }).item, e.state]),
  )

onEachStore('what was done is taken back newest first, and what cannot be is left', async (url) => {
  const shop = new Shop()
  const { trip, options } = saga(shop)
  await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
  const run = await company.run(trip, null)
  await approveAll(company)
  const { undone, left } = (await company.result(run)) as { undone: string[]; left: string[] }
  assert.deepEqual(
    shop.calls.filter((c) => c.startsWith('undo')),
    ['undo hotel ref-hotel 1', 'undo flight ref-flight 1'],
  )
  assert.deepEqual([undone.length, left.length], [2, 1])
  assert.deepEqual(await byItem(company), { map: 'succeeded', flight: 'undone', ticket: 'succeeded', hotel: 'undone' })
  await company.check()
})

onEachStore('an undo that fails is a dead letter: tried again it may succeed', async (url) => {
  const shop = new Shop()
  shop.undoScript = [fails('domain')]
  const { trip, options } = saga(shop)
  await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
  const run = await company.run(trip, null)
  await approveAll(company)
  const [gate] = await company.queue()
  assert.equal(gate!.kind, 'dead_letter')
  assert.equal((await byItem(company)).hotel, 'undo_failed')
  await company.decide('retry')
  assert.deepEqual(((await company.result(run)) as { undone: string[] }).undone.length, 2)
  assert.equal((await byItem(company)).hotel, 'undone')
  await company.check()
})

test('an undo that is given up is left, and the rest is taken back all the same', async () => {
  const shop = new Shop()
  shop.undoScript = [fails('domain')]
  const { trip, options } = saga(shop)
  await using company = await testCompany(options)
  const run = await company.run(trip, null)
  await approveAll(company)
  await company.decide('close', { reason: 'they do not answer' })
  const { undone, left } = (await company.result(run)) as { undone: string[]; left: string[] }
  assert.deepEqual([undone.length, left.length], [1, 2])
  assert.deepEqual(await byItem(company), {
    map: 'succeeded',
    flight: 'undone',
    ticket: 'succeeded',
    hotel: 'undo_failed',
  })
  await company.check()
})

test('an undo whose end nobody knows is the operator’s', async () => {
  const shop = new Shop()
  shop.undoScript = [fails('uncertain')]
  const { trip, options } = saga(shop)
  await using company = await testCompany(options)
  const run = await company.run(trip, null)
  await approveAll(company)
  assert.equal((await company.queue())[0]!.kind, 'uncertain')
  await company.decide('happened')
  assert.equal(((await company.result(run)) as { undone: string[] }).undone.length, 2)
  await company.check()
})

test('the operator has a failed run take back what it did; it ends cancelled', async () => {
  const shop = new Shop()
  const { trip, options } = saga(shop, true)
  await using first = await testCompany(options)
  const run = await first.run(trip, null)
  await approveAll(first)
  shop.undoScript = [fails('domain')]
  await first.decide('compensate')
  assert.equal((await first.queue())[0]!.kind, 'dead_letter')
  await first.close()
  const again = await testCompany({ ...options, folder: first.folder, clock: first.clock })
  await again.decide('retry')
  assert.equal((await again.row(run)).state, 'cancelled')
  assert.deepEqual(await byItem(again), { map: 'succeeded', flight: 'undone', ticket: 'succeeded', hotel: 'undone' })
  await again.check()
  await again.close()
})
