import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signal, workflow, z, type Json } from '../../src/index.ts'
import { testCompany, type TestCompany, type TestCompanyOptions } from '../../src/testing.ts'
import { digest } from '../../src/server/views/digest.ts'
import { digestText } from '../../src/server/views/digest-text.ts'
import { onEachStore } from '../each-store.ts'
import { Customer, MINUTE, letter, listen, mail } from './world.ts'

const ADA = 'ada@example.org'
const EVE = 'eve@example.net'
const why = { reason: 'she said so on the phone' }

function open(url?: string, workflows: TestCompanyOptions['workflows'] = []) {
  return testCompany({ workflows: [listen, ...workflows], entities: [Customer], ...(url ? { url } : {}) })
}

/** What is believed of an attribute, for an address, as of some moment. */
async function value(c: TestCompany, attribute: string, asOf = {}, who = ADA): Promise<Json | undefined> {
  const { facts } = await c.ask('facts', { entity: who, asOf })
  return facts.find((f) => f.attribute === attribute)?.value
}

async function known(c: TestCompany, says: Record<string, Json> = { name: 'Ada' }, trust = 'outsider' as const) {
  await c.send(mail, letter(ADA, ADA, says), { trust })
  c.clock.advance(1 * MINUTE)
}

onEachStore('what holds and what was recorded are two times, and each is asked for by itself', async (url) => {
  await using c = await open(url)
  await known(c)
  const begin = c.clock.now()
  await c.ask('factAssert', { entity: ADA, attribute: 'plan', value: 'free', ...why })
  c.clock.advance(10 * MINUTE)
  const before = c.clock.now()
  c.clock.advance(1 * MINUTE)
  // Learned eleven days late: she had changed on the fifth day already.
  await c.ask('factAssert', { entity: ADA, attribute: 'plan', value: 'pro', from: begin + 5 * MINUTE, ...why })
  const at = (d: number, recorded?: number) =>
    value(c, 'plan', { valid: begin + d * MINUTE, ...(recorded === undefined ? {} : { recorded }) })
  assert.deepEqual(await Promise.all([at(-1), at(0), at(4), at(5), at(9), at(20)]), [
    undefined,
    'free',
    'free',
    'pro',
    'pro',
    'pro',
  ])
  assert.deepEqual(await Promise.all([at(4, before), at(9, before), at(20, before)]), ['free', 'free', 'free'])
  assert.equal(await value(c, 'plan', { recorded: begin - 1 }), undefined)
  await c.check()
})

onEachStore(
  'a span in the middle leaves what lies on both sides; correct, end and retract say three different things',
  async (url) => {
    await using c = await open(url)
    await known(c)
    const begin = c.clock.now()
    const at = (d: number) => value(c, 'plan', { valid: begin + d * MINUTE })
    const days = () => Promise.all([0, 3, 6].map(at))
    const say = { entity: ADA, attribute: 'plan', ...why }
    await c.ask('factAssert', { ...say, value: 'free', from: begin })
    await c.ask('factAssert', { ...say, value: 'pro', from: begin + 2 * MINUTE, until: begin + 5 * MINUTE })
    assert.deepEqual(await days(), ['free', 'pro', 'free'])
    await c.ask('factCorrect', { ...say, value: 'gold', at: begin + 3 * MINUTE })
    assert.deepEqual(await days(), ['free', 'gold', 'free'], 'for the same time')
    await c.ask('factCorrect', { ...say, value: 'pro', at: begin })
    assert.deepEqual(await days(), ['pro', 'gold', 'pro'], 'the whole statement, on both sides')
    await c.ask('factRetract', { ...say, at: begin + 3 * MINUTE })
    assert.deepEqual(await days(), ['pro', 'pro', 'pro'], 'as it was before it was corrected')
    await c.ask('factCorrect', { ...say, value: 'free', at: begin })
    await c.ask('factRetract', { ...say, at: begin + 3 * MINUTE })
    assert.deepEqual(await days(), ['free', 'free', 'free'], 'what it had replaced, as that was corrected since')
    await c.ask('factEnd', { ...say, at: begin + 5 * MINUTE })
    assert.deepEqual(await days(), ['free', 'free', undefined])
    const rows = await c.list('factHistory', { entity: ADA, attribute: 'plan' })
    assert.equal(
      rows.filter((r) => r.endedSeq === null).length,
      1,
      'one rectangle: what came back joined what was beside it',
    )
    await c.check()
  },
)

