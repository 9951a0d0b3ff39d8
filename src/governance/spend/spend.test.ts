import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { onEachStore } from '../../../test/each-store.ts'
import { budget } from './budgets.ts'
import { Spend } from './spend.ts'
import { EUR, useOf, World } from './world.fixture.ts'

const euros = (amount: string) => ({ amount, currency: 'EUR' })
const MINUTE_MS = 60_000

onEachStore('reserves before, settles after: what was not needed is there again', async (url) => {
  await using w = await World.open(url, [budget({ name: 'models', per: 'day', money: euros('1') })])
  assert.deepEqual(await w.spend.reserveNow(useOf('a', 0.9, { agent: 'triage', tokens: 900 })), { over: null })
  const { over } = await w.spend.reserveNow(useOf('b', 0.2))
  assert.equal(
    over,
    'budget "models" (company, a day): 0.90 EUR of 1.00 EUR are spent or reserved, and this takes up to 0.20 EUR more',
  )
  assert.equal((await w.uses()).length, 1)
  await w.spend.settleNow('use_a', { micros: 0.1 * EUR, tokens: 120, tokensIn: 100, tokensOut: 20 }, 'decided')
  assert.deepEqual(await w.spend.reserveNow(useOf('b', 0.9)), { over: null })
  const [a] = await w.uses()
  assert.deepEqual(
    [a!.state, a!.micros, a!.tokens, a!.tokens_in, a!.tokens_out, a!.outcome, a!.day],
    ['settled', 0.1 * EUR, 120, 100, 20, 'decided', '2026-11-02'],
  )
  assert.equal((await w.meters()).get('agent:triage 2026-11 billed EUR'), '100000 120 1')
  assert.deepEqual(await w.meters(), await w.added())
  assert.equal((await w.diagnose()).difference, null)
})

onEachStore('nothing happened: nothing is spent and nothing counts', async (url) => {
  await using w = await World.open(url, [budget({ name: 'calls', per: 'day', count: 1 })])
  await w.spend.reserveNow(useOf('a', 1))
  assert.match((await w.spend.reserveNow(useOf('b', 1))).over ?? '', /"calls".*1 uses of 1 uses/)
  await w.spend.settleNow('use_a', { micros: 0, tokens: 0, count: 0 }, 'refused')
  assert.deepEqual(await w.meters(), new Map())
  assert.deepEqual(await w.spend.reserveNow(useOf('b', 1)), { over: null })
  assert.equal((await w.diagnose()).difference, null)
})

onEachStore('both is idempotent: one id is one call', async (url) => {
  await using w = await World.open(url)
  const use = useOf('a', 1)
  await Promise.all([w.spend.reserveNow(use), w.spend.reserveNow(use)])
  await w.spend.reserveNow(use)
  await Promise.all([
    w.spend.settleNow('use_a', { micros: 300, tokens: 0 }),
    w.spend.settleNow('use_a', { micros: 400, tokens: 0 }),
  ])
  // Which of the two was first is nobody's business; the one that came after both changed nothing.
  const settled = (await w.uses())[0]!.micros
  assert.ok(settled === 300 || settled === 400)
  await w.spend.settleNow('use_a', { micros: 500, tokens: 0 })
  assert.equal((await w.uses())[0]!.micros, settled)
  assert.deepEqual(await w.meters(), await w.added())
  await assert.rejects(w.spend.reserveNow(use), { code: 'spend.settled' })
  await assert.rejects(w.spend.settleNow('use_none', { micros: 0, tokens: 0 }), { code: 'spend.not_found' })
})

onEachStore(
  'a reservation that a crash left counts in full, and can be corrected when the truth is known',
  async (url) => {
    await using w = await World.open(url)
    await w.spend.reserveNow(useOf('a', 2, { tokens: 50 }))
    await w.spend.reserveNow(useOf('b', 3, { timeoutMs: 60 * MINUTE_MS }))
    await w.crash()
    w.clock.advance(14 * MINUTE_MS)
    await w.driveDue()
    assert.deepEqual(
      (await w.uses()).map((u) => u.state),
      ['reserved', 'reserved'],
    )
    w.clock.advance(MINUTE_MS)
    await w.driveDue()
    assert.deepEqual(
      (await w.uses()).map((u) => [u.state, u.micros, u.outcome]),
      [
        ['imputed', 2 * EUR, 'unknown'],
        ['reserved', 3 * EUR, null],
      ],
    )
    assert.equal((await w.meters()).get('company 2026-11-02 billed EUR'), `${5 * EUR} 50 2`)
    await w.spend.settleNow('use_a', { micros: EUR, tokens: 40 }, 'found')
    assert.equal((await w.meters()).get('company 2026-11-02 billed EUR'), `${4 * EUR} 40 2`)
    assert.equal((await w.diagnose()).difference, null)
  },
)

