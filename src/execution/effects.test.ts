import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, Shop } from '../../test/shop.ts'
import { workflow } from '../index.ts'
import { testCompany, type TestCompany } from '../testing.ts'

function buying(shop: Shop, hold?: '1h') {
  const buy = workflow('buy', {}, (ctx) => ctx.act(shop.order(), { item: 'tea', amount: 2 }, hold ? { hold } : {}))
  return { buy, options: { workflows: [buy], connectors: [shop.connector()] } }
}

type Outcome = { state: string; input: unknown; output: unknown; reason: string | null }

async function outcome(company: TestCompany, run: string): Promise<Outcome> {
  const { state, input, output, reason } = (await company.result(run)) as unknown as Outcome
  return { state, input, output, reason }
}

onEachStore('what is approved is sent once, with its key and a token', async (url) => {
  const shop = new Shop()
  const { buy, options } = buying(shop)
  await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
  const run = await company.run(buy, null)
  const [gate] = await company.queue()
  assert.deepEqual(
    [gate!.title, gate!.risk, gate!.proposal],
    ['shop.order 2 tea', 'compensable', { item: 'tea', amount: 2 }],
  )
  assert.deepEqual(shop.calls, [])
  await company.decide('approve')
  assert.deepEqual(await outcome(company, run), {
    state: 'succeeded',
    input: { item: 'tea', amount: 2 },
    output: { ref: 'ref-tea' },
    reason: null,
  })
  const [effect] = await company.effects()
  assert.deepEqual(shop.calls, [`shop.order ${effect!.key} 1`])
  await company.check()
})

onEachStore('an edit is what is sent and what the workflow gets back', async (url) => {
  const shop = new Shop()
  const { buy, options } = buying(shop)
  await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
  const run = await company.run(buy, null)
  const before = (await company.effects())[0]!.binding
  await company.decide('edit', { value: { item: 'coffee' } })
  const got = await outcome(company, run)
  assert.deepEqual(
    [got.state, got.input, shop.inputs],
    ['succeeded', { item: 'coffee', amount: 1 }, [{ item: 'coffee', amount: 1 }]],
  )
  assert.notEqual((await company.effects())[0]!.binding, before)
  await company.check()
})

test('an edit that the action does not take is refused, and the gate stays open', async () => {
  const shop = new Shop()
  const { buy, options } = buying(shop)
  await using company = await testCompany(options)
  await company.run(buy, null)
  for (const value of [{}, { item: '' }, { item: 'tea', amount: -1 }, 'tea', null]) {
    await assert.rejects(company.decide('edit', { value }), { code: 'action.bad_input' })
  }
  await assert.rejects(company.decide('edit'), { code: 'gate.needs_value' })
  assert.equal((await company.queue()).length, 1)
  assert.deepEqual(shop.calls, [])
})

onEachStore('a rejection is a value, with the reason', async (url) => {
  const shop = new Shop()
  const { buy, options } = buying(shop)
  await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
  const run = await company.run(buy, null)
  await assert.rejects(company.decide('reject', { reason: '  ' }), { code: 'gate.needs_reason' })
  await company.decide('reject', { reason: 'too dear' })
  assert.deepEqual(await outcome(company, run), {
    state: 'rejected',
    input: { item: 'tea', amount: 2 },
    output: null,
    reason: 'too dear',
  })
  assert.deepEqual(shop.calls, [])
  await company.check()
})

test('a hold window is waited out, also over a restart', async () => {
  const shop = new Shop()
  const { buy, options } = buying(shop, '1h')
  await using first = await testCompany(options)
  const run = await first.run(buy, null)
  await first.decide('approve')
  await first.advance('59m')
  assert.deepEqual(shop.calls, [])
  await first.close()
  const again = await testCompany({ ...options, folder: first.folder, clock: first.clock })
  await again.idle()
  assert.deepEqual(shop.calls, [])
  await again.advance('1m')
  assert.equal(shop.calls.length, 1)
  assert.equal((await outcome(again, run)).state, 'succeeded')
  await again.close()
})

onEachStore('cancelling during the hold stops it for good', async (url) => {
  const shop = new Shop()
  const { buy, options } = buying(shop, '1h')
  await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
  const run = await company.run(buy, null)
  await company.decide('approve')
  await company.ask('cancel', { id: run, reason: 'changed my mind' })
  await company.advance('2h')
  assert.deepEqual(shop.calls, [])
  assert.deepEqual((await company.ask('status', {})).effects, { cancelled: 1 })
  await company.check()
})

test('cancelling a run whose effect waits at its gate closes the gate', async () => {
  const shop = new Shop()
  const { buy, options } = buying(shop)
  await using company = await testCompany(options)
  const run = await company.run(buy, null)
  const [gate] = await company.queue()
  await company.ask('cancel', { id: run })
  assert.deepEqual(await company.queue(), [])
  await assert.rejects(company.decide('approve', { gate: gate!.id }), { code: 'gate.decided' })
  await company.check()
})

