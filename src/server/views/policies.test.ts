import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import studio from '../../../examples/studio/company.ts'
import { Shop } from '../../../test/shop.ts'
import { compile } from '../../governance/policies/load.ts'
import { loadPolicies, type Policies, type PolicyRequest } from '../../governance/policy.ts'
import { workflow } from '../../index.ts'
import { testCompany } from '../../testing.ts'
import { adoptFor, policyOptions, proposeFor, readPolicyTest, testEffect } from './policies.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const RECIPES = join(ROOT, 'docs/recipes')
const actions = studio.connectors.flatMap((c) => c.actions)

async function policiesOf(file: string, text: string): Promise<Policies> {
  const { policies, problems } = await compile([{ file, text }], policyOptions(studio))
  assert.deepEqual(problems, [])
  assert.deepEqual(policies!.warnings, [])
  return policies!
}

const recipe = async (name: string) => policiesOf(name, await readFile(join(RECIPES, name), 'utf8'))

const REFUND: PolicyRequest = {
  action: 'billing.refund',
  connector: 'billing',
  workflow: 'answer-mail',
  risk: 'compensable',
  trust: 'verified',
  input: { charge: 'ch_1', amount: 1900, currency: 'EUR', customer: 'ada@example.org', reason: 'twice' },
  money: null,
  at: Date.parse('2026-07-01T12:00:00Z'),
  away: false,
  used: [],
}
const SEND: PolicyRequest = {
  ...REFUND,
  action: 'mail.send',
  connector: 'mail',
  risk: 'irreversible',
  input: { to: 'ada@example.org', subject: 'a', body: 'b' },
}

test('the example of docs/policies.md is in order, and its test comes out as it expects', async () => {
  const page = await readFile(join(ROOT, 'docs/policies.md'), 'utf8')
  const blocks = (kind: string) =>
    [...page.matchAll(new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\``, 'gms'))].map((m) => m[1]!)
  const cedar = blocks('cedar')
  assert.equal(cedar.length, 1)
  const policies = await policiesOf('docs/policies.md', cedar[0]!)
  const { request, expect } = readPolicyTest(blocks('json')[0]!, actions, policies, 0)
  assert.equal(expect, 'run')
  assert.equal(policies.verdict(request).outcome, expect)
  const used = [{ policy: 'small-refunds', per: 'day' as const, count: 5, micros: 0 }]
  assert.equal(policies.verdict({ ...request, used }).outcome, 'ask')
})

test('the policies of the sample are in order', async () => {
  const policies = await loadPolicies(join(ROOT, 'examples/studio'), policyOptions(studio))
  assert(policies.list().length > 0)
  assert.match(policies.verdict({ ...SEND, trust: 'outsider' }).reason, /outsiders-final-ask/)
})

test('every recipe does what it says, and all of them go together', async () => {
  const names = (await readdir(RECIPES)).sort()
  assert.equal(names.length, 5)
  const texts = await Promise.all(names.map((name) => readFile(join(RECIPES, name), 'utf8')))
  await policiesOf('all.cedar', texts.join('\n'))

  const used = [{ policy: 'small-refunds', per: 'day' as const, count: 4, micros: 0 }]
  const small = await recipe('1-small-refunds.cedar')
  assert.equal(small.verdict({ ...REFUND, used }).outcome, 'run')
  assert.equal(small.verdict({ ...REFUND, used, at: Date.parse('2026-07-01T22:00:00Z') }).outcome, 'ask')
  assert.equal(small.verdict({ ...REFUND, used, input: { ...(REFUND.input as object), amount: 2001 } }).outcome, 'ask')
  assert.equal(small.verdict({ ...REFUND, used: [{ ...used[0]!, count: 5 }] }).outcome, 'ask')

  const allowed = '@id("mails") permit (principal, action, resource == Connector::"mail");\n'
  const hours = await policiesOf('2.cedar', allowed + texts[1]!)
  assert.equal(hours.verdict(SEND).outcome, 'run')
  assert.match(hours.verdict({ ...SEND, at: Date.parse('2026-07-04T12:00:00Z') }).reason, /mail-in-working-hours/)
  assert.equal(hours.verdict({ ...SEND, at: Date.parse('2026-07-01T18:00:00Z') }).outcome, 'ask')

  const outside = await policiesOf('3.cedar', texts[2]! + texts[0]!)
  assert.equal(outside.verdict({ ...REFUND, used }).outcome, 'run')
  assert.match(outside.verdict({ ...REFUND, used, trust: 'outsider' }).reason, /outsiders-ask/)

  const cap = await recipe('4-monthly-cap.cedar')
  const spent = (micros: number) => [{ policy: 'spend-a-little', per: 'month' as const, count: 1, micros }]
  const money = { micros: 20_000_000, currency: 'EUR' }
  assert.equal(cap.verdict({ ...REFUND, money, used: spent(180_000_000) }).outcome, 'run')
  assert.equal(cap.verdict({ ...REFUND, money, used: spent(180_000_001) }).outcome, 'ask')
  assert.equal(cap.verdict({ ...SEND, money, used: spent(0) }).outcome, 'ask')
  assert.equal(cap.verdict({ ...SEND, money: { micros: 1_000_000_001, currency: 'EUR' } }).outcome, 'refuse')

  const away = await policiesOf('5.cedar', texts[4]! + texts[0]! + allowed)
  assert.deepEqual([away.verdict(SEND).outcome, away.verdict({ ...REFUND, used }).outcome], ['run', 'run'])
  assert.equal(away.verdict({ ...SEND, away: true }).outcome, 'refuse')
  assert.equal(away.verdict({ ...REFUND, used, away: true }).outcome, 'ask')
})

