import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { Shop } from '../../test/shop.ts'
import { workflow } from '../index.ts'
import { testCompany } from '../testing.ts'

function buying() {
  const shop = new Shop()
  const buy = workflow('buy', {}, async (ctx) => (await ctx.act(shop.order(), { item: 'tea', amount: 1 })).state)
  return { shop, buy, options: { workflows: [buy], connectors: [shop.connector()] } }
}

onEachStore('of two decisions at the same moment the first wins, and the other is told', async (url) => {
  const { shop, buy, options } = buying()
  await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
  const run = await company.run(buy, null)
  const id = (await company.queue())[0]!.id
  const both = await Promise.allSettled([
    company.ask('decide', { id, outcome: 'approve' }),
    company.ask('decide', { id, outcome: 'reject', reason: 'no' }),
    company.ask('decide', { id, outcome: 'edit', value: { item: 'rum' } }),
  ])
  await company.idle()
  const lost = both.filter((b) => b.status === 'rejected').map((b) => (b.reason as { code: string }).code)
  assert.deepEqual(lost, ['gate.decided', 'gate.decided'])
  const won = both.findIndex((b) => b.status === 'fulfilled')
  assert.equal(await company.result(run), won === 1 ? 'rejected' : 'succeeded')
  assert.equal(shop.calls.length, won === 1 ? 0 : 1)
  await company.check()
})

test('the same decision twice at once is one decision', async () => {
  const { shop, buy, options } = buying()
  await using company = await testCompany(options)
  await company.run(buy, null)
  const id = (await company.queue())[0]!.id
  await Promise.allSettled(Array.from({ length: 5 }, () => company.ask('decide', { id, outcome: 'approve' })))
  await company.idle()
  assert.equal(shop.calls.length, 1)
  const decided = await company.open.store.engine.queryText(`select seq from event where kind = 'gate.decided@1'`, [])
  assert.equal(decided.length, 1)
})

test('an approval is for what was shown and nothing else', async () => {
  const { shop, buy, options } = buying()
  await using company = await testCompany(options)
  await company.run(buy, null)
  const [gate] = await company.queue()
  await assert.rejects(company.ask('decide', { id: gate!.id, outcome: 'approve', binding: 'something else' }), {
    code: 'gate.changed',
  })
  assert.deepEqual(shop.calls, [])
  await company.ask('decide', { id: gate!.id, outcome: 'approve', binding: gate!.binding! })
  await company.idle()
  assert.equal(shop.calls.length, 1)
})

test('an outcome that is not offered is refused with those that are', async () => {
  const { buy, options } = buying()
  await using company = await testCompany(options)
  await company.run(buy, null)
  const { id } = (await company.queue())[0]!
  await assert.rejects(company.ask('decide', { id, outcome: 'happened' }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'gate.bad_outcome')
    assert.match(error.message, /approve, edit, reject/)
    return true
  })
  await assert.rejects(company.ask('decide', { id, outcome: 'reject' }), { code: 'gate.needs_reason' })
  await assert.rejects(company.ask('decide', { id: 'gate_nobody', outcome: 'approve' }), { code: 'id.not_found' })
  await assert.rejects(company.ask('decide', { id: '%', outcome: 'approve' }), { code: 'id.not_found' })
  await assert.rejects(company.ask('decide', { id: 'gate_', outcome: 'approve' }), { code: 'id.not_found' })
})

test('a decision outlives the process, and drives the run when it is started', async () => {
  const { shop, buy, options } = buying()
  await using first = await testCompany(options)
  const run = await first.run(buy, null)
  const { id } = (await first.queue())[0]!
  await first.ask('decide', { id, outcome: 'approve' })
  await first.close()
  const again = await testCompany({ ...options, folder: first.folder, clock: first.clock })
  await again.idle()
  assert.equal(await again.result(run), 'succeeded')
  assert.equal(shop.calls.length, 1)
  await again.close()
})
