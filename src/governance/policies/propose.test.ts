import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { adoptPolicy, proposePolicy, type Allowance, type PolicyRequest } from '../policy.ts'
import { compile, type PolicyOptions } from './load.ts'
import type { PolicyAction } from './model.ts'

const REFUND: PolicyAction = {
  action: 'billing.refund',
  connector: 'billing',
  risk: 'compensable',
  input: z.object({
    charge: z.string(),
    amount: z.int(),
    currency: z.enum(['EUR', 'USD']).nullable(),
    rush: z.boolean().optional(),
    customer: z.object({ plan: z.string().meta({ policy: 'same' }), since: z.int() }),
  }),
}
const SEND: PolicyAction = {
  action: 'mail.send',
  connector: 'mail',
  risk: 'irreversible',
  input: z.object({ to: z.email(), subject: z.string(), body: z.string() }),
}
const PRINT: PolicyAction = {
  action: 'shop.print',
  connector: 'shop',
  risk: 'irreversible',
  input: z.object({
    text: z.string(),
    copies: z.int(),
    paper: z.enum(['a4', 'a5']),
    code: z.string().regex(/^[A-Z]+$/),
  }),
}
const OPTIONS: PolicyOptions = { actions: [REFUND, SEND, PRINT], workflows: ['answer-mail', 'other'] }

const refunded: Allowance = {
  action: REFUND,
  workflow: 'answer-mail',
  trust: 'verified',
  input: { charge: 'ch_1', amount: 500, currency: 'EUR', customer: { plan: 'pro "x"\n*', since: 7 } },
  money: { micros: 5_000_000, currency: 'EUR' },
  at: Date.UTC(2026, 6, 1, 12),
  before: '',
  taken: [],
}

function requestOf(a: Allowance, change: Partial<PolicyRequest> = {}): PolicyRequest {
  const { workflow, trust, input, money, at } = a
  const { action, connector, risk } = a.action
  return { action, connector, risk, workflow, trust, input, money, at, away: false, used: [], ...change }
}

async function policiesOf(text: string) {
  const { policies, problems } = await compile([{ file: 'policies/allowed.cedar', text }], OPTIONS)
  assert.deepEqual(problems, [])
  return policies!
}

test('what is proposed lets the same and less run, and nothing else', async () => {
  const proposal = proposePolicy(refunded)
  const policies = await policiesOf(proposal.after)
  const used = [{ policy: proposal.id, per: 'day' as const, count: 9, micros: 0 }]
  const outcome = (change: Partial<PolicyRequest> = {}, input = {}) =>
    policies.verdict(requestOf(refunded, { used, ...change, input: { ...(refunded.input as object), ...input } }))
      .outcome
  assert.equal(outcome(), 'run')
  assert.equal(
    outcome({ trust: 'operator', money: { micros: 1, currency: 'EUR' } }, { amount: 1, charge: 'ch_2' }),
    'run',
  )
  assert.equal(outcome({}, { amount: 501 }), 'ask')
  assert.equal(outcome({}, { amount: -1 }), 'ask')
  assert.equal(outcome({}, { currency: 'USD' }), 'ask')
  assert.equal(outcome({}, { currency: null }), 'ask')
  assert.equal(outcome({}, { rush: false }), 'ask')
  assert.equal(outcome({}, { customer: { plan: 'free', since: 7 } }), 'ask')
  assert.equal(outcome({}, { customer: { plan: 'pro "x"\n*', since: 9 } }), 'run')
  assert.equal(outcome({ workflow: 'other' }), 'ask')
  assert.equal(outcome({ workflow: null }), 'ask')
  assert.equal(outcome({ trust: 'outsider' }), 'ask')
  assert.equal(outcome({ money: null }), 'ask')
  assert.equal(outcome({ money: { micros: 5_000_001, currency: 'EUR' } }), 'ask')
  assert.equal(outcome({ used: [{ ...used[0]!, count: 10 }] }), 'ask')
  assert.equal(outcome({ at: Date.UTC(2026, 6, 31, 23) }), 'run')
  assert.equal(outcome({ at: Date.UTC(2026, 7, 1) }), 'ask')
})

