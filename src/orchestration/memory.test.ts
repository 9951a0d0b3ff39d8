import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { entity } from '../context/facts.ts'
import { signal } from '../context/signals.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const Customer = entity('customer', {
  name: z.string(),
  plan: z.enum(['free', 'pro']).default('free'),
  visits: z.number().default(0),
})
const Mail = z.object({ from: z.string(), subject: z.string(), text: z.string(), id: z.string() })
const mail = signal('mail', Mail, {
  message: (m) => ({ party: m.from, subject: m.subject, text: m.text, ids: [m.id] }),
})
const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })

const learn = workflow('learn', { on: mail }, async (ctx, m) => {
  const customer = await ctx.facts.about(Customer, m.from)
  const before = { plan: customer.plan, visits: customer.visits, name: customer.name ?? null }
  const kind = await ctx.step('kind', () => ({ id: 'dec_because' }))
  await ctx.facts.assert(
    customer,
    { visits: customer.visits + 1, ...(m.subject === 'pro' ? { plan: 'pro' as const } : {}) },
    { because: kind },
  )
  const after = await ctx.facts.about(Customer, m.from, { key: 'after' })
  return { before, after: { plan: after.plan, visits: after.visits } }
})

async function results(company: TestCompany): Promise<unknown[]> {
  const runs = (await company.list('runs', {})).toReversed()
  return Promise.all(runs.map((r) => company.result(r.id)))
}

const from = (text: string, subject = 'hi') => ({ from: text, subject, text: 'words', id: `${text}-${subject}` })

onEachStore(
  'facts are found by a key as people write it, replaced by newer ones, and say where they are from',
  async (url) => {
    await using company = await testCompany({ workflows: [learn], ...(url ? { url } : {}) })
    await company.send(mail, from('Ada@Example.org'))
    await company.send(mail, from(' ada@example.org ', 'pro'))
    assert.deepEqual(await results(company), [
      { before: { plan: 'free', visits: 0, name: null }, after: { plan: 'free', visits: 1 } },
      { before: { plan: 'free', visits: 1, name: null }, after: { plan: 'pro', visits: 2 } },
    ])
    const rows = await company.open.store.engine.queryText(
      'select attribute, value, ended_seq, source, actor, trust from fact order by recorded_seq, attribute',
      [],
    )
    assert.deepEqual(
      rows.map((r) => [r.attribute, r.value, r.ended_seq === null, r.source, r.trust]),
      [
        ['visits', '1', false, 'dec_because', 'operator'],
        ['visits', '2', true, 'dec_because', 'operator'],
        ['plan', '"pro"', true, 'dec_because', 'operator'],
      ],
    )
    assert.match(String(rows[0]!.actor), /^run:run_/)
    await company.check()
  },
)

test('a run reads the facts that it read before, whatever became known since', async () => {
  const reader = workflow('reader', {}, async (ctx) => {
    const first = await ctx.facts.about(Customer, 'ada@example.org')
    await ctx.waitFor(go, { match: 'x' })
    const second = await ctx.facts.about(Customer, 'ada@example.org', { key: 2 })
    return [first.visits, second.visits]
  })
  await using company = await testCompany({ workflows: [reader, learn] })
  await company.send(mail, from('ada@example.org'))
  const run = await company.run(reader, null)
  await company.send(mail, from('ada@example.org', 'again'))
  await company.send(go, { id: 'x' })
  assert.deepEqual(await company.result(run), [1, 2])
})

test('many runs that learn of one customer at once lose no entity and no fact', async () => {
  await using company = await testCompany({ workflows: [learn] })
  await Promise.all(Array.from({ length: 20 }, (_, i) => company.send(mail, from('ada@example.org', String(i)))))
  const entities = await company.open.store.engine.queryText('select id from entity', [])
  assert.equal(entities.length, 1)
  const current = await company.open.store.engine.queryText('select id from fact where ended_seq is null', [])
  assert.equal(current.length, 1)
  await company.check()
})

test('what is not declared, or does not fit, is not asserted', async () => {
  const wrong = workflow('wrong', { input: z.object({ what: z.string() }) }, async (ctx, { what }) => {
    const customer = await ctx.facts.about(Customer, 'a@b.ch')
    const statements = what === 'unknown' ? { colour: 'red' } : { visits: 'many' }
    await ctx.facts.assert(customer, statements as never)
  })
  await using company = await testCompany({ workflows: [wrong] })
  for (const [what, code] of [
    ['unknown', 'fact.unknown_attribute'],
    ['bad', 'fact.bad_value'],
  ] as const) {
    assert.equal((await company.row(await company.run(wrong, { what }))).error_code, code)
  }
})

test('recall finds what was said with whom, nearest first, within its budget', async () => {
  const look = workflow('look', { input: z.object({ budget: z.number() }) }, async (ctx, { budget }) => {
    const ada = await ctx.facts.about(Customer, 'ada@example.org')
    const past = await ctx.recall('what about my invoice', { about: ada, budget })
    return past.nothing ?? past.map((p) => `${p.from} ${p.subject}`)
  })
  const hear = workflow('hear', { on: mail }, async () => {})
  await using company = await testCompany({ workflows: [look, hear] })
  const said = [
    ['weather', 'nice day'.padEnd(400, '.')],
    ['bill', 'the invoice for March is wrong'.padEnd(400, '.')],
    ['reminder', 'where is my invoice'.padEnd(400, '.')],
    ['newest', 'see you'.padEnd(400, '.')],
  ] as const
  for (const [subject, text] of said) {
    await company.send(mail, { from: 'ada@example.org', subject, text, id: subject })
    company.clock.advance(1_000)
  }
  await company.send(mail, { from: 'eve@example.org', subject: 'other', text: 'the invoice for March', id: 'other' })
  assert.deepEqual(await company.result(await company.run(look, { budget: 300 })), ['them bill', 'them reminder'])
  assert.deepEqual(await company.result(await company.run(look, { budget: 150 })), ['them bill'])
  assert.match(JSON.stringify(await company.result(await company.run(look, { budget: 0 }))), /budget/)
})