test('a test that is none says what is wrong', async () => {
  const policies = await recipe('1-small-refunds.cedar')
  const bad = (text: string) => {
    assert.throws(() => readPolicyTest(text, actions, policies, 0), { code: 'policy.bad_test' }, text)
  }
  for (const text of [
    '',
    '{}',
    '{"action":"billing.refnd","trust":"verified"}',
    '{"action":"billing.refund","trust":"verified","input":{}}',
  ])
    bad(text)
  bad(JSON.stringify({ action: REFUND.action, trust: 'verified', input: REFUND.input, expected: 'run' }))
})

test('from a gate: why it asks, a policy that would let it run, and the next one runs', async () => {
  const shop = new Shop()
  const buy = workflow('buy', {}, async (ctx) => (await ctx.act(shop.order(), { item: 'tea', amount: 2 })).state)
  await using company = await testCompany({ workflows: [buy], connectors: [shop.connector()] })
  const c = company.open
  await company.run(buy, null)
  const gate = (await company.queue())[0]!.id
  const effect = (await company.effects())[0]!.id
  assert.match((await testEffect(c, effect)).reason, /^default: /)

  const proposal = await proposeFor(c, gate)
  assert.match(proposal.diff, /^\+ {2}principal == Workflow::"buy",$/m)
  await assert.rejects(adoptFor(c, gate, 'something else'), { code: 'policy.changed' })
  const adopted = await adoptFor(c, gate, proposal.binding)
  const now = await testEffect(c, effect)
  assert.deepEqual([now.outcome, now.policies, now.current], ['run', [adopted.id], true])

  const next = await company.run(buy, null)
  assert.equal(await company.result(next), 'succeeded')
  assert.equal((await company.effects()).find((e) => e.run === next)?.policies, JSON.stringify([adopted.id]))

  // Taken out by hand and allowed once more: its name is free again, and it is on the record again.
  await writeFile(join(c.folder, 'policies/allowed.cedar'), '')
  assert.equal((await adoptFor(c, gate, (await proposeFor(c, gate)).binding)).id, adopted.id)
  const kinds = await c.store.engine.queryText(`select seq from event where kind = 'policy.adopted@1'`, [])
  assert.equal(kinds.length, 2)

  await writeFile(
    join(c.folder, 'policies/no.cedar'),
    '@id("no") @reason("not today") forbid (principal, action, resource);',
  )
  await assert.rejects(proposeFor(c, gate), {
    code: 'policy.no_use',
    message: /refused, by policies\/no\.cedar:1 no: not today/,
  })
  const changed = await testEffect(c, effect)
  assert.deepEqual([changed.outcome, changed.current], ['refuse', false])
  assert.match(changed.reason, /^policies\/no\.cedar:1 no: not today$/)
  await writeFile(join(c.folder, 'policies/no.cedar'), 'forbid')
  await assert.rejects(testEffect(c, effect), { code: 'policy.invalid' })
})

test('a cap holds over effects that ran, and the next one asks', async () => {
  const shop = new Shop()
  const buy = workflow('buy', {}, async (ctx) => (await ctx.act(shop.order(), { item: 'tea', amount: 2 })).state)
  await using company = await testCompany({ workflows: [buy], connectors: [shop.connector()] })
  const policies = join(company.open.folder, 'policies')
  await mkdir(policies)
  await cp(join(RECIPES, '3-outsiders-ask.cedar'), join(policies, 'outsiders.cedar'))
  await writeFile(
    join(policies, 'tea.cedar'),
    '@id("tea") @cap("2 per day") permit (principal, action == Action::"shop.order", resource) when { context.input.item == "tea" };',
  )
  await company.open.loadPolicies()
  for (let i = 0; i < 2; i++) assert.equal(await company.result(await company.run(buy, null)), 'succeeded')
  await company.run(buy, null)
  const queue = await company.queue()
  assert.equal(queue.length, 1)
  assert.match(queue[0]!.reason, /policies\/tea\.cedar:1 tea: does not count: its cap of 2 per day is used up/)
  await company.advance('1d')
  assert.equal(await company.result(await company.run(buy, null)), 'succeeded')
  await company.check()
})
