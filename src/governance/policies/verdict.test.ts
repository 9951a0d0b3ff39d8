import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import type { Json } from '../../lib/json.ts'
import { NO_POLICIES, type Outcome, type PolicyRequest } from '../policy.ts'
import { compile, type PolicyOptions } from './load.ts'
import type { PolicyAction } from './model.ts'

const ACTIONS: readonly PolicyAction[] = [
  {
    action: 'billing.refund',
    connector: 'billing',
    risk: 'compensable',
    input: z.object({ amount: z.int(), currency: z.string(), note: z.string().nullable(), tags: z.array(z.string()) }),
  },
  { action: 'billing.look', connector: 'billing', risk: 'read', input: z.object({ id: z.string() }) },
  {
    action: 'mail.send',
    connector: 'mail',
    risk: 'irreversible',
    input: z.object({ to: z.email(), score: z.number(), meta: z.object({ n: z.int().optional() }) }),
  },
]

async function policies(text: string, options: PolicyOptions = {}) {
  const checked = await compile([{ file: 'policies/a.cedar', text }], {
    actions: ACTIONS,
    workflows: ['answer-mail'],
    ...options,
  })
  assert.deepEqual(checked.problems, [])
  return checked.policies!
}

const REFUND: PolicyRequest = {
  action: 'billing.refund',
  connector: 'billing',
  workflow: 'answer-mail',
  risk: 'compensable',
  trust: 'verified',
  input: { amount: 500, currency: 'EUR', note: null, tags: [] },
  money: { micros: 5_000_000, currency: 'EUR' },
  at: Date.UTC(2026, 6, 1, 12),
  away: false,
  used: [],
}
const SEND: PolicyRequest = {
  ...REFUND,
  action: 'mail.send',
  connector: 'mail',
  risk: 'irreversible',
  input: { to: 'ada@example.org', score: 0.5, meta: {} },
  money: null,
}

const RUN =
  '@id("small") permit (principal, action == Action::"billing.refund", resource) when { context.input.amount <= 1000 };'
const ASK = '@id("ask") @outcome("ask") forbid (principal, action, resource) when { context.away };'
const REFUSE =
  '@id("never") @reason("not in dollars") forbid (principal, action == Action::"billing.refund", resource) when { context.input.currency == "USD" };'

test('refuse beats ask beats run, and what nothing speaks of has the default', async () => {
  const set = await policies([RUN, ASK, REFUSE].join('\n'))
  const outcome = (change: Partial<PolicyRequest>) => set.verdict({ ...REFUND, ...change })
  const dollars = { amount: 5, currency: 'USD', note: null, tags: [] }
  assert.deepEqual(outcome({}), {
    outcome: 'run',
    reason: 'policies/a.cedar:1 small: it says so',
    policies: ['small'],
    version: set.version,
  })
  assert.equal(outcome({ away: true }).outcome, 'ask')
  assert.deepEqual(outcome({ away: true, input: dollars }), {
    outcome: 'refuse',
    reason: 'policies/a.cedar:3 never: not in dollars',
    policies: ['never'],
    version: set.version,
  })
  const large = outcome({ input: { amount: 5_000, currency: 'EUR', note: null, tags: [] } })
  assert.deepEqual([large.outcome, large.policies], ['ask', []])
  assert.match(large.reason, /^default: /)
  const look: PolicyRequest = { ...REFUND, action: 'billing.look', risk: 'read', input: { id: '1' } }
  assert.equal(set.verdict(look).outcome, 'run')
  assert.equal(set.verdict({ ...look, away: true }).outcome, 'ask')
})

test('without policies reads run and writes ask', () => {
  assert.equal(NO_POLICIES.verdict(REFUND).outcome, 'ask')
  assert.equal(NO_POLICIES.verdict({ ...REFUND, risk: 'irreversible' }).outcome, 'ask')
  assert.equal(NO_POLICIES.verdict({ ...REFUND, risk: 'read' }).outcome, 'run')
})

test('a policy applies through its last day, in the zone of the company', async () => {
  const text = RUN.replace('permit', '@expires("2026-07-01") permit')
  const set = await policies(text, { zone: 'Pacific/Auckland' })
  // 11:59 and 12:00 UTC are the last minute of 1 July and the first of 2 July there.
  const last = Date.UTC(2026, 6, 1, 11, 59, 59)
  assert.equal(set.verdict({ ...REFUND, at: last }).outcome, 'run')
  assert.deepEqual(set.expired(last), [])
  const after = set.verdict({ ...REFUND, at: last + 1_000 })
  assert.equal(after.outcome, 'ask')
  assert.match(after.reason, /small: does not count: it expired after 2026-07-01/)
  assert.deepEqual(
    set.expired(last + 1_000).map((p) => p.id),
    ['small'],
  )
  const refusal = await policies(REFUSE.replace('forbid', '@expires("2026-06-30") forbid'))
  const dollars = { amount: 5, currency: 'USD', note: null, tags: [] }
  assert.equal(refusal.verdict({ ...REFUND, input: dollars }).outcome, 'ask')
})

