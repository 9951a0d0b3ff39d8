import assert from 'node:assert/strict'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { policyFolder, Shop, states } from '../../test/shop.ts'
import { agent, entity, workflow } from '../index.ts'
import type { Json } from '../lib/json.ts'
import { sql } from '../store/index.ts'
import { testCompany, type TestCompany } from '../testing.ts'

const RUN_ALL = '@id("all") permit (principal, action, resource);'
const Customer = entity('customer', { plan: z.string(), debt: z.number() })

const kindOf = agent('kind', {
  input: z.string(),
  output: z.string(),
  tiers: [() => ({ value: 'refund', because: 'it says so' })],
})

const factsNow = sql('select attribute, value from fact where ended_seq is null order by attribute, recorded_seq')
const decisions = sql('select id, retracted_seq from decision order by decided_seq')

async function facts(c: TestCompany): Promise<Record<string, Json>> {
  const rows = await c.open.store.read<{ attribute: string; value: string }>(factsNow())
  assert.equal(new Set(rows.map((r) => r.attribute)).size, rows.length, 'one value of each')
  return Object.fromEntries(rows.map((r) => [r.attribute, JSON.parse(r.value) as Json]))
}

/** A run that knows, buys, believes because of it, decides and buys again. */
async function studio(shop: Shop, url?: string) {
  const know = workflow('know', { input: z.object({ plan: z.string() }) }, async (ctx, { plan }) => {
    const customer = await ctx.facts.about(Customer, 'ada@example.org')
    await ctx.facts.assert(customer, { plan })
  })
  const upgrade = workflow('upgrade', {}, async (ctx) => {
    const customer = await ctx.facts.about(Customer, 'ada@example.org')
    await ctx.facts.assert(customer, { debt: 1 })
    const sold = await ctx.act(shop.order(), { item: 'pro', amount: 1 })
    await ctx.facts.assert(customer, { plan: 'trial' }, { because: sold, key: 1 })
    await ctx.facts.assert(customer, { plan: 'pro' }, { because: sold, key: 2 })
    const kind = await ctx.decide(kindOf, 'a mail')
    await ctx.act(shop.print(), { item: kind.value, amount: 1 })
  })
  const c = await testCompany({
    workflows: [know, upgrade],
    connectors: [shop.connector()],
    folder: await policyFolder(RUN_ALL),
    ...(url ? { url } : {}),
  })
  await c.run(know, { plan: 'free' })
  const run = await c.run(upgrade, null)
  return { c, know, run }
}

onEachStore('what was believed and decided because of an effect is named, and retracted with it', async (url) => {
  const shop = new Shop()
  const { c, run } = await studio(shop, url)
  await using _ = c
  const [pro, letter] = await c.effects()
  const plan = await c.ask('undoPlan', { id: pro!.id })
  assert.deepEqual(
    plan.facts.map((f) => [f.attribute, f.value, f.again]),
    [
      ['plan', 'pro', 'free'],
      ['plan', 'trial', undefined],
    ],
  )
  assert.deepEqual(
    plan.decisions.map((d) => [d.agent, d.value]),
    [['kind', 'refund']],
  )
  assert.deepEqual(plan.followed, [letter!.id])
  assert.deepEqual(await facts(c), { debt: 1, plan: 'pro' })
  await c.ask('undo', { id: pro!.id, binding: plan.binding })
  assert.deepEqual(await facts(c), { debt: 1, plan: 'free' }, 'in the same confirmation')
  await c.idle()
  const rows = await c.open.store.read<{ retracted_seq: number | null }>(decisions())
  assert.ok(rows.every((r) => r.retracted_seq !== null))
  assert.deepEqual(await states(c), { pro: 'undone', refund: 'succeeded' })
  const whole = await c.ask('undoPlan', { id: run })
  assert.deepEqual([whole.facts, whole.decisions], [[], []])
  await c.check()
})

