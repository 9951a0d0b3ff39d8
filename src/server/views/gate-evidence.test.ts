import assert from 'node:assert/strict'
import { onEachStore } from '../../../test/each-store.ts'
import { fails, policyFolder, Shop } from '../../../test/shop.ts'
import { entity, signal, workflow, z } from '../../index.ts'
import { testCompany } from '../../testing.ts'

const wish = signal('wish', z.object({ item: z.string(), amount: z.int() }))
const Customer = entity('customer', { plan: z.string() })
const WHO = 'ada@example.com'
const SMALL = '@id("small") permit (principal, action, resource) when { context.input.amount <= 10 };'

onEachStore('what stopped shows at its gate what its approval rested on, and forgets it with the rest', async (url) => {
  const shop = new Shop()
  const buy = workflow('buy', { on: wish }, async (ctx, order) => {
    await ctx.facts.about(Customer, WHO)
    return ctx.act(shop.order(), order)
  })
  await using c = await testCompany({
    ...(url ? { url } : {}),
    connectors: [shop.connector()],
    workflows: [buy],
    entities: [Customer],
    folder: await policyFolder(SMALL),
  })
  shop.script = [fails('domain'), fails('uncertain'), fails('domain')]
  await c.send(wish, { item: 'desk', amount: 40 })
  const [asked] = await c.queue()
  await c.decide('approve')
  await c.send(wish, { item: 'lamp', amount: 1 })
  await c.send(wish, { item: 'chair', amount: 2 })

  const stopped = await c.queue()
  assert.deepEqual(
    stopped.map((gate) => [gate.kind, gate.evidence.map((e) => [e.kind, /desk|lamp|chair/.exec(e.text)?.[0]])]),
    [
      ['dead_letter', [['signal', 'desk']]],
      ['uncertain', [['signal', 'lamp']]],
      ['dead_letter', [['signal', 'chair']]],
    ],
  )
  assert.deepEqual(stopped[0]!.evidence, asked!.evidence)

  const also = await Promise.all(stopped.map(async (gate) => (await c.row(gate.run!)).signal!))
  const { binding } = await c.ask('forgetPlan', { who: WHO, also })
  await c.ask('forget', { who: WHO, also, end: true, binding })
  for (const { id } of stopped) {
    const left = await c.ask('gate', { id })
    assert.ok(left.evidence.length > 0 && left.evidence.every((e) => e.text.includes('(erased)')), JSON.stringify(left))
    assert.doesNotMatch(JSON.stringify(left), /desk|lamp|chair/)
  }
  await c.check()
})
