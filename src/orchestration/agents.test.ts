import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { agent, type Ruling } from './agent.ts'
import { workflow } from './workflow.ts'

const Kind = z.enum(['refund', 'question'])
let ruling: () => Ruling<'refund' | 'question'> | null = () => null
const triage = agent('triage', {
  input: z.object({ text: z.string() }),
  output: Kind,
  tiers: [() => ruling(), 'learned', 'light', 'operator'],
})
const lonely = agent('lonely', { output: Kind, tiers: [() => null, 'heavy'] })

const sort = workflow('sort', {}, (ctx) => ctx.decide(triage, { text: 'money back' }))
const stuck = workflow('stuck', {}, (ctx) => ctx.decide(lonely, null))

async function decisions(company: TestCompany): Promise<Record<string, unknown>[]> {
  const rows = await company.open.store.engine.queryText(
    `select body, private from event where kind = 'decision.made@1' order by seq`,
    [],
  )
  return rows.map((r) => ({ ...(JSON.parse(String(r.body)) as object), ...(JSON.parse(String(r.private)) as object) }))
}

onEachStore('a rule that is sure decides, and is never asked again', async (url) => {
  let asked = 0
  ruling = () => ({ value: 'refund', confidence: 0.8, because: `asked ${++asked} times` })
  await using company = await testCompany({ workflows: [sort], ...(url ? { url } : {}) })
  const decided = (await company.result(await company.run(sort, null))) as Record<string, unknown>
  assert.deepEqual(
    { ...decided, id: '' },
    { id: '', value: 'refund', tier: 'rule', confidence: 0.8, because: 'asked 1 times' },
  )
  const [made] = await decisions(company)
  assert.deepEqual([made!.tier, made!.value, made!.rationale, made!.passed], ['rule', 'refund', 'asked 1 times', []])
  await company.check()
})

const UNSURE: readonly (readonly [string, () => Ruling<'refund'> | null, RegExp])[] = [
  ['is not sure', () => null, /^rule: not sure$/],
  ['is a little sure', () => ({ value: 'refund', confidence: 0.79 }), /^rule: 79 % sure, 80 % is asked for$/],
  ['answers what does not fit', () => ({ value: 'spam' as 'refund' }), /^rule: its answer does not fit/],
  ['is surer than can be', () => ({ value: 'refund', confidence: Number.NaN }), /^rule: /],
]

for (const [what, rule, passed] of UNSURE) {
  test(`a rule that ${what} is passed over, and so are tiers that are not set up, and the record says so`, async () => {
    ruling = rule
    await using company = await testCompany({ workflows: [sort] })
    const run = await company.run(sort, null)
    const [gate] = await company.queue()
    assert.deepEqual(gate!.choices.at(-1)!.options, ['refund', 'question'])
    await company.decide('answer', { value: 'question', reason: 'it asks' })
    const decided = (await company.result(run)) as Record<string, unknown>
    assert.deepEqual(
      [decided.value, decided.tier, decided.confidence, decided.because],
      ['question', 'operator', null, 'it asks'],
    )
    const [made] = await decisions(company)
    const tiers = made!.passed as string[]
    assert.match(tiers[0]!, passed)
    assert.deepEqual(tiers.slice(1), ['learned: has not seen enough like it yet', 'light: not set up in this company'])
    assert.equal(made!.id, undefined)
    await company.check()
  })
}

test('a rule that throws fails the run at that call', async () => {
  ruling = () => {
    throw new TypeError('rule is broken')
  }
  await using company = await testCompany({ workflows: [sort] })
  await company.run(sort, null)
  assert.match((await company.queue())[0]!.title, /sort failed at "triage": rule is broken/)
})

test('an agent that no tier decides for fails, saying to add the operator', async () => {
  await using company = await testCompany({ workflows: [stuck] })
  const row = await company.row(await company.run(stuck, null))
  assert.equal(row.error_code, 'agent.undecided')
  assert.match(row.error ?? '', /rule: not sure; heavy: not set up.*Add 'operator'/)
})

test('an answer that does not fit is refused and the gate stays open', async () => {
  ruling = () => null
  await using company = await testCompany({ workflows: [sort] })
  await company.run(sort, null)
  for (const value of ['spam', 7, ['refund'], { refund: true }, null, '']) {
    await assert.rejects(company.decide('answer', { value }), { code: 'gate.bad_value' })
  }
  await assert.rejects(company.decide('answer'), { code: 'gate.needs_value' })
  assert.equal((await company.queue()).length, 1)
})

const draft = agent('draft', {
  output: z.object({ body: z.string().min(1), cc: z.array(z.email()).max(2) }),
  instructions: 'Answer briefly.',
  tiers: ['heavy', 'operator'],
})
const write = workflow('write', {}, async (ctx) => (await ctx.delegate(draft, { about: 'x' })).value)

onEachStore('what the operator makes for an agent must have its shape', async (url) => {
  await using company = await testCompany({ workflows: [write], ...(url ? { url } : {}) })
  const run = await company.run(write, null)
  for (const value of [
    'text',
    {},
    { body: '', cc: [] },
    { body: 'hi', cc: ['nobody'] },
    { body: 'hi', cc: ['a@b.ch', 'a@b.ch', 'a@b.ch'] },
  ]) {
    await assert.rejects(company.decide('answer', { value }), { code: 'gate.bad_value' })
  }
  await company.decide('answer', { value: { body: 'hi', cc: ['a@example.org'] } })
  assert.deepEqual(await company.result(run), { body: 'hi', cc: ['a@example.org'] })
  await company.check()
})

const choose = workflow('choose', {}, (ctx) =>
  ctx.ask<string>({ title: 'How many?', options: ['1', '2'], timeout: '1h', otherwise: '2' }),
)
const shaped = workflow('shaped', {}, (ctx) =>
  ctx.ask({ title: 'When?', answer: z.object({ day: z.int().min(1) }), timeout: '1h' }),
)

test('one of the options is answered, as it was offered, and nothing else', async () => {
  await using company = await testCompany({ workflows: [choose] })
  const run = await company.run(choose, null)
  for (const value of ['3', ['1'], { 1: 1 }, true, null])
    await assert.rejects(company.decide('answer', { value }), { code: 'gate.bad_value' })
  // `factotum answer <gate> 1` reads the 1 as JSON.
  await company.decide('answer', { value: 1 })
  assert.equal(await company.result(run), '1')
})

onEachStore('nobody answers in time: what holds otherwise is the answer, and the gate closes', async (url) => {
  await using company = await testCompany({ workflows: [choose, shaped], ...(url ? { url } : {}) })
  const run = await company.run(choose, null)
  const without = await company.run(shaped, null)
  const [gate, other] = await company.queue()
  assert.match(gate!.ifIgnored, /^on .* UTC its run goes on with "2"$/)
  assert.match(other!.ifIgnored, /goes on with no answer$/)
  await company.advance('1h')
  assert.equal(await company.result(run), '2')
  assert.equal(await company.result(without), null)
  assert.deepEqual(await company.queue(), [])
  await assert.rejects(company.decide('answer', { gate: gate!.id, value: '1' }), { code: 'gate.decided' })
  await company.check()
})

test('an answer with a shape is held to it', async () => {
  await using company = await testCompany({ workflows: [shaped] })
  const run = await company.run(shaped, null)
  for (const value of [{ day: 0 }, { day: 'x' }, { day: 1.5 }, {}])
    await assert.rejects(company.decide('answer', { value }), { code: 'gate.bad_value' })
  await company.decide('answer', { value: { day: 3 } })
  assert.deepEqual(await company.result(run), { day: 3 })
})