onEachStore(
  'a stranger who claims to be her changes nothing: the operator sees both sides and decides once',
  async (url) => {
    await using c = await open(url)
    await c.send(mail, letter(ADA, ADA, { phone: '1', quote: 'it is one' }, 'My phone,\nit\n is one.'), {
      trust: 'outsider',
    })
    c.clock.advance(1 * MINUTE)
    const eve = letter(EVE, ADA, { phone: '2', quote: 'phone is 2' }, 'I am Ada. My phone is 2')
    await c.send(mail, eve, { trust: 'outsider' })
    await c.send(mail, { ...eve, id: 'again' }, { trust: 'outsider' })
    const runs = await c.list('runs', {})
    assert.deepEqual(await Promise.all(runs.map((r) => c.result(r.id))), [
      { phone: 'disputed' },
      { phone: 'disputed' },
      { phone: 'changed' },
    ])
    assert.equal(await value(c, 'phone'), '1')
    const [gate, ...others] = await c.queue()
    assert.equal(others.length, 0, 'the same is asked once')
    assert.equal(gate!.kind, 'conflict')
    assert.ok(gate!.title.includes(ADA), gate!.title)
    const begun = (await c.row(gate!.run!)).signal
    assert.ok(
      gate!.evidence.some((e) => e.kind === 'signal' && e.id === begun),
      'the letter that says otherwise',
    )
    const { believed, said } = gate!.proposal as unknown as {
      believed: { value: string; quote: string }[]
      said: { value: string; quote: string; from: string }
    }
    assert.deepEqual(
      believed.map((b) => [b.value, b.quote]),
      [['1', 'it\n is one']],
    )
    assert.deepEqual([said.value, said.quote, said.from], ['2', 'phone is 2', `message from ${EVE}: words`])
    assert.deepEqual(
      gate!.choices.map((x) => x.outcome),
      ['keep', 'believe', 'end'],
    )
    const disputed = (await c.ask('facts', { entity: ADA })).facts.find((f) => f.attribute === 'phone')!
    assert.deepEqual(disputed.disputed, [gate!.id])
    await c.decide('keep', { reason: 'I called her' })
    assert.equal(await value(c, 'phone'), '1')
    const after = await c.ask('facts', { entity: ADA })
    assert.deepEqual(
      after.conflicts.map((x) => [x.state, x.outcome]),
      [['settled', 'keep']],
    )
    // She herself may change it.
    await c.send(mail, letter(ADA, ADA, { phone: '3' }), { trust: 'outsider' })
    assert.equal(await value(c, 'phone'), '3')
    await c.check()
  },
)

onEachStore(
  'a lower label never overrides a higher one; what the operator believes is believed on his word',
  async (url) => {
    await using c = await open(url)
    await known(c)
    await c.ask('factAssert', { entity: ADA, attribute: 'plan', value: 'free', ...why })
    c.clock.advance(1 * MINUTE)
    const said = c.clock.now()
    await c.send(mail, letter(ADA, ADA, { plan: 'pro' }), { trust: 'outsider' })
    assert.equal(await value(c, 'plan'), 'free')
    c.clock.advance(3 * MINUTE)
    await c.decide('believe')
    const plan = (await c.ask('facts', { entity: ADA })).facts.find((f) => f.attribute === 'plan')!
    assert.deepEqual([plan.value, plan.trust, plan.from], ['pro', 'operator', said], 'from when it was said')
    assert.equal(await value(c, 'plan', { valid: said - 1 }), 'free')
    // Said again with a lower label it is known; said against it, it is asked again.
    await c.send(mail, letter(ADA, ADA, { plan: 'pro' }), { trust: 'outsider' })
    assert.equal((await c.queue()).length, 0)
    await c.send(mail, letter(ADA, ADA, { plan: 'gold' }), { trust: 'outsider' })
    await c.decide('end')
    assert.equal(await value(c, 'plan'), undefined)
    assert.equal(await value(c, 'plan', { valid: said }), 'pro')
    await c.check()
  },
)

