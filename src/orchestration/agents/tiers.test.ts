import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../../test/each-store.ts'
import { Shop } from '../../../test/shop.ts'
import { signal } from '../../context/signals.ts'
import { budget } from '../../governance/spend/budgets.ts'
import { FactotumError } from '../../lib/errors.ts'
import { scriptedModel, testCompany, type TestCompany } from '../../testing.ts'
import { agent, type Ruling } from '../agent.ts'
import { workflow } from '../workflow.ts'

const Kind = z.enum(['refund', 'question', 'spam'])
type Kind = z.infer<typeof Kind>
const Mail = z.object({ subject: z.string(), text: z.string() })
const arrived = signal('test.mail', Mail)

let ruling: () => Ruling<Kind> | null = () => null
const byWords = () => ruling()
const triage = agent('triage', {
  input: Mail,
  output: Kind,
  instructions: 'Say what the mail is about.',
  tiers: [byWords, 'light', 'heavy', 'operator'],
})
const sort = workflow('sort', { on: arrived }, async (ctx, mail) => (await ctx.decide(triage, mail)).value)
const MAIL = { subject: 'Twice', text: 'I was charged twice.' }
const PRICE = { inputPerMillion: 3, outputPerMillion: 15, currency: 'EUR' }

function says(value: Kind | 'lead', confidence: number): object {
  return { value, confidence, because: `it reads like ${JSON.stringify(value)}` }
}

async function rows(company: TestCompany, text: string): Promise<Record<string, unknown>[]> {
  return company.open.store.engine.queryText(text, [])
}

const decisions = (company: TestCompany) => rows(company, 'select * from decision order by decided_seq')
const opinions = (company: TestCompany) => rows(company, 'select * from opinion order by seq, decision, n')

async function last(company: TestCompany): Promise<{ id: string; state: string }> {
  return (await company.list('runs', {}))[0]!
}

onEachStore('the cheapest tier that is sure decides, and the record says what it cost and was about', async (url) => {
  ruling = () => null
  const light = scriptedModel([says('refund', 0.9)], { name: 'small', price: PRICE, meter: 'billed' })
  await using company = await testCompany({ workflows: [sort], models: { light }, ...(url ? { url } : {}) })
  await company.send(arrived, MAIL)
  assert.equal(await company.result((await last(company)).id), 'refund')
  const [made] = await decisions(company)
  assert.deepEqual(
    [made!.tier, made!.model, made!.value, made!.confidence, made!.rationale],
    ['light', 'small', '"refund"', 0.9, 'it reads like "refund"'],
  )
  // 100 tokens in at 3 and 20 out at 15 a million.
  assert.deepEqual(
    [made!.cost_micros, made!.cost_currency, made!.cost_meter, made!.tokens_in, made!.tokens_out],
    [600, 'EUR', 'billed', 100, 20],
  )
  assert.match(String(made!.signal), /^sig_/)
  assert.equal(made!.input, null, 'the text of a signal is not copied')
  const said = await opinions(company)
  assert.deepEqual(
    said.map((o) => [o.tier, o.source, o.outcome, o.same, o.agreed]),
    [
      ['rule', 'byWords', 'passed', null, null],
      ['light', 'small', 'decided', 1, null],
    ],
  )
  await company.check()
})

