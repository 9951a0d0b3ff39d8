import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { billing } from '../../../examples/studio/connectors/billing/index.ts'
import studio from '../../../examples/studio/company.ts'
import { fails, openShop, policyFolder, Shop, states, type Sale } from '../../../test/shop.ts'
import { onEachStore } from '../../../test/each-store.ts'
import { budget } from '../../governance/spend/budgets.ts'
import { company, type Company } from '../company.ts'
import { openCompany } from '../open.ts'
import { RULES } from './runbook-actions.ts'
import { sampleInput } from './runbook-sample.ts'
import { runbook } from './runbook.ts'

async function manualOf(t: TestContext, declared: Company): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-runbook-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const open = await openCompany({ folder, company: declared, url: join(folder, 'company.db') })
  try {
    const manual = await runbook(open)
    assert.equal(await runbook(open), manual, 'it is the same as long as nothing changed')
    return manual
  } finally {
    await open.close()
  }
}

const headings = (manual: string): string[] => manual.split('\n').filter((line) => /^#{2,3} /.test(line))

/** The labels of what is said under a heading. */
function said(manual: string, heading: string): string[] {
  const lines = manual.split('\n')
  const from = lines.indexOf(heading)
  assert.notEqual(from, -1, `there is ${heading}`)
  const until = lines.findIndex((line, i) => i > from && /^#{2,3} /.test(line))
  return lines.slice(from, until === -1 ? undefined : until).flatMap((line) => /^- \*\*(.*?)\*\*/.exec(line)?.[1] ?? [])
}

function line(manual: string, heading: string, label: string): string {
  return manual
    .slice(manual.indexOf(`\n${heading}\n`))
    .split('\n')
    .find((l) => l.startsWith(`- **${label}**`))!
}

const DECLARED = company({
  name: 'Pipes | <b>and</b> `ticks`',
  connectors: [new Shop().connector()],
  workflows: [new Shop().buy()],
  budgets: [budget({ name: 'orders', of: { action: 'shop.order' }, per: 'day', count: 3 })],
})

test('a small company: every part has its place, in one order', async (t) => {
  const manual = await manualOf(t, DECLARED)
  assert.deepEqual(headings(manual), [
    '## Every day',
    '## When something is wrong',
    '## Connectors',
    '### shop',
    '## Actions',
    '### shop.look',
    '### shop.order',
    '### shop.pay',
    '### shop.print',
    '## Policies',
    '## Workflows',
    '### buy',
    '### plan',
    '## Agents',
    '## Budgets',
    '## Record, keys and backup',
  ])
  assert.deepEqual(said(manual, '### shop'), ['Acts at', 'Limits', 'Probe', 'When it is broken', 'Actions'])
  assert.deepEqual(said(manual, '### buy'), ['Started by', 'Lane', 'Limit', 'Was seen using', 'To stop it'])
  assert.match(manual, /`orders`, of `action:shop.order`: 3 uses a day/)
  assert.match(
    manual,
    /^# Pipes \\\| \\<b\\>and\\<\/b\\> \\`ticks\\`: operations manual$/m,
    'a name is text, not markup',
  )
})

const PROCEDURE = [
  'Takes',
  'Risk',
  'Used by',
  'Asks?',
  'Hold',
  'Time-out',
  'Cost',
  'Undo',
  'When it fails for now',
  'When it is refused for good',
  'When nobody knows whether it happened',
  'As a dead letter',
]

test('the sample: every action of every connector is there with its whole procedure', async (t) => {
  const manual = await manualOf(t, studio)
  const actions = studio.connectors.flatMap((c) => c.actions)
  assert.ok(actions.length >= 6)
  for (const { action } of actions) {
    const labels = said(manual, `### ${action}`)
    assert.deepEqual(
      PROCEDURE.filter((label) => !labels.includes(label)),
      [],
      action,
    )
  }
  for (const { workflow } of studio.workflows) said(manual, `### ${workflow}`)
  for (const { agent } of studio.agents) said(manual, `### ${agent}`)
})

test('what an action has besides is said: a lane, a look outside, an undo', async (t) => {
  const shop = new Shop()
  shop.also = { lane: () => 'till', observe: async () => null, cost: () => ({ micros: 12_500_000, currency: 'EUR' }) }
  const manual = await manualOf(t, company({ name: 'Small', connectors: [shop.connector()] }))
  const labels = said(manual, '### shop.order')
  for (const label of ['Lane', 'Looks outside first', 'When nobody knows whether it was taken back'])
    assert.ok(labels.includes(label), label)
  assert.match(line(manual, '### shop.order', 'Cost'), /12\.50 EUR/)
  assert.ok(!said(manual, '### shop.print').includes('When nobody knows whether it was taken back'))
  assert.match(line(manual, '### shop.print', 'Undo'), /cannot be taken back/)
  assert.match(line(manual, '### shop.pay', 'When nobody knows whether it happened'), /tried again with the same key/)
  assert.match(line(manual, '### shop.order', 'When nobody knows whether it happened'), /not tried again/)
})

test('an action whose own words do not take an example is there without one', async (t) => {
  const shop = new Shop()
  shop.also = {
    title: () => {
      throw new Error('no')
    },
    input: z.custom<Sale>((v) => v instanceof Map),
  }
  const manual = await manualOf(t, company({ name: 'Small', connectors: [shop.connector()] }))
  assert.ok(PROCEDURE.every((label) => said(manual, '### shop.order').includes(label)))
  assert.ok(!manual.includes('For example'))
})

test('what asks is what the policies say, by who led to it', async (t) => {
  const folder = await policyFolder(
    `@id("trusted") @reason("known") permit (principal == Workflow::"buy", action == Action::"shop.pay", resource)
     when { context.trust == Trust::"operator" };`,
  )
  t.after(() => rm(folder, { recursive: true, force: true }))
  const open = await openCompany({ folder, company: DECLARED, url: join(folder, 'company.db') })
  const manual = await runbook(open)
  await open.close()
  const pay = manual.slice(manual.indexOf('### shop.pay'), manual.indexOf('### shop.print'))
  assert.match(pay, /it runs without asking \(.*trusted.*\): `buy`, where operator led to it$/m)
  assert.match(
    pay,
    /it asks \(.*\): `buy`, where verified or outsider led to it; you by hand, where anybody led to it$/m,
  )
  assert.match(line(manual, '### shop.order', 'Asks?'), /it asks .*whoever led to it/)
})

onEachStore('who uses what comes from the record', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url)
  await c.run(shop.buy(), [{ verb: 'look', item: 'tea' }])
  const { markdown } = await c.ask('runbook', {})
  assert.equal(line(markdown, '### shop.look', 'Used by'), '- **Used by** `buy`.')
  assert.match(line(markdown, '### buy', 'Was seen using'), /actions: `shop\.look`; agents: none/)
  assert.ok(!markdown.includes('tea'), 'nothing of what was done is in it')
})