onEachStore('what is believed already is no change, unless a better label says it', async (url) => {
  await using c = await open(url)
  await known(c, { plan: 'pro' })
  const head = () => c.open.store.engine.head()
  const versions = async () => (await c.list('factHistory', { entity: ADA, attribute: 'plan' })).length
  assert.equal(await versions(), 1)
  const before = await head()
  assert.deepEqual(await c.ask('factAssert', { entity: ADA, attribute: 'plan', value: 'pro', ...why }), {
    came: 'known',
  })
  assert.equal(await head(), before + 1, 'the label is raised')
  assert.deepEqual(await c.ask('factAssert', { entity: ADA, attribute: 'plan', value: 'pro', ...why }), {
    came: 'known',
  })
  assert.equal(await head(), before + 1)
  const [plan] = (await c.ask('facts', { entity: ADA })).facts
  assert.equal(plan!.trust, 'operator')
  await c.check()
})

onEachStore('each attribute keeps its own rule: ask, keep, writers, many', async (url) => {
  const bank = workflow('bank', { input: z.object({ credit: z.number() }) }, async (ctx, { credit }) =>
    ctx.facts.assert(await ctx.facts.about(Customer, ADA), { credit }),
  )
  await using c = await open(url, [bank])
  await known(c, { born: '1815', iban: 'AT1', tags: ['vip', 'uk'] })
  await known(c, { born: '1816', iban: 'AT2', tags: 'vip' })
  const [last] = await c.list('runs', {})
  assert.deepEqual(await c.result(last!.id), { born: 'disputed', iban: 'disputed', tags: 'known' })
  assert.deepEqual([await value(c, 'born'), await value(c, 'iban')], ['1815', 'AT1'])
  const gates = await c.queue()
  assert.equal(gates.length, 1, 'a rule that keeps asks nobody')
  await c.decide('believe')
  assert.equal(await value(c, 'iban'), 'AT2')
  const { conflicts } = await c.ask('facts', { entity: ADA })
  assert.deepEqual(
    new Map(conflicts.map((x) => [x.attribute, x.outcome])),
    new Map([
      ['born', 'rule'],
      ['iban', 'believe'],
    ]),
  )
  await c.send(mail, letter(ADA, ADA, { credit: 5 }), { trust: 'operator' })
  assert.equal((await c.list('runs', {}))[0]!.state, 'failed')
  await c.run(bank, { credit: 7 })
  assert.equal(await value(c, 'credit'), 7)
  const tags = async () =>
    (await c.ask('facts', { entity: ADA })).facts.filter((f) => f.attribute === 'tags').map((f) => f.value)
  assert.deepEqual(new Set(await tags()), new Set(['vip', 'uk']))
  await c.ask('factEnd', { entity: ADA, attribute: 'tags', value: 'uk', ...why })
  assert.deepEqual(await tags(), ['vip'])
  await assert.rejects(c.ask('factEnd', { entity: ADA, attribute: 'tags', ...why }), { code: 'fact.which_value' })
  await c.check()
})

onEachStore('two addresses of one customer are merged, contradict each other, and are split again', async (url) => {
  await using c = await open(url)
  await known(c, { plan: 'free', phone: '1' })
  await c.send(mail, letter(EVE, EVE, { plan: 'pro', name: 'Eve' }), { trust: 'outsider' })
  c.clock.advance(1 * MINUTE)
  const before = c.clock.now()
  c.clock.advance(1 * MINUTE)
  const { gates } = await c.ask('entityMerge', { into: ADA, member: EVE, reason: 'one person' })
  assert.equal(gates.length, 1)
  for (const who of [ADA, EVE]) {
    const whole = await c.ask('facts', { entity: who })
    assert.deepEqual(whole.labels, [ADA, EVE])
    assert.deepEqual(
      whole.facts.map((f) => [f.attribute, f.value, f.disputed.length]),
      [
        ['name', 'Eve', 0],
        ['phone', '1', 0],
        ['plan', 'pro', 1],
      ],
      'the newer counts until it is decided',
    )
  }
  assert.equal(await value(c, 'plan', { recorded: before }), 'free', 'they were two then')
  await c.decide('believe', { gate: gates[0]! })
  assert.deepEqual([await value(c, 'plan'), await value(c, 'plan', {}, EVE)], ['free', 'free'])
  // What one part says, the other knows: she may write from either.
  await c.send(mail, letter(EVE, ADA, { phone: '9' }), { trust: 'outsider' })
  assert.equal(await value(c, 'phone', {}, EVE), '9')
  await c.ask('entitySplit', { member: EVE, reason: 'two persons after all' })
  assert.deepEqual([await value(c, 'plan'), await value(c, 'plan', {}, EVE)], ['free', 'pro'])
  assert.deepEqual([await value(c, 'name'), await value(c, 'phone', {}, EVE)], [undefined, undefined])
  assert.equal((await c.ask('entityMerge', { into: ADA, member: EVE, reason: 'one after all' })).gates.length, 1)
  await c.ask('entitySplit', { member: EVE, reason: 'two, for good' })
  assert.deepEqual(await c.queue(), [], 'which of them is right is no question when they are two')
  assert.equal((await c.ask('facts', { entity: ADA })).facts.find((f) => f.attribute === 'plan')?.disputed.length, 0)
  await assert.rejects(c.ask('entitySplit', { member: EVE, reason: 'x' }), { code: 'entity.not_merged' })
  await c.check()
})