onEachStore('who is not sure is passed over, and what it thought is shown, judged and paid for', async (url) => {
  ruling = () => null
  const light = scriptedModel([says('question', 0.6)], { name: 'small', price: PRICE })
  const heavy = scriptedModel([says('refund', 0.7)], { name: 'large', price: PRICE })
  await using company = await testCompany({ workflows: [sort], models: { light, heavy }, ...(url ? { url } : {}) })
  const run = await company.run(sort, MAIL)
  const [gate] = await company.queue()
  assert.deepEqual(
    gate!.choices.map((c) => c.outcome),
    ['approve', 'answer'],
  )
  const proposal = gate!.proposal as Record<string, string>
  assert.equal(proposal.suggestion, 'refund')
  assert.match(proposal.opinions!, /light \(small\): question, 60 % sure by itself.*not judged yet/)
  assert.match(proposal.opinions!, /heavy \(large\): refund, 70 % sure by itself.*not judged yet/)
  assert.match(gate!.reason, /light: 60 % sure, 80 % is asked for; heavy: 70 % sure/)
  await company.decide('approve')
  assert.equal(await company.result(run), 'refund')
  const [made] = await decisions(company)
  assert.deepEqual(
    [made!.tier, made!.value, made!.cost_micros, made!.judged_by, made!.agreed, made!.input],
    ['operator', '"refund"', 1200, 'answer', 1, JSON.stringify(MAIL)],
  )
  assert.deepEqual(
    (await opinions(company)).map((o) => [o.tier, o.outcome, o.same, o.agreed]),
    [
      ['rule', 'passed', null, null],
      ['light', 'passed', 0, 0],
      ['heavy', 'passed', 1, 1],
    ],
  )
  await company.check()
})

test('a tier that is corrected again and again loses the right to decide, and gets it back by being right', async () => {
  ruling = () => null
  const answers = Array.from({ length: 60 }, () => says('spam', 0.9))
  await using company = await testCompany({ workflows: [sort], models: { light: scriptedModel(answers) } })
  const deciding = async () => {
    const run = await company.run(sort, MAIL)
    const decided = (await company.row(run)).state === 'done'
    return { decided, id: String((await rows(company, 'select id from decision order by decided_seq desc'))[0]?.id) }
  }
  // Claim 0.9 with the weight of ten: 9/11 after one correction, 9/12 after two.
  for (let i = 0; i < 2; i++) {
    const { decided, id } = await deciding()
    assert.ok(decided, `decides at correction ${i}`)
    await company.ask('correct', { id, value: 'refund', reason: 'it was a refund' })
  }
  assert.equal((await deciding()).decided, false)
  const [gate] = await company.queue()
  assert.match((gate!.proposal as Record<string, string>).opinions!, /0 of the last 2 kept by you/)
  await company.decide('approve')
  // (1 + 9) / 13, (2 + 9) / 14, (3 + 9) / 15: sure enough at the last.
  for (let kept = 1; kept < 3; kept++) {
    assert.equal((await deciding()).decided, false, `after ${kept} kept`)
    await company.decide('answer', { value: 'spam' })
  }
  assert.ok((await deciding()).decided)
  const [report] = await company.ask('agents', {})
  const light = report!.record.find((r) => r.tier === 'light')
  assert.deepEqual([light!.decided, light!.passed, light!.kept, light!.corrected], [3, 3, 3, 2])
  assert.equal(light!.record, '3 of the last 5 kept by you')
  await company.check()
})

test('a rule that is corrected loses the right too', async () => {
  ruling = () => ({ value: 'spam' })
  await using company = await testCompany({ workflows: [sort] })
  for (let i = 0; i < 3; i++) {
    await company.run(sort, MAIL)
    const [made] = await rows(company, 'select id from decision order by decided_seq desc')
    await company.ask('correct', { id: String(made!.id), value: 'question', reason: 'it was not' })
  }
  await company.run(sort, MAIL)
  const [gate] = await company.queue()
  assert.match(gate!.reason, /^rule: 100 % sure, believed 76 % \(0 of the last 3 kept by you\), 80 % is asked for/)
})