test('an irreversible action is proposed only for whom its input pins', async () => {
  const print = { ...refunded, action: PRINT, input: { text: 'x', copies: 1, paper: 'a4', code: 'A' }, money: null }
  assert.throws(() => proposePolicy(print), { code: 'policy.cannot_allow' })
  const twice = await policiesOf(proposePolicy({ ...print, action: { ...PRINT, risk: 'reversible' } }).after)
  const printed = (code: string) =>
    twice.explain(requestOf(print, { input: { text: 'y', copies: 1, paper: 'a4', code } })).findings.length
  assert.deepEqual([printed('A'), printed('B')], [1, 0])
  const mailed: Allowance = {
    ...refunded,
    action: SEND,
    trust: 'outsider',
    input: { to: 'ada@example.org', subject: 'a', body: 'b' },
    money: null,
  }
  const proposal = proposePolicy(mailed)
  const policies = await policiesOf(proposal.after)
  const used = [{ policy: proposal.id, per: 'day' as const, count: 0, micros: 0 }]
  const outcome = (to: string) =>
    policies.verdict(requestOf(mailed, { used, input: { to, subject: 'other', body: 'c' } })).outcome
  assert.equal(outcome('ada@example.org'), 'run')
  assert.equal(outcome('eve@example.org'), 'ask')
})

test('the difference is what a patch program makes of the file before it', async (t) => {
  const folder = await temporary(t)
  await mkdir(join(folder, 'policies'))
  const file = join(folder, 'policies/allowed.cedar')
  for (const before of [
    '',
    '// one line',
    '// one\n',
    '// 1\n// 2\n// 3\n// 4\n// 5\n',
    '\n',
    '// 1\n// 2\n// 3\n// 4',
  ]) {
    const proposal = proposePolicy({ ...refunded, before })
    await (before === '' ? rm(file, { force: true }) : writeFile(file, before))
    execFileSync('git', ['apply', '-'], { cwd: folder, input: proposal.diff })
    assert.equal(await readFile(file, 'utf8'), proposal.after)
  }
})

test('adopting writes the file whole, holds at once, and refuses what was changed meanwhile', async (t) => {
  const folder = await temporary(t)
  const first = proposePolicy(refunded)
  const policies = await adoptPolicy(folder, first, OPTIONS)
  assert.deepEqual(
    policies.list().map((p) => [p.id, p.cap, p.expires]),
    [['allow-billing.refund', '10 per day', '2026-07-31']],
  )
  assert.equal(await readFile(join(folder, first.file), 'utf8'), first.after)
  await assert.rejects(adoptPolicy(folder, first, OPTIONS), { code: 'policy.changed' })
  const second = proposePolicy({ ...refunded, before: first.after, taken: [first.id], perDay: 3, days: 7 })
  assert.equal(second.id, 'allow-billing.refund-2')
  await writeFile(join(folder, 'policies/mine.cedar'), 'permit')
  await assert.rejects(adoptPolicy(folder, second, OPTIONS), { code: 'policy.invalid' })
  assert.equal(await readFile(join(folder, first.file), 'utf8'), first.after)
  await rm(join(folder, 'policies/mine.cedar'))
  assert.equal((await adoptPolicy(folder, second, OPTIONS)).list().length, 2)
  assert.deepEqual(await readdir(join(folder, 'policies')), ['allowed.cedar'])
})

test('no text from outside ends its string: what is proposed holds for exactly that', async () => {
  const one = fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), async (plan, other) => {
    const proposal = proposePolicy({
      ...refunded,
      workflow: null,
      input: { ...(refunded.input as object), customer: { plan, since: 1 } },
    })
    const policies = await policiesOf(proposal.after)
    assert.equal(policies.list().length, 1)
    const used = [{ policy: proposal.id, per: 'day' as const, count: 0, micros: 0 }]
    const outcome = (p: string) =>
      policies.verdict(
        requestOf(refunded, {
          used,
          workflow: null,
          input: { ...(refunded.input as object), customer: { plan: p, since: 1 } },
        }),
      ).outcome
    assert.equal(outcome(plan), 'run')
    assert.equal(outcome(other), other.toWellFormed() === plan.toWellFormed() ? 'run' : 'ask')
  })
  await fc.assert(one, { numRuns: 20 })
})

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-propose-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