onEachStore('two histories that contradict each other in the past or the future are asked about too', async (url) => {
  await using c = await open(url)
  const day = (n: number) => new Date(Date.UTC(2020, 0, n)).toISOString().slice(0, 10)
  const say = (entity: string, plan: string, from: number, until?: number) =>
    c.ask('factAssert', {
      entity,
      attribute: 'plan',
      value: plan,
      from: day(from),
      ...(until === undefined ? {} : { until: day(until) }),
      ...why,
    })
  for (const who of [ADA, EVE]) await c.send(mail, letter(who, who, { name: 'Ada' }), { trust: 'outsider' })
  await say(ADA, 'free', 1)
  await say(EVE, 'free', 1)
  await say(EVE, 'pro', 5, 8)
  await say(ADA, 'gold', 20_000)
  const { gates } = await c.ask('entityMerge', { into: ADA, member: EVE, reason: 'one person' })
  const sides = (await c.queue()).map((gate) => {
    const { believed, said } = gate.proposal as unknown as Record<string, object>
    const told = ({ value, since, until }: { value?: string; since?: string; until?: string }) => [value, since, until]
    return [told((believed as object[])[0]!), told(said!)]
  })
  assert.deepEqual(sides, [
    [
      ['pro', day(5), day(8)],
      ['free', day(5), day(8)],
    ],
    [
      ['gold', day(20_000), undefined],
      ['free', day(20_000), undefined],
    ],
  ])
  const now = async () => (await c.ask('facts', { entity: ADA })).facts.find((f) => f.attribute === 'plan')!
  assert.deepEqual([(await now()).value, (await now()).disputed.length], ['free', 0], 'it is no question now')
  assert.equal(await value(c, 'plan', { valid: day(6) }), 'pro')
  await c.decide('believe', { gate: gates[0]! })
  assert.equal(await value(c, 'plan', { valid: day(6) }), 'free')
  await c.decide('end', { gate: gates[1]! })
  assert.equal(await value(c, 'plan', { valid: day(20_001) }), undefined)
  assert.equal((await now()).value, 'free')
  await c.check()
})

onEachStore('one more key finds the same entity, and her word counts from there', async (url) => {
  await using c = await open(url)
  await known(c, { phone: '1' })
  await c.ask('entityKey', { entity: ADA, key: ' Ada.L@Home.example ' })
  await c.send(mail, letter('ada.l@home.example', ADA, { phone: '2' }), { trust: 'outsider' })
  assert.equal(await value(c, 'phone', {}, 'ada.l@home.example'), '2')
  await c.check()
})