onEachStore('what was believed anew in the meantime stays', async (url) => {
  const shop = new Shop()
  const { c, know } = await studio(shop, url)
  await using _ = c
  const [pro] = await c.effects()
  const before = await c.ask('undoPlan', { id: pro!.id })
  await c.run(know, { plan: 'gold' })
  await assert.rejects(c.ask('undo', { id: pro!.id, binding: before.binding }), { code: 'undo.changed' })
  const plan = await c.ask('undoPlan', { id: pro!.id })
  assert.deepEqual(
    plan.facts.map((f) => [f.value, f.again]),
    [
      ['pro', undefined],
      ['trial', undefined],
    ],
  )
  await c.ask('undo', { id: pro!.id, binding: plan.binding })
  await c.idle()
  assert.deepEqual(await facts(c), { debt: 1, plan: 'gold' })
  await c.check()
})

onEachStore('a decision is taken back with what it led to', async (url) => {
  const shop = new Shop()
  const deciding = workflow('deciding', {}, async (ctx) => {
    const customer = await ctx.facts.about(Customer, 'ada@example.org')
    const kind = await ctx.decide(kindOf, 'a mail')
    const sold = await ctx.act(shop.order(), { item: kind.value, amount: 1 })
    await ctx.facts.assert(customer, { plan: 'pro' }, { because: sold })
  })
  await using c = await testCompany({
    workflows: [deciding],
    connectors: [shop.connector()],
    folder: await policyFolder(RUN_ALL),
    ...(url ? { url } : {}),
  })
  await c.run(deciding, null)
  const [decision] = await c.open.store.read<{ id: string }>(decisions())
  const plan = await c.ask('undoPlan', { id: decision!.id })
  assert.deepEqual(
    [plan.steps.map((s) => s.how), plan.facts.map((f) => f.value), plan.decisions.map((d) => d.id)],
    [['undo'], ['pro'], [decision!.id]],
  )
  await c.ask('undo', { id: decision!.id, binding: plan.binding })
  await c.idle()
  assert.deepEqual([await states(c), await facts(c)], [{ refund: 'undone' }, {}])
  const [after] = await c.open.store.read<{ retracted_seq: number | null }>(decisions())
  assert.notEqual(after!.retracted_seq, null)
  await c.check()
})

onEachStore('a decision that led to nothing outside is retracted with what was believed because of it', async (url) => {
  const shop = new Shop()
  const deciding = workflow('deciding', {}, async (ctx) => {
    const customer = await ctx.facts.about(Customer, 'ada@example.org')
    const kind = await ctx.decide(kindOf, 'a mail')
    await ctx.facts.assert(customer, { plan: kind.value })
    await ctx.act(shop.order(), { item: 'tea', amount: 1 }, { hold: '1h' })
  })
  await using c = await testCompany({
    workflows: [deciding],
    connectors: [shop.connector()],
    folder: await policyFolder(RUN_ALL),
    ...(url ? { url } : {}),
  })
  await c.run(deciding, null)
  const [decision] = await c.open.store.read<{ id: string }>(decisions())
  const plan = await c.ask('undoPlan', { id: decision!.id })
  assert.deepEqual([plan.steps.map((s) => s.how), plan.facts.map((f) => f.value)], [['cancel'], ['refund']])
  const done = await c.ask('undo', { id: decision!.id, binding: plan.binding })
  await c.idle()
  assert.deepEqual([done.cancelled.length, await states(c), await facts(c)], [1, { tea: 'cancelled' }, {}])
  const [after] = await c.open.store.read<{ retracted_seq: number | null }>(decisions())
  assert.notEqual(after!.retracted_seq, null)
  await assert.rejects(
    c.ask('undoPlan', { id: decision!.id }).then((p) => c.ask('undo', { id: decision!.id, binding: p.binding })),
    { code: 'undo.nothing' },
  )
  await c.check()
})
