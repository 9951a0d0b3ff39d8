import assert from 'node:assert/strict'
import { signal, workflow, z, type Json } from '../../src/index.ts'
import { testCompany, type TestCompany, type TestCompanyOptions } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { Customer, MINUTE, letter, listen, mail } from './world.ts'

const ADA = 'ada@example.org'
const EVE = 'eve@example.net'
const why = { reason: 'she said so on the phone' }

function open(url?: string, workflows: TestCompanyOptions['workflows'] = []) {
  return testCompany({ workflows: [listen, ...workflows], entities: [Customer], ...(url ? { url } : {}) })
}

async function values(c: TestCompany, attribute: string, who = ADA): Promise<Json[]> {
  const { facts } = await c.ask('facts', { entity: who })
  return facts.filter((f) => f.attribute === attribute).map((f) => f.value)
}

async function hear(c: TestCompany, from: string, about: string, says: Record<string, Json>) {
  await c.send(mail, letter(from, about, says), { trust: 'outsider' })
  c.clock.advance(1 * MINUTE)
}

onEachStore('what was said since a conflict was asked is not replaced or ended by the answer', async (url) => {
  await using c = await open(url)
  await hear(c, ADA, ADA, { phone: '1', iban: 'AT1' })
  await hear(c, EVE, ADA, { phone: '2' })
  await c.ask('factAssert', { entity: ADA, attribute: 'phone', value: '3', ...why })
  for (const outcome of ['believe', 'end']) await assert.rejects(c.decide(outcome), { code: 'fact.sides_moved' })
  assert.deepEqual(await values(c, 'phone'), ['3'])
  await c.decide('keep')
  assert.deepEqual(await values(c, 'phone'), ['3'])
  // One of both sides was said again: the question is the same.
  await hear(c, EVE, ADA, { iban: 'AT2' })
  await c.ask('factAssert', { entity: ADA, attribute: 'iban', value: 'AT1', ...why })
  await c.decide('believe')
  assert.deepEqual(await values(c, 'iban'), ['AT2'])
  await c.check()
})

const Fix = z.object({ from: z.string(), was: z.string(), is: z.string(), id: z.string() })
const fix = signal('fix', Fix, { message: (m) => ({ party: m.from, subject: 'fix', text: m.is, ids: [m.id] }) })
const fixes = workflow('fixes', { on: fix }, async (ctx, m) =>
  ctx.facts.correct(await ctx.facts.about(Customer, ADA), { tags: m.is }, { was: m.was, reason: 'a slip' }),
)

onEachStore('correcting one value of a set takes no other from a better label', async (url) => {
  await using c = await open(url, [fixes])
  await hear(c, ADA, ADA, { tags: 'uk' })
  await c.ask('factAssert', { entity: ADA, attribute: 'tags', value: 'vip', ...why })
  c.clock.advance(1 * MINUTE)
  await c.send(fix, { from: ADA, was: 'uk', is: 'vip', id: 'fix-1' }, { trust: 'outsider' })
  const { facts } = await c.ask('facts', { entity: ADA })
  const tags = facts.filter((f) => f.attribute === 'tags').map((f) => [f.value, f.trust])
  assert.deepEqual(
    new Map(tags as [string, string][]),
    new Map([
      ['uk', 'outsider'],
      ['vip', 'operator'],
    ]),
  )
  await c.decide('believe')
  assert.deepEqual(await values(c, 'tags'), ['vip'])
  await c.check()
})