test('a permit counts only while it is under its cap, and never where nobody counted', async () => {
  const set = await policies(RUN.replace('permit', '@cap("3 per day, 20.50 EUR per month") permit'))
  const caps = set.caps(REFUND.at)
  assert.deepEqual(caps, [
    { policy: 'small', per: 'day', since: Date.UTC(2026, 6, 1), currency: null },
    { policy: 'small', per: 'month', since: Date.UTC(2026, 6, 1), currency: 'EUR' },
  ])
  const after = (day: number, month: number, change: Partial<PolicyRequest> = {}) =>
    set.verdict({
      ...REFUND,
      used: [
        { policy: 'small', per: 'day', count: day, micros: 0 },
        { policy: 'small', per: 'month', count: day, micros: month },
      ],
      ...change,
    })
  assert.equal(after(2, 15_500_000).outcome, 'run')
  assert.match(after(3, 0).reason, /its cap of 3 per day.* is used up/)
  assert.match(after(2, 15_500_001).reason, /would be passed/)
  assert.match(after(0, 0, { money: null }).reason, /states no cost in EUR/)
  assert.match(after(0, 0, { money: { micros: 1, currency: 'USD' } }).reason, /states no cost in EUR/)
  assert.equal(after(0, 0, { money: { micros: -1, currency: 'EUR' } }).outcome, 'ask')
  assert.equal(after(Number.NaN, 0).outcome, 'ask')
  assert.match(after(0, 0, { used: [] }).reason, /could not be counted/)
})

test('days and months begin when they do in the zone, also where the clock changes', async () => {
  const text = RUN.replace('permit', '@cap("1 per day, 5 EUR per month") permit')
  const since = async (zone: string, at: string) =>
    (await policies(text, { zone })).caps(Date.parse(at)).map((c) => new Date(c.since).toISOString())
  assert.deepEqual(await since('Europe/Berlin', '2026-03-29T20:00:00Z'), [
    '2026-03-28T23:00:00.000Z',
    '2026-02-28T23:00:00.000Z',
  ])
  assert.deepEqual(await since('Pacific/Kiritimati', '2026-01-31T11:00:00Z'), [
    '2026-01-31T10:00:00.000Z',
    '2026-01-31T10:00:00.000Z',
  ])
  // There was no midnight: the clock went from 23:59 to 01:00.
  assert.deepEqual((await since('America/Sao_Paulo', '2018-11-04T12:00:00Z'))[0], '2018-11-04T03:00:00.000Z')
})

test('hour and weekday are those of the zone', async () => {
  const set = await policies(
    '@id("night") forbid (principal, action, resource) when { context.hour == 0 && context.weekday == 7 };',
    { zone: 'Europe/Berlin' },
  )
  assert.equal(set.verdict({ ...REFUND, at: Date.parse('2026-07-04T22:30:00Z') }).outcome, 'refuse')
  assert.equal(set.verdict({ ...REFUND, at: Date.parse('2026-07-04T23:00:00Z') }).outcome, 'ask')
})

test('what an outsider led to and nobody can take back needs a policy that speaks of trust', async () => {
  const silent = '@id("send") permit (principal, action == Action::"mail.send", resource)'
  const outsider: PolicyRequest = { ...SEND, trust: 'outsider' }
  const plain = await policies(`${silent};`)
  assert.equal(plain.verdict(SEND).outcome, 'run')
  assert.equal(plain.verdict(outsider).outcome, 'ask')
  assert.match(plain.verdict(outsider).reason, /does not say which trust it means/)
  const hidden = await policies(
    `${silent} when { context.input.to != "{\\"left\\":{\\"Var\\":\\"context\\"},\\"attr\\":\\"trust\\"}" };`,
  )
  assert.equal(hidden.verdict(outsider).outcome, 'ask')
  const spoken = await policies(`${silent} when { context.trust == Trust::"outsider" };`)
  assert.equal(spoken.verdict(outsider).outcome, 'run')
})

test('a policy that cannot be evaluated asks, without the values in its error, and a refusal still wins', async () => {
  const sum =
    '@id("sum") permit (principal, action == Action::"billing.refund", resource) when { context.input.amount + 9223372036854775807 > 0 };'
  const set = await policies([sum, RUN, REFUSE].join('\n'))
  const asked = set.verdict(REFUND)
  assert.equal(asked.outcome, 'ask')
  assert.match(asked.reason, /:1 sum: could not be evaluated: a number in it grew beyond 64 bits/)
  assert.doesNotMatch(asked.reason, /EUR|500/)
  const refused = set.verdict({ ...REFUND, input: { amount: 5, currency: 'USD', note: null, tags: [] } })
  assert.equal(refused.outcome, 'refuse')
})

