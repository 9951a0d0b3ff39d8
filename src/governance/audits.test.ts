import assert from 'node:assert/strict'
import { onEachStore } from '../../test/each-store.ts'
import { policyFolder, Shop } from '../../test/shop.ts'
import { agent, workflow, z, type Rule } from '../index.ts'
import { testCompany } from '../testing.ts'
import { isSampled } from './audits.ts'

const SMALL = '@id("small") permit (principal, action, resource) when { context.input.amount <= 10 };'
const Wish = z.object({ item: z.string(), amount: z.int() })
const byPrice: Rule<z.infer<typeof Wish>, 'buy' | 'leave'> = () => ({ value: 'buy', confidence: 0.9, because: 'cheap' })
const buying = agent('buying', { input: Wish, output: z.enum(['buy', 'leave']), tiers: [byPrice, 'operator'] })

async function office(url: string | undefined) {
  const shop = new Shop()
  const buy = workflow('buy', { input: Wish }, async (ctx, wish) => {
    await ctx.decide(buying, wish)
    return ctx.act(shop.order(), wish)
  })
  const c = await testCompany({
    ...(url ? { url } : {}),
    connectors: [shop.connector()],
    workflows: [buy],
    agents: [buying],
    folder: await policyFolder(SMALL),
  })
  return { c, buy }
}

onEachStore('one in ten of what passed is looked over, and what was found is in the figures', async (url) => {
  const { c, buy } = await office(url)
  await using _ = c
  for (let n = 0; n < 60; n++) await c.run(buy, { item: `cup ${n}`, amount: 5 })
  const asked = await c.run(buy, { item: 'desk', amount: 400 })
  await c.decide('approve')
  const all = await c.list('effects', { limit: 100 })
  const passed = all.filter((e) => e.run !== asked).map((e) => e.id)
  assert.equal(passed.length, 60)
  const sample = passed.filter(isSampled)
  const listed = await c.list('audits', {})
  assert.deepEqual(listed.map((e) => e.id).toSorted(), sample.toSorted())
  assert.ok(listed.every((e) => e.policies.join() === 'small' && e.title.includes('cup')))
  assert.equal((await c.ask('today', {})).toAudit, sample.length)
  const pages: string[] = []
  for (let cursor: string | undefined; ;) {
    const page = await c.ask('audits', { limit: 2, ...(cursor === undefined ? {} : { cursor }) })
    pages.push(...page.items.map((e) => e.id))
    if (page.next === null) break
    cursor = page.next
  }
  assert.deepEqual(
    pages,
    listed.map((e) => e.id),
    'by pages it is the same',
  )

  // Any that passed may be looked at, of the sample or not: two are enough to tell from.
  const [right, wrong] = [passed.find(isSampled) ?? passed[0]!, passed.findLast((id) => !isSampled(id))!]
  assert.deepEqual((await c.ask('effect', { id: right })).audit, { verdict: null, sampled: isSampled(right) })
  assert.equal((await c.ask('effect', { id: all.find((e) => e.run === asked)!.id })).audit, null)
  const none = await c.ask('figures', {})
  assert.deepEqual([none.audited, none.wrong, none.errorRate], [0, 0, null])
  // The gate of the desk was approved: that decision is judged already.
  const record = async () => (await c.ask('agents', {}))[0]!.record.find((t) => t.tier === 'rule')!
  const before = await record()
  await c.ask('audit', { id: right, verdict: 'right' })
  assert.equal((await record()).kept, before.kept + 1, 'the tier that decided is judged by it')
  await assert.rejects(c.ask('audit', { id: wrong, verdict: 'wrong' }), { code: 'audit.needs_reason' })
  await c.ask('audit', { id: wrong, verdict: 'wrong', reason: 'we have cups' })
  assert.equal((await record()).kept, before.kept + 1, 'which decision was wrong is for a correction to say')
  assert.deepEqual((await c.ask('effect', { id: wrong })).audit, { verdict: 'wrong', sampled: false })
  const { audited, wrong: bad, errorRate } = await c.ask('figures', {})
  assert.deepEqual([audited, bad, errorRate], [2, 1, 0.5])
  const policy = (await c.ask('policies', {})).policies.find((p) => p.id === 'small')!
  assert.deepEqual([policy.passed, policy.audited, policy.wrong], [60, 2, 1])
  assert.ok(!(await c.list('audits', {})).some((e) => e.id === right))

  await assert.rejects(c.ask('audit', { id: right, verdict: 'wrong', reason: 'no' }), { code: 'audit.done' })
  const desk = all.find((e) => e.run === asked)!.id
  await assert.rejects(c.ask('audit', { id: desk, verdict: 'right' }), { code: 'audit.asked' })
  const again = passed.filter((id) => id !== right && id !== wrong)[0]!
  const both = await Promise.allSettled(
    ['right', 'wrong'].map((verdict) => c.ask('audit', { id: again, verdict: verdict as 'right', reason: 'at once' })),
  )
  assert.deepEqual(both.map((one) => one.status).toSorted(), ['fulfilled', 'rejected'], 'once, whoever is first')
  await c.advance('29d')
  assert.equal((await c.ask('today', {})).toAudit, 0, 'what is old is not looked over any more')
  await c.check()
})