onEachStore(
  'a run asserts, corrects, ends and reads as of then, and reads the same when it is driven again',
  async (url) => {
    const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })
    const live = workflow('live', {}, async (ctx) => {
      const begin = ctx.now()
      const ada = await ctx.facts.about(Customer, ADA)
      await ctx.facts.assert(ada, { plan: 'free', phone: '1' }, { from: begin - 10 * MINUTE })
      const came = await ctx.facts.correct(ada, { plan: 'pro' }, { reason: 'a slip' })
      const ended = await ctx.facts.end(ada, 'phone', { at: begin - MINUTE })
      const then = await ctx.facts.asOf({ valid: begin - 2 * MINUTE }).about(Customer, ADA, { key: 'then' })
      const now = await ctx.facts.about(Customer, ADA, { key: 'now' })
      const seen = () => [came, ended, then.plan, then.phone, now.plan, now.phone ?? null]
      await ctx.waitFor(go, { match: 'x' })
      const history = await ctx.facts.history(ada, 'plan')
      return [...seen(), history.map((v) => [v.value, v.believed])]
    })
    await using c = await open(url, [live])
    const run = await c.run(live, null)
    await c.ask('factAssert', { entity: ADA, attribute: 'plan', value: 'gold', ...why })
    await c.send(go, { id: 'x' })
    assert.deepEqual(await c.result(run), [
      { plan: 'changed' },
      'changed',
      'pro',
      '1',
      'pro',
      null,
      [
        ['free', false],
        ['pro', false],
        ['pro', true],
        ['gold', true],
      ],
    ])
    await c.check()
  },
)

test('words that nobody wrote are not quoted, and a quote breaks with the lines of its mail', async () => {
  await using c = await open()
  await c.send(mail, letter(ADA, ADA, { phone: '1', quote: 'my phone is 1' }, 'my phone\r\nis 2'), {
    trust: 'outsider',
  })
  const [run] = await c.list('runs', {})
  assert.equal((await c.row(run!.id)).error_code, 'fact.quote_not_found')
  await c.send(mail, letter(ADA, ADA, { phone: '2', quote: 'my phone is 2' }, 'my phone\r\nis 2'), {
    trust: 'outsider',
  })
  const [phone] = (await c.ask('facts', { entity: ADA })).facts
  assert.deepEqual([phone!.value, phone!.where.quote], ['2', 'my phone\r\nis 2'])
})

test('what was said long ago comes up for review, and saying it again settles that', async () => {
  await using c = await open()
  await known(c, { plan: 'pro' })
  c.clock.advance(MINUTE / 8)
  assert.deepEqual(await c.list('factsDue', {}), [])
  c.clock.advance(MINUTE / 8)
  const due = await c.list('factsDue', {})
  assert.deepEqual(
    due.map((f) => [f.attribute, f.value, f.labels]),
    [['plan', 'pro', [ADA]]],
  )
  const told = await c.ask('digest', {})
  const oldest = due[0]!.saidAt
  assert.deepEqual(told.factsDue, [{ kind: 'customer', attribute: 'plan', n: 1, oldest, fresh: 1 }])
  assert.match(
    digestText(told).join('\n'),
    /\nTo review\n {2}1 fact: plan of customer, said .* ago: "factotum facts --due"/,
  )
  // A mail tells it once: it became due before the next digest.
  const later = await digest(c.open, { seq: await c.open.store.engine.head(), at: c.clock.now() })
  assert.deepEqual([later.factsDue[0]!.n, later.factsDue[0]!.fresh], [1, 0])
  await c.send(mail, letter(ADA, ADA, { plan: 'pro' }), { trust: 'outsider' })
  assert.deepEqual(await c.list('factsDue', {}), [])
  await c.check()
})

test('what an operator may not say is refused with what to do', async () => {
  await using c = await open()
  await known(c)
  const say = { entity: ADA, attribute: 'plan', value: 'pro', ...why }
  for (const [args, code] of [
    [{ ...say, entity: 'nobody@example.org' }, 'entity.not_found'],
    [{ ...say, attribute: 'colour' }, 'fact.unknown_attribute'],
    [{ ...say, value: 'bronze' }, 'fact.bad_value'],
    [{ ...say, from: 'yesterday' }, 'fact.bad_time'],
    [{ ...say, from: '2026-02-01', until: '2026-01-01' }, 'fact.bad_time'],
  ] as const)
    await assert.rejects(c.ask('factAssert', args), { code })
  await assert.rejects(c.ask('factCorrect', say), { code: 'fact.nothing_known' })
  await assert.rejects(c.ask('factRetract', say), { code: 'fact.nothing_known' })
  await assert.rejects(c.ask('entityMerge', { into: ADA, member: ADA, reason: 'x' }), { code: 'entity.same' })
})
