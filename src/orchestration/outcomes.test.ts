import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { Shop } from '../../test/shop.ts'
import { agent, entity, signal, workflow } from '../index.ts'
import { testCompany, type TestCompany } from '../testing.ts'

const Customer = entity('customer', { plan: z.string(), visits: z.number().default(0) })
const mail = signal('mail', z.object({ from: z.string(), text: z.string() }), {
  message: (m) => ({ party: m.from, subject: m.text, text: m.text, ids: [] }),
})

const remedy = agent('remedy', {
  instructions: 'What do we owe them?',
  output: z.enum(['refund', 'credit', 'nothing']),
  tiers: [
    function byWords(input) {
      const { text } = input as { text: string }
      if (text.includes('unsure')) return { value: 'nothing', confidence: 0.4, because: 'hard to say' }
      return {
        value: text.includes('refund') ? 'refund' : 'credit',
        because: 'they said so',
        options: [{ value: 'nothing', whyNot: 'they are right' }],
      }
    },
    'operator',
  ],
})

function helpdesk(shop: Shop) {
  const help = workflow('help', { on: mail }, async (ctx, m) => {
    const customer = await ctx.facts.about(Customer, m.from)
    const what = await ctx.decide(remedy, m)
    // Its own consequence: that it is said anew makes nothing stale.
    await ctx.facts.assert(customer, { visits: customer.visits + 1 })
    const sold = await ctx.act(shop.order(), { item: what.value, amount: 1 })
    return sold.state
  })
  const know = workflow('know', { input: z.object({ plan: z.string() }) }, async (ctx, { plan }) => {
    const customer = await ctx.facts.about(Customer, 'ada@example.org')
    await ctx.facts.assert(customer, { plan })
  })
  return { help, know }
}

async function said(c: TestCompany, text: string, from = 'ada@example.org'): Promise<string> {
  await c.send(mail, { from, text })
  c.clock.advance(1_000)
  return (await c.list('decisions', { limit: 1 }))[0]!.id
}

async function outcomes(c: TestCompany): Promise<unknown[]> {
  return (await c.list('decisions', {})).map((d) => [d.value, d.outcome, d.stale !== null]).reverse()
}

onEachStore(
  'a decision says what else could have been, what it rests on, what it led to and how it turned out',
  async (url) => {
    const shop = new Shop()
    const { help, know } = helpdesk(shop)
    await using c = await testCompany({
      workflows: [help, know],
      connectors: [shop.connector()],
      ...(url ? { url } : {}),
    })
    await c.run(know, { plan: 'free' })
    const id = await said(c, 'a refund please')
    const fresh = await c.ask('decision', { id })
    assert.deepEqual(
      [fresh.question, fresh.value, fresh.options, fresh.rationale, fresh.outcome, fresh.stale],
      ['What do we owe them?', 'refund', [{ value: 'nothing', whyNot: 'they are right' }], 'they said so', null, []],
    )
    assert.deepEqual(
      fresh.evidence.map((e) => [e.kind, e.stale]),
      [
        ['signal', null],
        ['fact', null],
      ],
    )
    assert.equal(fresh.policy, c.open.policies.version)
    assert.deepEqual(
      fresh.effects.map((e) => [e.action, e.state]),
      [['shop.order', 'gated']],
    )

    // Said again with the same value nothing changed; with another it did, and the gate that waits says so.
    await c.run(know, { plan: 'free' })
    assert.deepEqual((await c.ask('decision', { id })).stale, [])
    await c.run(know, { plan: 'pro' })
    const [stale] = (await c.ask('decision', { id })).stale
    assert.deepEqual([stale?.of, stale?.was, stale?.now], ['plan', 'free', 'pro'])
    const [gate] = await c.queue()
    assert.deepEqual(
      gate!.evidence.map((e) => [e.kind, e.stale?.split(' since ')[0] ?? null]),
      [
        ['signal', null],
        ['fact', 'plan is "pro"'],
        ['decision', 'plan is "pro"'],
      ],
    )

    await c.decide('approve')
    await said(c, 'credit me')
    await c.decide('edit', { value: { item: 'refund', amount: 1 } })
    await said(c, 'a refund again')
    await c.decide('reject', { reason: 'twice is enough' })
    const undone = await said(c, 'a refund once more')
    await c.decide('approve')
    const plan = await c.ask('undoPlan', { id: undone })
    await c.ask('undo', { id: undone, binding: plan.binding })
    await c.idle()
    const effect = (await c.effects())[0]!
    const made = await c.ask('complain', { id: effect.id, reason: 'it never came' })
    assert.deepEqual(made.decisions, [id])

    assert.deepEqual(await outcomes(c), [
      ['refund', 'complained', true],
      ['credit', 'approved', false],
      ['refund', 'rejected', false],
      ['refund', 'reversed', false],
    ])
    const told = await c.ask('decision', { id })
    assert.deepEqual(
      told.turnout.map((t) => [t.outcome, t.by, t.why]),
      [
        ['approved', 'operator', null],
        ['complained', 'operator', 'it never came'],
      ],
    )
    assert.deepEqual(
      (await c.list('decisions', { stale: true })).map((d) => d.id),
      [id],
    )
    assert.deepEqual(
      (await c.list('decisions', { outcome: 'reversed' })).map((d) => d.id),
      [undone],
    )
    assert.deepEqual(await c.list('decisions', { agent: 'nobody' }), [])
    await assert.rejects(c.ask('complain', { id: effect.id, reason: ' ' }), { code: 'complaint.needs_reason' })
    await c.check()
  },
)