onEachStore('a correction is on the record, with its reason, and once more with another', async (url) => {
  ruling = () => ({ value: 'spam' })
  await using company = await testCompany({ workflows: [sort], ...(url ? { url } : {}) })
  await company.run(sort, MAIL)
  const [made] = await decisions(company)
  const id = String(made!.id)
  await assert.rejects(company.ask('correct', { id, value: 'lead', reason: 'x' }), { code: 'decision.bad_value' })
  await assert.rejects(company.ask('correct', { id, value: 'refund', reason: ' ' }), { code: 'decision.needs_reason' })
  assert.deepEqual(await company.ask('correct', { id, value: 'refund', reason: 'money back' }), {
    decision: id,
    agent: 'triage',
    was: 'spam',
    value: 'refund',
    agreed: false,
  })
  await company.ask('correct', { id, value: 'spam', reason: 'I was wrong' })
  const [judged] = await decisions(company)
  assert.deepEqual([judged!.judged_by, judged!.agreed], ['correction', 1])
  assert.deepEqual(
    (await opinions(company)).map((o) => o.agreed),
    [1],
  )
  const detail = await company.ask('agent', { name: 'triage' })
  assert.deepEqual(
    detail.decisions.map((d) => [d.id, d.value, d.judged, d.agreed]),
    [[id, 'spam', 'correction', true]],
  )
  await company.check()
})

test('garbage is mended once; garbage twice is passed over', async () => {
  ruling = () => null
  const light = scriptedModel(['I think it is a refund!', 'sorry:\n```json\n{"value":"refund","confidence":0.9}\n```'])
  await using company = await testCompany({ workflows: [sort], models: { light } })
  assert.equal(await company.result(await company.run(sort, MAIL)), 'refund')
  assert.equal(light.requests.length, 2)
  assert.match(light.requests[1]!.messages[1]!, /cannot be used/)
  const [made] = await decisions(company)
  assert.deepEqual([made!.tokens_in, made!.tokens_out], [200, 40])

  const broken = scriptedModel([says('lead', 1), { value: 'refund', confidence: 7, because: '' }])
  await using second = await testCompany({ workflows: [sort], models: { light: broken } })
  await second.run(sort, MAIL)
  const [gate] = await second.queue()
  assert.match(gate!.reason, /light: its answer does not fit/)
  assert.deepEqual(
    gate!.choices.map((c) => c.outcome),
    ['answer'],
  )
  await second.decide('answer', { value: 'refund' })
  assert.deepEqual(
    (await opinions(second)).filter((o) => o.tier === 'light').map((o) => [o.outcome, o.value, o.tokens_in]),
    [['failed', null, 200]],
  )
})

test('a model that fails is passed over with the reason, and the next tier is asked', async () => {
  ruling = () => null
  const light = scriptedModel([new FactotumError('model.busy', 'small takes no more')])
  const heavy = scriptedModel([says('refund', 0.95)])
  await using company = await testCompany({ workflows: [sort], models: { light, heavy } })
  assert.equal(await company.result(await company.run(sort, MAIL)), 'refund')
  const made = await rows(company, `select body from event where kind = 'decision.made@1'`)
  assert.deepEqual((JSON.parse(String(made[0]!.body)) as { passed: string[] }).passed, [
    'rule: not sure',
    'light: it takes no more calls at the moment',
  ])
})

test('a model that is too busy to mend its answer is paid for the answer that it gave', async () => {
  ruling = () => null
  const busy = new FactotumError('model.busy', 'small takes no more')
  const light = scriptedModel(['I think it is a refund!', busy], { price: PRICE, meter: 'billed' })
  await using company = await testCompany({ workflows: [sort], models: { light } })
  await company.run(sort, MAIL)
  const [use] = await rows(company, 'select * from use')
  assert.ok(Number(use!.micros) >= 600, 'the first answer at least')
  assert.match((await company.queue())[0]!.reason, /light: it broke off in the middle/)
})

test('a model that does not answer in time is passed over, and counts in full', async () => {
  ruling = () => null
  const hurried = agent('hurried', { output: Kind, tiers: ['light', 'operator'], limits: { timeout: 20 } })
  const hurry = workflow('hurry', {}, (ctx) => ctx.decide(hurried, null))
  const light = scriptedModel([() => new Promise<never>(() => {})], { price: PRICE })
  await using company = await testCompany({ workflows: [hurry], models: { light } })
  await company.run(hurry, null)
  assert.match((await company.queue())[0]!.reason, /light: it did not answer in time/)
  const [use] = await rows(company, 'select * from use')
  assert.ok(Number(use!.micros) >= 2 * 2_000 * 15, 'two answers of 2,000 tokens at least')
  assert.equal((await opinions(company))[0]!.cost_micros, use!.micros)
})