onEachStore('the last euro is taken once, whoever asks for it', async (url) => {
  await using w = await World.open(url, [budget({ name: 'month', per: 'month', money: euros('10') })])
  const other = await w.second()
  const asked = Array.from({ length: 40 }, (_, i) => (i % 2 ? w : other).spend.reserveNow(useOf(`n${i}`, 1)))
  const answers = await Promise.all(asked)
  await other.close()
  assert.equal(answers.filter((a) => a.over === null).length, 10)
  assert.equal((await w.uses()).length, 10)
  assert.deepEqual(await w.meters(), await w.added())
})

onEachStore('over a budget only where the operator said so, and that stands on the record', async (url) => {
  await using w = await World.open(url, [
    budget({ name: 'all', per: 'day', money: euros('5') }),
    budget({ name: 'triage', of: { agent: 'triage' }, per: 'day', tokens: 100 }),
  ])
  const use = useOf('a', 6, { agent: 'triage', tokens: 10 })
  assert.match((await w.spend.reserveNow(use)).over ?? '', /"all"/)
  assert.deepEqual(await w.spend.reserveNow(use, { overBudget: true }), { over: null })
  assert.equal((await w.uses())[0]!.over_budget, 'all')
  assert.match((await w.spend.reserveNow(useOf('b', 0.01))).over ?? '', /"all"/)
  // What costs nothing is in no money budget's way, and what another agent does is in none of triage's.
  assert.deepEqual(await w.spend.reserveNow(useOf('c', 0, { agent: 'draft', tokens: 1_000 })), { over: null })
  assert.match(
    (await w.spend.reserveNow(useOf('d', 0, { agent: 'triage', tokens: 91 }))).over ?? '',
    /"triage" \(agent triage, a day\): 10 tokens of 100 tokens/,
  )
  assert.equal((await w.diagnose()).difference, null)
})

onEachStore('another currency counts at its rate, and asks where there is none', async (url) => {
  const rated = budget({ name: 'rated', per: 'month', money: euros('10'), rates: { USD: '0.9' } })
  await using w = await World.open(url, [rated])
  const dollars = (id: string, amount: number, currency = 'USD') => w.spend.reserveNow(useOf(id, amount, { currency }))
  assert.deepEqual(await dollars('a', 10), { over: null })
  assert.match((await dollars('b', 2)).over ?? '', /9.00 EUR of 10.00 EUR are spent or reserved, .* 1.80 EUR more/)
  assert.match((await dollars('c', 1, 'CHF')).over ?? '', /no rate for CHF/)
  assert.deepEqual(await w.spend.reserveNow(useOf('d', 1)), { over: null })
  assert.match((await w.spend.reserveNow(useOf('e', 0.01))).over ?? '', /10.00 EUR of 10.00 EUR/)
})

onEachStore('money is what is billed, unless a budget is of another meter', async (url) => {
  await using w = await World.open(url, [
    budget({ name: 'bill', per: 'month', money: euros('1') }),
    budget({ name: 'plan', per: 'month', count: 2, meter: 'quota' }),
  ])
  assert.deepEqual(await w.spend.reserveNow(useOf('a', 5, { meter: 'imputed' })), { over: null })
  assert.deepEqual(await w.spend.reserveNow(useOf('b', 1)), { over: null })
  const quota = (id: string) => w.spend.reserveNow(useOf(id, 0, { meter: 'quota', currency: null }))
  assert.deepEqual([(await quota('c')).over, (await quota('d')).over], [null, null])
  assert.match((await quota('e')).over ?? '', /"plan"/)
})

onEachStore('a budget that is new in the middle of a month knows what was spent', async (url) => {
  await using w = await World.open(url)
  await w.spend.reserveNow(useOf('a', 3, { workflow: 'answer-mail' }))
  w.clock.advance(86_400_000)
  await w.spend.reserveNow(useOf('b', 1, { workflow: 'answer-mail' }))
  const of = { workflow: 'answer-mail' }
  const budgets = [
    budget({ name: 'month', of, per: 'month', money: euros('9') }),
    budget({ name: 'day', of, per: 'day', money: euros('9') }),
  ]
  const limits = await new Spend(w.store, budgets, 'UTC').limits()
  assert.deepEqual(
    limits.map((l) => [l.budget.name, l.used]),
    [
      ['month', 4 * EUR],
      ['day', EUR],
    ],
  )
})