test('no secret of a connector is in it', async (t) => {
  const token = 'tok-9f3c1b7a55e2'
  const connected = billing.connect({ url: 'http://127.0.0.1:9/books', token })
  const manual = await manualOf(t, company({ name: 'Secretive', connectors: [connected] }))
  assert.ok(manual.includes('http://127.0.0.1:9/books'))
  assert.ok(!manual.includes(token))
  const keys = ['company.key', 'ledger.key']
  const folder = await mkdtemp(join(tmpdir(), 'factotum-runbook-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const open = await openCompany({ folder, company: DECLARED, url: join(folder, 'company.db') })
  const text = await runbook(open)
  await open.close()
  for (const key of keys)
    assert.ok(!text.includes((await readFile(join(folder, 'data', 'keys', key), 'utf8')).trim()), key)
})

test('the rules that it states are those that a company goes by: tries and pauses', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  shop.script = Array.from({ length: 20 }, () => fails('transient'))
  await c.run(shop.buy(), [{ item: 'tea' }])
  await c.decide('approve')
  const longest = Array.from({ length: RULES.tries }, (_, i) => RULES.firstBackoffMs * 2 ** i).reduce((a, b) => a + b)
  await c.advance(longest)
  assert.deepEqual(await states(c), { tea: 'failed' })
  assert.equal(shop.called('shop.order').length, RULES.tries)
  // Five failures of tries are five of the service.
  assert.equal(RULES.tries, RULES.breaksAfter)
  const [broken] = (await c.ask('status', {})).services
  assert.equal(broken!.until! - broken!.changed_at, RULES.firstPauseMs)
})

test('the rules that it states are those that a company goes by: patience with a service', async () => {
  const shop = new Shop()
  await using c = await openShop(shop)
  shop.script = [
    fails('transient', 'shop.later', RULES.maxRetryAfterMs),
    fails('transient', 'shop.later', RULES.maxRetryAfterMs + 1),
  ]
  await c.run(shop.buy(), [{ item: 'tea' }])
  await c.decide('approve')
  assert.deepEqual(await states(c), { tea: 'retrying' })
  c.clock.advance(RULES.maxRetryAfterMs)
  await c.idle()
  assert.deepEqual(await states(c), { tea: 'failed' })
})

test('the rules that it states are those that a company goes by: how long an approval is good', async () => {
  for (const [more, state] of [
    [0, 'succeeded'],
    [1, 'gated'],
  ] as const) {
    const shop = new Shop()
    await using c = await openShop(shop)
    await c.run(shop.buy(), [{ item: 'tea' }])
    await c.ask('pause', {})
    await c.decide('approve')
    c.clock.advance(RULES.freshMs + more)
    await c.idle()
    await c.ask('resume', {})
    await c.idle()
    assert.deepEqual(await states(c), { tea: state })
  }
})

test('an example is made of a schema alone, or there is none', () => {
  const fits = z.object({
    to: z.email(),
    currency: z.string().regex(/^[A-Z]{3}$/),
    amount: z.int().positive(),
    kind: z.enum(['a', 'b']),
    day: z.iso.date(),
    note: z.string().max(200).optional(),
    lines: z.array(z.object({ what: z.string() })).min(2),
    maybe: z.string().nullable(),
  })
  assert.deepEqual(sampleInput(fits), {
    to: 'someone@example.org',
    currency: 'EUR',
    amount: 1,
    kind: 'a',
    day: '2026-01-02',
    lines: [{ what: 'some what' }, { what: 'some what' }],
    maybe: 'some maybe',
  })
  assert.equal(sampleInput(z.object({ odd: z.string().regex(/^q{7}z$/) })), undefined)
  assert.equal(sampleInput(z.object({ own: z.custom((v) => v instanceof Map) })), undefined)
})