test('over budget the operator is asked, and no dearer tier in its place', async () => {
  ruling = () => null
  const light = scriptedModel([], { price: PRICE, meter: 'billed' })
  const heavy = scriptedModel([], { price: PRICE, meter: 'billed' })
  const budgets = [
    budget({ name: 'triage', per: 'day', of: { agent: 'triage' }, money: { amount: '0.01', currency: 'EUR' } }),
  ]
  await using company = await testCompany({ workflows: [sort], models: { light, heavy }, budgets })
  await company.run(sort, MAIL)
  const [gate] = await company.queue()
  assert.match(gate!.reason, /light: over budget: budget "triage".*; heavy: over budget: budget "triage"/)
  assert.deepEqual([light.requests.length, heavy.requests.length], [0, 0])
  assert.deepEqual(await rows(company, 'select * from use'), [])
})

test('limits of an agent hold: a day, tokens, money', async () => {
  const output = Kind
  const daily = agent('daily', { output, tiers: ['light', 'operator'], limits: { perDay: 1 } })
  const small = agent('small', { output, tiers: ['light', 'operator'], limits: { tokens: 400, outputTokens: 100 } })
  const cheap = agent('cheap', {
    output,
    tiers: ['light', 'operator'],
    limits: { money: { micros: 10, currency: 'EUR' } },
  })
  const flow = workflow('flow', {}, async (ctx, which: 'daily' | 'small' | 'cheap') => {
    const chosen = which === 'daily' ? daily : which === 'small' ? small : cheap
    return (await ctx.decide(chosen, { text: 'x'.repeat(2_000) })).value
  })
  const light = scriptedModel([says('spam', 1), says('spam', 1)], { price: PRICE })
  await using company = await testCompany({ workflows: [flow], models: { light } })
  const asks = async (which: 'daily' | 'small' | 'cheap') => {
    await company.run(flow, which)
    const [gate] = await company.queue()
    if (gate) await company.decide('answer', { value: 'spam' })
    return gate?.reason ?? null
  }
  assert.equal(await asks('daily'), null)
  assert.equal(await asks('daily'), 'light: the limit of 1 a day is reached')
  company.clock.advance(25 * 3_600_000)
  assert.equal(await asks('daily'), null)
  assert.match((await asks('small'))!, /^light: the input may be \d+ tokens, and 400 is the limit$/)
  assert.equal(await asks('cheap'), 'light: it may cost more than the limit of one decision')
  assert.equal(light.requests.length, 2)
})

test('the limit of a day holds among decisions that are made at the same moment', async () => {
  const daily = agent('daily', { output: Kind, tiers: ['light', 'operator'], limits: { perDay: 1 } })
  const both = workflow('both', {}, (ctx) =>
    Promise.all(['a', 'b', 'c'].map(async (key) => (await ctx.decide(daily, key, { key })).value)),
  )
  const light = scriptedModel([says('spam', 1), says('spam', 1), says('spam', 1)], { price: PRICE })
  await using company = await testCompany({ workflows: [both], models: { light } })
  await company.run(both, null)
  assert.equal(light.requests.length, 1)
  assert.equal((await company.queue()).length, 2)
})

test('input that the agent does not take is an error, and nobody is asked', async () => {
  const wrong = workflow('wrong', {}, (ctx) => ctx.decide(triage, { subject: 7 } as never))
  await using company = await testCompany({ workflows: [wrong] })
  const row = await company.row(await company.run(wrong, null))
  assert.equal(row.error_code, 'agent.bad_input')
  assert.match(row.error ?? '', /"triage".*at subject/)
})