onEachStore('days and months are those of the zone', async (url) => {
  await using w = await World.open(url, [budget({ name: 'day', per: 'day', count: 1 })], 'Europe/Vienna')
  w.clock.advance(Date.UTC(2026, 10, 30, 22, 30) - w.clock.now())
  await w.spend.reserveNow(useOf('a', 1))
  assert.match((await w.spend.reserveNow(useOf('b', 1))).over ?? '', /"day"/)
  w.clock.advance(30 * MINUTE_MS)
  assert.deepEqual(await w.spend.reserveNow(useOf('b', 1)), { over: null })
  assert.deepEqual(
    (await w.uses()).map((u) => u.day),
    ['2026-11-30', '2026-12-01'],
  )
  assert.ok((await w.meters()).has('company 2026-12 billed EUR'))
})

void test('a use that cannot be metered is refused', async () => {
  await using w = await World.open(undefined)
  for (const use of [
    { ...useOf('a', 1), id: 'call_a' },
    useOf('a', 1, { micros: 0.5 }),
    useOf('a', 1, { tokens: -1 }),
    useOf('a', 1, { currency: null }),
    useOf('a', 1, { currency: 'euro' }),
  ])
    await assert.rejects(w.spend.reserveNow(use), { code: 'spend.bad_use' })
})

type Op =
  | { readonly op: 'reserve'; readonly agent: string; readonly cents: number; readonly over: boolean }
  | { readonly op: 'settle'; readonly which: number; readonly part: number; readonly count: 0 | 1 }

const reserveOp = fc.record({
  op: fc.constant('reserve' as const),
  agent: fc.constantFrom('a', 'b'),
  cents: fc.integer({ min: 0, max: 60 }),
  over: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})
const settleOp = fc.record({
  op: fc.constant('settle' as const),
  which: fc.nat(50),
  part: fc.integer({ min: 0, max: 100 }),
  count: fc.constantFrom(0 as const, 1 as const),
})
/** What happens at the same moment; then perhaps the process dies, and an hour goes by. */
const moment = fc.record({
  together: fc.array(fc.oneof(reserveOp, settleOp), { minLength: 1, maxLength: 8 }),
  crash: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  hour: fc.boolean(),
})

onEachStore(
  'whatever happens in whatever order, meters are the sum of uses and within what was allowed',
  async (url) => {
    const LIMIT = 100
    const budgets = ['a', 'b'].map((agent) =>
      budget({ name: agent, of: { agent }, per: 'month', money: { amount: '1', currency: agentCurrency(agent) } }),
    )
    let runs = 0
    await using w = await World.open(url, budgets)
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { minLength: 1, maxLength: 12 }), async (moments) => {
        // Each history has a month of its own, so that one database serves all of them.
        w.clock.advance(Date.UTC(2027, runs, 2) - w.clock.now())
        runs++
        const ids: string[] = []
        let other = await w.second()
        for (const { together, crash, hour } of moments) {
          await Promise.all(
            together.map((op, i) => act(i % 2 ? other.spend : w.spend, op, `${runs}_${ids.length}_${i}`, ids)),
          )
          if (crash) {
            await other.close()
            await w.crash()
            other = await w.second()
          }
          if (hour) w.clock.advance(60 * MINUTE_MS)
          await w.driveDue()
        }
        await other.close()
        assert.deepEqual(await w.meters(), await w.added())
        const uses = (await w.uses()).filter((u) => u.id.startsWith(`use_${runs}_`))
        for (const agent of ['a', 'b']) {
          const own = uses.filter((u) => u.agent === agent && u.over_budget === null)
          const cents = own.reduce((sum, u) => sum + u.micros / 10_000, 0)
          assert.ok(cents <= LIMIT, `${agent} spent ${cents}`)
        }
      }),
      // A history on PostgreSQL takes seconds, for every crash connects anew; to shrink one would take minutes.
      { numRuns: url === undefined ? 25 : 4, endOnFailure: true },
    )
    const diagnosis = await w.diagnose()
    assert.equal(diagnosis.difference, null)
    assert.ok(diagnosis.rows > 0)
  },
)

function agentCurrency(agent: string): string {
  return agent === 'a' ? 'EUR' : 'USD'
}

async function act(spend: World['spend'], op: Op, name: string, ids: string[]): Promise<void> {
  if (op.op === 'reserve') {
    const currency = agentCurrency(op.agent)
    const use = useOf(name, op.cents / 100, { agent: op.agent, currency, tokens: op.cents })
    const { over } = await spend.reserveNow(use, { overBudget: op.over })
    if (over === null) ids.push(use.id)
    return
  }
  const id = ids[op.which % Math.max(1, ids.length)]
  if (id === undefined) return
  const reserved = (await spend.find(id))!
  const part = (n: number) => Math.floor((n * op.part) / 100)
  await spend.settleNow(id, { micros: part(reserved.micros), tokens: part(reserved.tokens), count: op.count })
}