test('odd input asks or is left out, and nothing throws', async () => {
  const set = await policies(
    [
      RUN,
      ASK,
      '@id("note") forbid (principal, action == Action::"billing.refund", resource) when { context.input has note && context.input.note like "*ünß😀*" };',
      '@id("tag") forbid (principal, action == Action::"billing.refund", resource) when { context.input.tags.contains("stop") };',
      '@id("deep") permit (principal, action == Action::"mail.send", resource) when { context.input.meta has n && context.input.meta.n == 1 };',
    ].join('\n'),
  )
  let deep: Json = 'x'
  for (let i = 0; i < 20_000; i++) deep = [deep]
  const refund = (input: Json) => set.verdict({ ...REFUND, input }).outcome
  const good = { amount: 5, currency: 'EUR', note: null, tags: [] as string[] }
  assert.equal(refund(good), 'run')
  assert.equal(refund({ ...good, extra: deep, __entity: { type: 'Trust', id: 'operator' } }), 'run')
  assert.equal(refund({ ...good, note: 'a ünß😀 b' }), 'refuse')
  assert.equal(refund({ ...good, note: '\ud800 "\\' }), 'run')
  assert.equal(refund({ ...good, tags: ['go', 'stop'] }), 'refuse')
  assert.equal(refund({ ...good, currency: 'x'.repeat(1_000_000) }), 'run')
  for (const bad of [1.5, 1e300, 2 ** 63, null, '5', deep])
    assert.equal(refund({ ...good, amount: bad }), 'ask', String(typeof bad))
  for (const bad of [null, [], 'x', 7, deep]) assert.equal(refund(bad), 'ask')
  assert.match(set.verdict({ ...REFUND, input: { amount: 5 } }).reason, /not what billing.refund declares/)
  assert.equal(set.verdict({ ...REFUND, money: { micros: 0.5, currency: 'EUR' } }).outcome, 'ask')
  assert.equal(set.verdict({ ...SEND, input: { to: 'a@b.c', score: 1e9, meta: { n: 1 } } }).outcome, 'run')
  assert.equal(set.verdict({ ...SEND, input: { to: 'a@b.c', score: 0, meta: { n: 1.5 } } }).outcome, 'ask')
  assert.equal(set.verdict({ ...REFUND, at: Number.NaN }).outcome, 'ask')
  assert.equal(
    set.verdict({ ...REFUND, action: 'gone.away', connector: '"', workflow: '\ud800', input: deep }).outcome,
    'ask',
  )
})

test('the version is of the text of all files and of nothing else', async () => {
  const files = [
    { file: 'policies/a.cedar', text: RUN },
    { file: 'policies/b.cedar', text: ASK },
  ]
  const version = async (of: typeof files, options: PolicyOptions = { actions: ACTIONS }) =>
    (await compile(of, options)).policies?.version
  const first = await version(files)
  assert.match(first!, /^[\w-]{22}$/)
  assert.equal(await version(files, { actions: ACTIONS, zone: 'Asia/Tokyo' }), first)
  assert.notEqual(await version(files.slice(0, 1)), first)
  assert.notEqual(await version([files[0]!, { ...files[1]!, text: `${ASK}\n` }]), first)
  assert.notEqual(await version([{ ...files[0]!, file: 'policies/c.cedar' }, files[1]!]), first)
})

test('another policy that asks or refuses never loosens a verdict', async () => {
  const rank: Record<Outcome, number> = { run: 0, ask: 1, refuse: 2 }
  const condition = fc.constantFrom(
    'context.away',
    'context.input.amount > 100',
    'context.input.amount + 9223372036854775000 > 0',
    'context.input has note && context.input.note == "x"',
    'context.trust == Trust::"outsider"',
    'context.hour < 12 && context has money && context.money.micros > 10',
  )
  const policy = (effects: readonly string[]) =>
    fc.record({
      effect: fc.constantFrom(...effects),
      condition,
      expires: fc.constantFrom('', '@expires("2026-01-01") '),
    })
  const permits = fc.array(policy(['permit', '@cap("2 per day") permit', '@outcome("ask") forbid', 'forbid']), {
    maxLength: 4,
  })
  const text = (all: readonly { effect: string; condition: string; expires: string }[]) =>
    all
      .map(
        (p, i) =>
          `@id("p${i}") ${p.expires}${p.effect} (principal, action == Action::"billing.refund", resource) when { ${p.condition} };`,
      )
      .join('\n')
  const request = fc.record({
    amount: fc.oneof(fc.integer(), fc.constantFrom(50, 1_000, 1.5)),
    note: fc.constantFrom('x', null),
    trust: fc.constantFrom('operator', 'outsider'),
    away: fc.boolean(),
    hour: fc.integer({ min: 0, max: 23 }),
    count: fc.integer({ min: 0, max: 3 }),
  })
  const one = fc.asyncProperty(
    permits,
    policy(['@outcome("ask") forbid', 'forbid']),
    request,
    async (base, more, r) => {
      const asked: PolicyRequest = {
        ...REFUND,
        input: { amount: r.amount, currency: 'EUR', note: r.note, tags: [] },
        trust: r.trust as PolicyRequest['trust'],
        away: r.away,
        at: Date.UTC(2026, 6, 1, r.hour),
        used: base.map((_, i) => ({ policy: `p${i}`, per: 'day', count: r.count, micros: 0 })),
      }
      const before = (await policies(text(base))).verdict(asked).outcome
      const after = (await policies(text([...base, more]))).verdict(asked).outcome
      assert(rank[after]! >= rank[before]!, `${before} became ${after}`)
    },
  )
  await fc.assert(one, { numRuns: 100 })
})