onEachStore('precedents are the cases most like it, the same entity’s first, with how they turned out', async (url) => {
  const shop = new Shop()
  const { help, know } = helpdesk(shop)
  const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })
  const ask = workflow('look', {}, async (ctx) => {
    const customer = await ctx.facts.about(Customer, 'ada@example.org')
    const found = await ctx.precedents(
      remedy,
      { text: 'a refund for the broken lantern' },
      { about: customer, limit: 3 },
    )
    await ctx.waitFor(go, { match: 'x' })
    return found.map((p) => [p.value, p.same, p.outcome])
  })
  await using c = await testCompany({
    workflows: [help, know, ask],
    connectors: [shop.connector()],
    ...(url ? { url } : {}),
  })
  const lantern = await said(c, 'refund: the lantern came broken', 'eve@example.org')
  await c.decide('approve')
  await said(c, 'refund the calendar we never got', 'bob@example.org')
  await c.decide('reject', { reason: 'they got it' })
  const own = await said(c, 'credit for a lost parcel')
  await c.decide('approve')
  await said(c, 'something else entirely', 'joe@example.org')
  await c.decide('approve')

  const run = await c.run(ask, null)
  // What became known since does not change what the run has read.
  await c.ask('complain', { id: lantern, reason: 'too slow' })
  await c.send(go, { id: 'x' })
  assert.deepEqual(await c.result(run), [
    ['credit', true, 'approved'],
    ['refund', false, 'approved'],
    ['refund', false, 'rejected'],
  ])
  assert.equal((await c.row(run)).state, 'done')

  await said(c, 'my lantern is broken, refund it', 'zoe@example.org')
  const [gate] = await c.queue()
  assert.equal(gate!.precedents?.text, '2 like it: 1 complained about, 1 rejected')
  assert.deepEqual(
    (await c.ask('precedents', { of: gate!.id })).map((p) => p.id),
    gate!.precedents!.cases.map((p) => p.id),
  )
  await c.decide('approve')
  const unsure = 'unsure about the broken lantern'
  await c.send(mail, { from: 'ada@example.org', text: unsure })
  const [asked] = await c.queue()
  assert.equal(asked!.kind, 'decision')
  assert.equal(asked!.precedents?.cases[0]?.id, own)
  await c.decide('answer', { value: 'credit', reason: 'only once' })
  const answered = await c.ask('decision', { id: (await c.list('decisions', { limit: 1 }))[0]!.id })
  assert.deepEqual(
    [answered.value, answered.options],
    [
      'credit',
      [
        { value: 'nothing', whyNot: 'only once' },
        { value: 'refund', whyNot: 'only once' },
      ],
    ],
  )
  const words = await c.ask('precedents', { of: 'parcel lost', agent: 'remedy', limit: 1 })
  assert.deepEqual(
    words.map((p) => p.id),
    [own],
  )
  assert.deepEqual(await c.ask('precedents', { of: 'xyzzy', agent: 'remedy' }), [])
  await assert.rejects(c.ask('precedents', { of: 'parcel lost' }), { code: 'precedents.of' })
  await c.check()
})

test('what the operator was asked is a decision, and a precedent for the next time it is asked', async () => {
  const verdict = workflow('verdict', { input: z.object({ about: z.string() }) }, async (ctx, { about }) => {
    const before = await ctx.precedents({ asked: 'late' }, about)
    const answer = await ctx.ask(
      { title: `What about ${about}?`, about, options: ['remind', 'write off'] },
      { name: 'late' },
    )
    return [before.map((p) => p.value), answer]
  })
  await using c = await testCompany({ workflows: [verdict] })
  const first = await c.run(verdict, { about: 'invoice of the bakery' })
  await c.decide('answer', { value: 'write off', reason: 'they closed' })
  assert.deepEqual(await c.result(first), [[], 'write off'])
  const second = await c.run(verdict, { about: 'another invoice of the bakery' })
  const [gate] = await c.queue()
  assert.equal(gate!.precedents?.text, '1 like it: 1 not judged')
  await c.decide('answer', { value: 'remind' })
  assert.deepEqual(await c.result(second), [['write off'], 'remind'])
  const [newest] = await c.list('decisions', { agent: 'ask:verdict/late' })
  const shown = await c.ask('decision', { id: newest!.id })
  assert.deepEqual(
    [shown.question, shown.options],
    ['What about another invoice of the bakery?', [{ value: 'write off', whyNot: null }]],
  )
  assert.deepEqual(
    (await c.ask('agents', {})).map((a) => a.agent),
    [],
  )
  await c.check()
})

onEachStore('a customer’s mail is the complaint: linked to what she complains about, and told by whom', async (url) => {
  const shop = new Shop()
  const { help } = helpdesk(shop)
  const grumble = signal('grumble', z.object({ about: z.string() }))
  const listen = workflow('listen', { on: grumble }, (ctx, { about }) =>
    ctx.complain({ id: about }, 'says it is wrong'),
  )
  await using c = await testCompany({
    workflows: [help, listen],
    connectors: [shop.connector()],
    ...(url ? { url } : {}),
  })
  const id = await said(c, 'a refund please')
  await c.send(grumble, { about: id }, { trust: 'outsider' })
  const { turnout, complaints } = await c.ask('decision', { id })
  assert.deepEqual([turnout[0]?.outcome, turnout[0]?.why], ['complained', 'says it is wrong'])
  assert.match(complaints[0]?.signal ?? '', /^sig_/)
  assert.match(complaints[0]?.by ?? '', /^run:run_/)
  await c.send(grumble, { about: 'dec_none' })
  assert.equal((await c.list('runs', { limit: 1 }))[0]!.state, 'failed')
  await c.check()
})