test('input that the action does not take fails at that step, before anybody is asked', async () => {
  const shop = new Shop()
  const wrong = workflow('wrong', {}, (ctx) => ctx.act(shop.order(), { item: '', amount: 1 }))
  await using company = await testCompany({ workflows: [wrong], connectors: [shop.connector()] })
  const row = await company.row(await company.run(wrong, null))
  assert.equal(row.error_code, 'action.bad_input')
  const [gate] = await company.queue()
  assert.match(gate!.title, /at "shop\.order".*at item/)
  assert.deepEqual(await company.effects(), [])
})

test('reading asks nobody', async () => {
  const shop = new Shop()
  const look = workflow('look', {}, (ctx) => ctx.act(shop.look(), { item: 'tea', amount: 1 }))
  await using company = await testCompany({ workflows: [look], connectors: [shop.connector()] })
  assert.equal((await outcome(company, await company.run(look, null))).state, 'succeeded')
})

test('an action that changed after it was approved is asked for again, with what is different', async () => {
  const shop = new Shop()
  const { buy, options } = buying(shop, '1h')
  await using first = await testCompany(options)
  await first.run(buy, null)
  await first.decide('approve')
  await first.close()
  shop.version = 2
  const again = await testCompany({ ...buying(shop, '1h').options, folder: first.folder, clock: first.clock })
  await again.advance('1h')
  const gates = (await again.queue()).filter((g) => g.kind === 'effect')
  assert.equal(gates.length, 1)
  assert.match(gates[0]!.reason, /is version 2, the approval was for version 1/)
  assert.deepEqual((gates[0]!.context as { before: unknown }).before, { version: 1 })
  assert.deepEqual([shop.calls, (await again.effects())[0]!.state], [[], 'gated'])
  await again.decide('approve', { gate: gates[0]!.id })
  await again.advance('1h')
  assert.deepEqual([shop.calls.length, (await again.effects())[0]!.state], [1, 'succeeded'])
  await again.check()
  await again.close()
})

test('an action whose connector is gone waits for it as a dead letter, however often it is tried', async () => {
  const shop = new Shop()
  const { buy, options } = buying(shop, '1h')
  await using first = await testCompany(options)
  await first.run(buy, null)
  await first.decide('approve')
  await first.close()
  const without = await testCompany({ ...options, connectors: [], folder: first.folder, clock: first.clock })
  await without.advance('1h')
  for (let i = 0; i < 2; i++) {
    await without.decide('retry')
    const [gate] = await without.queue()
    assert.equal(gate!.kind, 'dead_letter')
  }
  await without.close()
  const back = await testCompany({ ...options, folder: first.folder, clock: first.clock })
  await back.decide('retry')
  assert.equal(shop.calls.length, 1)
  assert.equal((await back.effects())[0]!.state, 'succeeded')
  await back.check()
  await back.close()
})

onEachStore(
  'an effect that has not left can be stopped, at its gate or in its hold, and its run goes on',
  async (url) => {
    const shop = new Shop()
    const { buy, options } = buying(shop, '1h')
    await using company = await testCompany({ ...options, ...(url ? { url } : {}) })
    for (const approved of [false, true]) {
      const run = await company.run(buy, null)
      if (approved) await company.decide('approve')
      const { id } = (await company.effects()).at(-1)!
      const stopped = await company.ask('cancel', { id, reason: 'too dear' })
      assert.deepEqual([stopped.id, stopped.workflow, stopped.state], [id, 'buy', 'cancelled'])
      await company.advance('2h')
      const { state, reason } = await outcome(company, run)
      assert.deepEqual([state, reason, shop.calls, await company.queue()], ['cancelled', 'too dear', [], []])
      await assert.rejects(company.ask('cancel', { id }), { code: 'effect.left' })
    }
    await company.check()
  },
)

test('an effect that may have happened cannot be stopped; one that certainly failed so far can', async () => {
  for (const [kind, state] of [
    ['uncertain', 'retrying'],
    ['transient', 'cancelled'],
  ] as const) {
    const shop = new Shop()
    shop.script = [fails(kind)]
    const pay = workflow('pay', {}, (ctx) => ctx.act(shop.pay(), { item: 'tea', amount: 1 }))
    await using company = await testCompany({ workflows: [pay], connectors: [shop.connector()] })
    await company.run(pay, null)
    await company.decide('approve')
    const { id } = (await company.effects())[0]!
    const cancelling = company.ask('cancel', { id: id.slice(-12) })
    if (kind === 'uncertain') await assert.rejects(cancelling, { code: 'effect.left' })
    else await cancelling
    assert.equal((await company.effects())[0]!.state, state)
  }
})