test('what is on the record is never asked again', async () => {
  ruling = () => null
  const twice = workflow('twice', {}, async (ctx) => {
    const { value } = await ctx.decide(triage, MAIL)
    await ctx.sleep('1h')
    return value
  })
  const light = scriptedModel([says('refund', 0.9)])
  const company = await testCompany({ workflows: [twice], models: { light } })
  const run = await company.run(twice, null)
  await company.close()
  const { folder, clock } = company
  await using again = await testCompany({ workflows: [twice], models: { light: scriptedModel([]) }, folder, clock })
  await again.advance('1h')
  assert.equal(await again.result(run), 'refund')
  assert.equal(light.requests.length, 1)
})

test('a company that stops while a model is asked asks again, and the first reservation counts in full', async () => {
  ruling = () => null
  let asked: () => void = () => {}
  const asking = new Promise<void>((resolve) => (asked = resolve))
  const stuck = scriptedModel(
    [
      () => {
        asked()
        return new Promise<never>(() => {})
      },
    ],
    { price: PRICE },
  )
  const company = await testCompany({ workflows: [sort], models: { light: stuck } })
  // It never comes to rest: the model does not answer.
  void company.send(arrived, MAIL)
  await asking
  await company.close()
  const { folder, clock } = company
  const light = scriptedModel([says('refund', 0.9)], { price: PRICE })
  await using again = await testCompany({ workflows: [sort], models: { light }, folder, clock })
  await again.advance('1m')
  assert.equal((await last(again)).state, 'done')
  await again.advance('1h')
  const uses = await rows(again, 'select state, micros from use order by reserved_at, id')
  assert.deepEqual(
    uses.map((u) => u.state),
    ['imputed', 'settled'],
  )
  assert.ok(Number(uses[0]!.micros) > Number(uses[1]!.micros))
  await again.check()
})

test('to approve what rested on a decision keeps it; to reject says nothing about it', async () => {
  ruling = () => ({ value: 'refund' })
  const shop = new Shop()
  const pay = workflow('pay', {}, async (ctx) => {
    const { value } = await ctx.decide(triage, MAIL)
    await ctx.act(shop.order(), { item: value, amount: 1 })
  })
  await using company = await testCompany({ workflows: [pay], connectors: [shop.connector()] })
  await company.run(pay, null)
  await company.decide('approve')
  await company.run(pay, null)
  await company.decide('reject', { reason: 'not now' })
  assert.deepEqual(
    (await decisions(company)).map((d) => [d.judged_by, d.agreed]),
    [
      ['gate', 1],
      [null, null],
    ],
  )
  assert.deepEqual(
    (await opinions(company)).map((o) => o.agreed),
    [1, null],
  )
  await company.check()
})

test('to change at the gate what a decision gave corrects it; what was left as it was is kept', async () => {
  ruling = () => ({ value: 'refund' })
  const amounts = agent('amounts', {
    input: Mail,
    output: z.object({ amount: z.int(), why: z.string() }),
    tiers: [() => ({ value: { amount: 10, why: 'it says so' } }), 'operator'],
  })
  const shop = new Shop()
  const pay = workflow('pay', {}, async (ctx) => {
    const { value } = await ctx.decide(triage, MAIL)
    const { amount } = (await ctx.decide(amounts, MAIL)).value
    await ctx.act(shop.order(), { item: value, amount })
  })
  await using company = await testCompany({ workflows: [pay], connectors: [shop.connector()] })
  await company.run(pay, null)
  await company.decide('edit', { value: { item: 'refund', amount: 4 } })
  assert.deepEqual(
    (await decisions(company)).map((d) => [d.agent, d.judged_by, d.agreed, d.corrected]),
    [
      ['triage', 'gate', 1, null],
      ['amounts', 'gate', 0, '{"amount":4,"why":"it says so"}'],
    ],
  )
  assert.deepEqual(
    (await opinions(company)).map((o) => o.agreed),
    [1, 0],
  )
  await company.check()
})

test('two agents of one name are refused', async () => {
  const other = agent('triage', { output: Kind, tiers: ['operator'] })
  await assert.rejects(testCompany({ agents: [triage, other] }), { code: 'company.duplicate_agent' })
})
