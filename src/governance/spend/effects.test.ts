import assert from 'node:assert/strict'
import { onEachStore } from '../../../test/each-store.ts'
import { fails, Shop } from '../../../test/shop.ts'
import { workflow } from '../../index.ts'
import { testCompany, type TestCompany } from '../../testing.ts'
import { budget, type Budget } from './budgets.ts'
import { EUR } from './world.fixture.ts'

const PRICE = { micros: 4 * EUR, currency: 'EUR' }

function paying(
  shop: Shop,
  url: string | undefined,
  budgets: readonly Budget[],
  verb: 'pay' | 'order' | 'look' = 'pay',
) {
  shop.also = { cost: () => PRICE }
  const pay = workflow('pay', {}, (ctx) => ctx.act(shop[verb](), { item: 'tea', amount: 1 }, { hold: 0 }))
  return {
    pay,
    open: () => testCompany({ workflows: [pay], connectors: [shop.connector()], budgets, ...(url ? { url } : {}) }),
  }
}

async function spent(company: TestCompany): Promise<string> {
  const { total } = await company.ask('costs', {})
  return total.map((t) => `${t.micros / EUR} ${t.currency} in ${t.uses}`).join(', ')
}

const month = (amount: string) =>
  budget({ name: 'shop', of: { connector: 'shop' }, per: 'month', money: { amount, currency: 'EUR' } })

onEachStore('an effect with a price is metered by the try: what certainly did nothing costs nothing', async (url) => {
  const shop = new Shop()
  const { pay, open } = paying(shop, url, [month('20')])
  await using company = await open()
  shop.script = [fails('transient')]
  const run = await company.run(pay, null)
  await company.decide('approve')
  assert.equal(await spent(company), '0 EUR in 0')
  await company.advance('5m')
  assert.equal(((await company.result(run)) as { state: string }).state, 'succeeded')
  assert.equal(await spent(company), '4 EUR in 1')
  const uses = await company.open.spend.ofRun(run)
  assert.deepEqual(
    uses.map((u) => [u.outcome, u.uses, u.workflow, u.action, u.connector]),
    [
      ['nothing', 0, 'pay', 'shop.pay', 'shop'],
      ['used', 1, 'pay', 'shop.pay', 'shop'],
    ],
  )
  await company.check()
})

for (const [kind, cost, what] of [
  ['domain', '0 EUR in 0', 'what was refused for good costs nothing'],
  ['uncertain', '4 EUR in 1', 'what nobody knows costs in full'],
] as const)
  onEachStore(what, async (url) => {
    const shop = new Shop()
    const { pay, open } = paying(shop, url, [month('20')], 'order')
    await using company = await open()
    shop.script = [fails(kind)]
    await company.run(pay, null)
    await company.decide('approve')
    assert.equal(await spent(company), cost)
    await company.check()
  })

onEachStore('over a budget, what would pass by itself asks first', async (url) => {
  const shop = new Shop()
  const { pay, open } = paying(shop, url, [month('7')], 'look')
  await using company = await open()
  await company.run(pay, null)
  assert.equal(shop.calls.length, 1)
  const run = await company.run(pay, null)
  assert.equal(shop.calls.length, 1)
  const [gate] = await company.queue()
  assert.match(gate!.reason, /"shop" .*4\.00 EUR of 7\.00 EUR are spent or reserved, .* up to 4\.00 EUR more/)
  await company.decide('approve')
  assert.equal(((await company.result(run)) as { state: string }).state, 'succeeded')
  assert.equal(await spent(company), '8 EUR in 2')
  await company.check()
})

onEachStore('a budget that counts uses meters also what has no price', async (url) => {
  const shop = new Shop()
  const counted = budget({ name: 'calm', of: { connector: 'shop' }, per: 'day', count: 3 })
  const order = workflow('order', {}, (ctx) => ctx.act(shop.order(), { item: 'tea', amount: 1 }, { hold: 0 }))
  await using company = await testCompany({
    workflows: [order],
    connectors: [shop.connector()],
    budgets: [counted],
    ...(url ? { url } : {}),
  })
  await company.run(order, null)
  await company.decide('approve')
  const [limit] = (await company.ask('costs', {})).budgets
  assert.deepEqual([limit!.unit, limit!.used, limit!.left], ['count', 1, 2])
  await company.check()
})

onEachStore('what the operator approved goes over a budget, and the record says so', async (url) => {
  const shop = new Shop()
  const { pay, open } = paying(shop, url, [month('3')])
  await using company = await open()
  const run = await company.run(pay, null)
  const [gate] = await company.queue()
  assert.match(gate!.overBudget!, /"shop" .*0\.00 EUR of 3\.00 EUR are spent or reserved, .* up to 4\.00 EUR more/)
  assert.deepEqual(await company.ask('gate', { id: gate!.id }), gate)
  assert.deepEqual(await company.open.spend.ofRun(run), [], 'to look reserves nothing')
  await company.decide('approve')
  assert.equal(shop.calls.length, 1)
  const [use] = await company.open.spend.ofRun(run)
  assert.deepEqual([use!.state, use!.over_budget, use!.micros], ['settled', 'shop', 4 * EUR])
  await company.check()
})
